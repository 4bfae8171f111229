"""the audience and its clicks by bin: each chunk of sales reads the last few bins of all rooms"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_audience_bin_start", "audience", ["bin_start"], unique=False)
    op.create_index("ix_item_clicks_bin_start", "item_clicks", ["bin_start"], unique=False)


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_item_clicks_bin_start", table_name="item_clicks")
    op.drop_index("ix_audience_bin_start", table_name="audience")
