"""The fixtures of the fault tests: brokers and databases of every kind, the history, and its fault-free end."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.kafka_node import KafkaNode, missing_for_kafka
from supplychain.domain.network import Catalogue
from supplychain.messages.topics import partition_counts
from tests.faults.dump import differences, dump
from tests.faults.history import Written, evening
from tests.faults.stage import Stage

_databases = itertools.count()

MakeStage = Callable[..., Stage]


def new_database(server: str) -> str:
    """Return the URL of a new, empty database on a PostgreSQL server."""
    name = f"stage_{next(_databases)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def history(sample_network: Catalogue) -> list[Written]:
    """Twenty minutes of a simulated evening with every fault that senders make."""
    return evening(sample_network, 20)


@pytest.fixture
def make_stage(request: pytest.FixtureRequest, tmp_path: Path, sample_network: Catalogue) -> Iterator[MakeStage]:
    """Makes stages on a fresh broker and database of the kinds asked for; they end with the test."""
    with ExitStack() as ending:
        numbers = itertools.count()

        def make(broker: str = "embedded", database: str = "sqlite", **settings: Any) -> Stage:
            folder = tmp_path / f"stage-{next(numbers)}"
            if broker == "kafka":
                if missing := missing_for_kafka():
                    pytest.skip(missing)
                running: EmbeddedBroker | KafkaNode = KafkaNode(folder / "kafka")
            else:
                running = EmbeddedBroker(partition_counts())
            ending.enter_context(running)
            if database == "postgres":
                settings["database_url"] = new_database(request.getfixturevalue("postgres"))
            stage = Stage(folder, running, sample_network, **settings)
            ending.callback(stage.close)
            return stage

        yield make


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A stage on the embedded broker and SQLite."""
    return make_stage()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, sample_network: Catalogue, history: list[Written]) -> bytes:
    """The dump of a run of `history` without any fault."""
    with EmbeddedBroker(partition_counts()) as broker:
        stage = Stage(tmp_path_factory.mktemp("undisturbed") / "stage", broker, sample_network)
        stage.publish(history)
        with stage.role() as worker:
            stage.until_all_read(worker)
        end = dump(stage)
        stage.close()
    return end


@pytest.fixture(scope="session")
def assert_undisturbed(undisturbed: bytes) -> Callable[[Stage], None]:
    """Compares a stage with the fault-free run and tells what differs."""

    def compare(stage: Stage) -> None:
        found = dump(stage)
        assert found == undisturbed, differences(found, undisturbed)

    return compare
