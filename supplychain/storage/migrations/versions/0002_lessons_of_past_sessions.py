"""lessons of past sessions"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "lessons",
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.String(length=255), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.Column("learned_through", sa.BigInteger(), nullable=False),
        sa.Column("created_wall", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_lessons")),
        sa.UniqueConstraint("digest", name=op.f("uq_lessons_digest")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("lessons")
