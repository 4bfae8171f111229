"""Fixtures that many tests share: a migrated database copied for each test, and the sample network read once.

Migrations take most of a second; a copy of the migrated file takes a millisecond.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from supplychain.domain.network import Catalogue
from supplychain.platforms.network_files import read_catalogue
from supplychain.storage.engine import Database
from supplychain.storage.migrate import upgrade
from supplychain.storage.store import SqlStore

# A busy machine makes no property wrong: examples are limited by number, never by time. The default run tries the same ones each
# time, so that a change is judged by what it changed; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))

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


def _server_programs() -> Path | None:
    asked = shutil.which("pg_config")
    if asked is None:
        return None
    folder = Path(subprocess.run([asked, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())
    return folder if (folder / "initdb").exists() and (folder / "pg_ctl").exists() else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a throw-away PostgreSQL cluster on a free port.

    PostgreSQL refuses to run as root, and Debian keeps its server programs outside the search path.
    """
    programs = _server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server programs (pg_config --bindir)")
    user: str | None = None
    if os.geteuid() == 0:
        try:
            user = pwd.getpwnam("postgres").pw_name
        except KeyError:
            pytest.skip("PostgreSQL refuses to run as root and there is no user postgres")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if user:
        shutil.chown(folder, user)

    def run(*command: str) -> None:
        subprocess.run(command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=120)

    data, port = str(folder / "data"), _free_port()
    try:
        run(str(programs / "initdb"), "-D", data, "-U", "test", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run(str(programs / "pg_ctl"), "-D", data, "-l", str(folder / "log"), "-w", "-o", options, "start")
        yield f"postgresql+psycopg://test@127.0.0.1:{port}/postgres"
        run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
