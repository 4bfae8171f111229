"""The table of idempotency keys, on SQLite as the service uses it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from supplychain.domain.errors import ConflictError, InvalidInputError
from supplychain.storage.engine import Database
from supplychain.storage.idempotency_store import KEPT_MS, LEASE_MS, KeptAnswer, SqlIdempotency
from supplychain.storage.tables import idempotency

NOW = 1_795_435_200_000


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[SqlIdempotency]:
    database = Database(f"sqlite:///{tmp_path / 'keys.db'}")
    with database.write() as connection:
        idempotency.create(connection)
    yield SqlIdempotency(database)
    database.close()


def test_first_runs_second_waits_third_gets_the_answer(rows: SqlIdempotency) -> None:
    assert rows.begin("k", "f", NOW) is None
    with pytest.raises(ConflictError):
        rows.begin("k", "f", NOW + 1)
    rows.finish("k", 202, b"{}")
    assert rows.begin("k", "f", NOW + 2) == KeptAnswer(202, b"{}")


def test_another_payload_is_refused_running_or_not(rows: SqlIdempotency) -> None:
    rows.begin("k", "f", NOW)
    with pytest.raises(InvalidInputError):
        rows.begin("k", "g", NOW)
    rows.finish("k", 200, b"x")
    with pytest.raises(InvalidInputError):
        rows.begin("k", "g", NOW)


def test_a_released_key_is_free_and_an_answer_is_not_released(rows: SqlIdempotency) -> None:
    rows.begin("k", "f", NOW)
    rows.release("k")
    assert rows.begin("k", "g", NOW) is None
    rows.finish("k", 200, b"x")
    rows.release("k")
    assert rows.begin("k", "g", NOW) == KeptAnswer(200, b"x")


def test_a_dead_claim_lapses_and_an_answer_is_kept_for_days(rows: SqlIdempotency) -> None:
    rows.begin("k", "f", NOW)
    with pytest.raises(ConflictError):
        rows.begin("k", "f", NOW + LEASE_MS - 1)
    assert rows.begin("k", "f", NOW + LEASE_MS) is None
    rows.finish("k", 200, b"x")
    assert rows.begin("k", "f", NOW + LEASE_MS + KEPT_MS - 1) == KeptAnswer(200, b"x")
    assert rows.prune(NOW + LEASE_MS + KEPT_MS - 1) == 0
    assert rows.prune(NOW + LEASE_MS + KEPT_MS) == 1


def test_one_of_many_at_once_wins(rows: SqlIdempotency) -> None:
    def claim(_: int) -> bool:
        try:
            return rows.begin("k", "f", NOW) is None
        except ConflictError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(24))) == 1
