"""forecasts of the shelf and how true they came"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "shelf_forecasts",
        sa.Column("model", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.String(length=255), nullable=False),
        sa.Column("first_day", sa.BigInteger(), nullable=False),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("method", sa.String(length=255), nullable=False),
        sa.Column("tuning_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model", "sku", name=op.f("pk_shelf_forecasts")),
    )
    op.create_table(
        "shelf_scores",
        sa.Column("day", sa.String(length=255), nullable=False),
        sa.Column("segment", sa.String(length=255), nullable=False),
        sa.Column("model", sa.BigInteger(), nullable=False),
        sa.Column("series", sa.BigInteger(), nullable=False),
        sa.Column("inside", sa.BigInteger(), nullable=False),
        sa.Column("pieces", sa.Float(), nullable=False),
        sa.Column("expected", sa.Float(), nullable=False),
        sa.Column("error", sa.Float(), nullable=False),
        sa.Column("loss", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("day", "segment", name=op.f("pk_shelf_scores")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("shelf_scores")
    op.drop_table("shelf_forecasts")
