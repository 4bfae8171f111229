"""Alembic's entry: runs on the connection that `storage.migrate` hands over."""

from __future__ import annotations

from alembic import context

from supplychain.storage.tables import metadata


def run() -> None:
    """Run migrations inside the caller's transaction, or on a connection of our own from the command line."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        from supplychain.storage.engine import Database

        url = context.config.get_main_option("sqlalchemy.url") or ""
        with Database(url).write() as own:
            context.configure(connection=own, target_metadata=metadata, compare_type=True)
            context.run_migrations()
        return
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    context.run_migrations()


run()
