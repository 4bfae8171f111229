"""Fixtures that many tests share: a migrated database copied for each test, and the sample network read once.

Migrations take most of a second; a copy of the migrated file takes a millisecond.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from supplychain.domain.network import Catalogue
from supplychain.platforms.network_files import read_catalogue
from supplychain.storage.engine import Database
from supplychain.storage.migrate import upgrade
from supplychain.storage.store import SqlStore

# A busy machine makes no property wrong: examples are limited by number, never by time.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema and no rows; never open it for writing."""
    path = tmp_path_factory.mktemp("migrated") / "template.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty database of this test alone."""
    path = tmp_path / "test.db"
    shutil.copyfile(migrated_file, path)
    opened = Database(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> SqlStore:
    """The store on the database of this test."""
    return SqlStore(database)


@pytest.fixture(scope="session")
def sample_network() -> Catalogue:
    """The sample network under `config/network`."""
    folder = ROOT / "config" / "network"
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in {".csv", ".toml"}}
    catalogue, findings = read_catalogue(files)
    assert catalogue is not None, [str(finding) for finding in findings[:5]]
    return catalogue
