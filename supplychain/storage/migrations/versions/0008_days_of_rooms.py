"""what each room and host sold on each day, and how long they were on the air: their priors learn from it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "room_days",
        sa.Column("day", sa.String(length=255), nullable=False),
        sa.Column("room", sa.String(length=255), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        sa.Column("minutes", sa.BigInteger(), nullable=False),
        sa.Column("offer_minutes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "room", "host", name=op.f("pk_room_days")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("room_days")
