"""keys made of offsets name the broker's cluster: another broker begins its offsets anew"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEYS = {
    "corrections": ["topic", "partition", "offset"],
    "seen_blocks": ["topic", "partition", "hour", "first_offset"],
}


def upgrade() -> None:
    """Apply. Rows from before belong to a cluster without a name; ids and corrections stay what they are."""
    for table, keys in _KEYS.items():
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("cluster", sa.String(length=255), nullable=False, server_default=""))
            batch.drop_constraint(op.f(f"pk_{table}"), type_="primary")
            batch.create_primary_key(op.f(f"pk_{table}"), ["cluster", *keys])
        with op.batch_alter_table(table) as batch:
            batch.alter_column("cluster", server_default=None)
    with op.batch_alter_table("dead_letters") as batch:
        batch.drop_constraint(op.f("uq_dead_letters_topic_partition_offset_reason"), type_="unique")
        batch.create_index(op.f("ix_dead_letters_created_wall"), ["created_wall"])


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("dead_letters") as batch:
        batch.drop_index(op.f("ix_dead_letters_created_wall"))
        batch.create_unique_constraint(
            op.f("uq_dead_letters_topic_partition_offset_reason"), ["topic", "partition", "offset", "reason"]
        )
    for table, keys in _KEYS.items():
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(op.f(f"pk_{table}"), type_="primary")
            batch.create_primary_key(op.f(f"pk_{table}"), keys)
            batch.drop_column("cluster")
