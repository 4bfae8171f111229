"""Bring a database to the newest schema with Alembic; every start does it, an up-to-date database costs milliseconds."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from supplychain.storage.engine import Database

_ADVISORY = 7_301


def config(url: str) -> Config:
    """Return the Alembic configuration of the migrations in this package."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return settings


def upgrade(database: Database) -> None:
    """Run the missing migrations in one transaction; two starting processes wait for each other."""
    with database.write() as connection:
        database.exclusive(connection, _ADVISORY)
        settings = config(database.url)
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
