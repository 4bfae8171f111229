"""room in the pages of windows, so that what a chunk adds to a row stays in its page"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply, on PostgreSQL: an update that finds room beside its row leaves the three indexes alone, for twice the disk."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE windows SET (fillfactor = 50)")


def downgrade() -> None:
    """Undo."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE windows RESET (fillfactor)")
