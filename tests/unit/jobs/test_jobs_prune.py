"""Pruning forgets what nobody reads any more and changes no sum."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.planning.ports import Accepted, Message
from supplychain.storage.engine import Database
from supplychain.storage.jobs_store import SqlJobs
from supplychain.storage.migrate import upgrade
from supplychain.storage.store import SqlStore
from supplychain.storage.tables import seen_blocks, windows

BIN = 1_000
BEFORE = 50 * BIN


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('prune')}/test.db")
    upgrade(made)
    yield made
    made.close()


def _accepted(database: Database, cut: int) -> list[Accepted]:
    """Return the sums; when old pieces were paid, a mean over their windows, is coarse once these are one."""
    with SqlStore(database).read() as tx:
        return [replace(row, paid_ms=None) for row in tx.world.accepted(["A", "B"], cut, BIN)]


_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["s1", "s2"]),
        st.sampled_from(["A", "B"]),
        st.sampled_from([10, 49, 50, 70]),
        st.integers(0, 80),
        st.integers(0, 80),
        st.integers(0, 9),
    ),
    max_size=40,
    unique_by=lambda row: row[:5],
)


@settings(deadline=None, max_examples=60)
@given(_ROWS)
def test_folding_old_windows_changes_no_sum(
    database: Database, rows: list[tuple[str, str, int, int, int, int]]
) -> None:
    with database.write() as connection:
        connection.execute(windows.delete())
        for session, sku, due, start, known, gross in rows:
            values = {"orders": 1, "gross": gross, "cancelled": 0, "refunded": 0, "returned": 0, "revenue_minor": 7}
            connection.execute(
                windows.insert().values(
                    session=session,
                    sku=sku,
                    region="CN-ZJ",
                    channel="live",
                    due=due * BIN,
                    bin_start=start * BIN,
                    known_bin=known * BIN,
                    **values,
                )
            )
    cuts = [BEFORE + step * BIN for step in (0, 1, 5, 40)]
    before = [_accepted(database, cut) for cut in cuts]
    fewer = SqlJobs(database).prune(BEFORE, BEFORE)["windows"]
    assert [_accepted(database, cut) for cut in cuts] == before
    with database.read() as connection:
        left = connection.execute(windows.select()).mappings().all()
    assert len(left) == len(rows) - fewer
    assert sum(row["revenue_minor"] for row in left) == 7 * len(rows)
    old = [row for row in left if max(row["due"], row["bin_start"], row["known_bin"]) < BEFORE]
    assert len(old) == len({(row["session"], row["sku"], row["due"]) for row in old})
    assert SqlJobs(database).prune(BEFORE, BEFORE)["windows"] == 0


def test_only_what_is_done_and_old_goes(database: Database) -> None:
    store = SqlStore(database)
    with store.write() as tx:
        for name in ("old", "new", "waiting"):
            tx.bridge.send(Message(name, "file", name, "order", b"{}", (), 0), 1)
        tx.bridge.claim("file", "test", 1, 1_000, 10)
        tx.bridge.delivered("old", 10)
        tx.bridge.delivered("new", 100)
    assert SqlJobs(database).prune(0, 100)["outbox"] == 1
    with store.read() as tx:
        assert {m.message for m in tx.bridge.messages()} == {"new", "waiting"}


def test_business_and_wall_time_are_kept_apart(database: Database) -> None:
    with database.write() as connection:
        for hour in (10, 20):
            values = {"topic": "sales.v1", "partition": 0, "hour": hour, "first_offset": hour, "block": b""}
            values |= {"cluster": "c"}
            connection.execute(seen_blocks.insert().values(**values))
    jobs = SqlJobs(database)
    assert jobs.prune(10, 10**15)["seen_blocks"] == 0
    assert jobs.prune(20, 0)["seen_blocks"] == 1


def test_many_rows_go_in_several_transactions(database: Database, tmp_path: Path) -> None:
    with database.write() as connection:
        connection.execute(seen_blocks.delete())
        rows = [
            {"topic": "t", "partition": 0, "hour": 1, "first_offset": number, "block": b"", "cluster": "c"}
            for number in range(4_500)
        ]
        connection.execute(seen_blocks.insert(), rows)
    assert SqlJobs(database).prune(2, 0)["seen_blocks"] == 4_500
