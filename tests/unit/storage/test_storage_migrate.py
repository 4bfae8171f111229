"""A database that is up to date is known by its revision alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from supplychain.storage import migrate
from supplychain.storage.engine import Database


def test_newest_revision_is_alembics_head() -> None:
    assert migrate.newest() == ScriptDirectory.from_config(migrate.config("sqlite:///x")).get_current_head()


def test_revision_of_nothing_is_none_and_of_what_was_upgraded_the_newest(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new.db")
    assert migrate.revision(database) is None
    migrate.upgrade(database)
    assert migrate.revision(database) == migrate.newest()
    database.close()


def test_up_to_date_database_is_left_alone_and_an_older_one_is_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(migrate, "config", asked.append)
    migrate.upgrade(database)
    assert asked == []
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(AttributeError):
        migrate.upgrade(database)
    assert asked == [database.url]
