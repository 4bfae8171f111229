"""clicks of the audience, and by item"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("audience", sa.Column("clicks", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "item_clicks",
        sa.Column("room", sa.String(length=255), nullable=False),
        sa.Column("bin_start", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.String(length=255), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room", "bin_start", "sku", name=op.f("pk_item_clicks")),
    )
