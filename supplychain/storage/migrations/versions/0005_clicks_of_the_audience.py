"""clicks of the audience, and by item; calibrated thresholds of the spike detector"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
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
    op.create_table(
        "thresholds",
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shape", sa.String(length=255), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_wall", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_thresholds")),
    )
