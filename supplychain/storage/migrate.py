"""Bring a database to the newest schema with Alembic; every start does it.

An up-to-date database is known by its revision: Alembic itself takes half a second to import, which a worker that is awaited
after a crash should not spend.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, text

from supplychain.storage.engine import Database

if TYPE_CHECKING:
    from alembic.config import Config

_ADVISORY: Final = 7_301
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def config(url: str) -> Config:
    """Return the Alembic configuration of the migrations in this package."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(_MIGRATIONS))
    settings.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return settings


def upgrade(database: Database) -> None:
    """Run the missing migrations in one transaction; two starting processes wait for each other."""
    if revision(database) == newest():
        return
    from alembic import command

    with database.write() as connection:
        database.exclusive(connection, _ADVISORY)
        settings = config(database.url)
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def newest() -> str:
    """Return the revision of the newest migration in this package."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def revision(database: Database) -> str | None:
    """Return the revision of a database, None for one without a schema."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return found
