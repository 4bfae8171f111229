"""What is particular to SQLite: a file is wanted, writers take turns, a lock that stays is said and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, inspect, select

from supplychain.domain.errors import SettingsError, UnavailableError
from supplychain.domain.plan import LineState
from supplychain.planning.ports import PlanFilter
from supplychain.storage.engine import Database
from supplychain.storage.migrate import upgrade
from supplychain.storage.store import SqlStore
from supplychain.storage.tables import facts, metadata, stock_log, windows
from supplychain.storage.upserts import add_up, insert_new, put
from supplychain.storage.work import StreamWork
from tests.unit.planning.small_trade import CATALOGUE, T0, add_plan, line_of, open_trade


def test_database_in_memory_is_refused_since_processes_share_it() -> None:
    for url in ("sqlite:///:memory:", "sqlite://"):
        with pytest.raises(SettingsError, match="needs a file"):
            Database(url)


def test_fresh_file_gets_its_folder_every_table_and_the_journal_mode(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a/b/new.db")
    for _ in range(2):
        upgrade(database)
        with database.read() as connection:
            assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
            assert connection.exec_driver_sql("SELECT COUNT(*) FROM alembic_version").scalar_one() == 1
    database.close()


def test_lock_that_stays_is_unavailable_and_changes_nothing(database: Database) -> None:
    other = Database(database.url, busy_seconds=0.05)

    def write() -> None:
        with other.write() as connection:
            put(connection, facts, [{"name": "n", "value": 2}])

    with database.write() as connection:
        put(connection, facts, [{"name": "n", "value": 1}])
        with pytest.raises(UnavailableError, match="locked") as caught:
            write()
        with other.read() as reader:
            assert reader.execute(select(facts)).all() == [], "readers never wait and see what is committed"
    assert caught.value.exit_code == 7
    write()
    with database.read() as connection:
        assert connection.execute(select(facts.c.value)).scalar_one() == 2
    other.close()


def test_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    database = Database(f"sqlite:///{tmp_path}/folder.db")
    with pytest.raises(UnavailableError):
        upgrade(database)
    database.close()


def _window(known_bin: int, gross: int, **changes: object) -> dict[str, object]:
    key = {"session": "L1", "sku": "A", "region": "CN-ZJ", "channel": "live", "due": T0, "bin_start": T0}
    sums = {"orders": 1, "gross": gross, "cancelled": 0, "refunded": 0, "returned": 0, "revenue_minor": 0}
    return {**key, "known_bin": known_bin, **sums, **changes}


def test_cut_sees_windows_whose_bin_has_ended_and_no_later_ones(store: SqlStore) -> None:
    with store.write() as tx:
        rows = [_window(T0, 3), _window(T0 + 5_000, 4), _window(T0, 50, sku="B"), _window(T0, 2, bin_start=T0 - 5_000)]
        add_up(tx.connection, windows, rows, ["gross"])
        add_up(tx.connection, windows, [_window(T0, 10)], ["gross"])
        for cut, gross in ((T0 + 4_999, []), (T0 + 5_000, [15]), (T0 + 10_000, [19])):
            assert [row.gross for row in tx.world.accepted(["A"], cut, 5_000)] == gross
        assert tx.world.accepted([], T0 + 10_000, 5_000) == []


def test_stock_keeps_the_fences_of_the_catalogue(store: SqlStore) -> None:
    open_trade(store)
    row = {"warehouse": "W1", "sequence": 1, "sku": "A", "kind": "snapshot", "as_of": T0, "pieces": 5, "sellable": 5}
    with store.write() as tx:
        assert insert_new(tx.connection, stock_log, [{**row, "closes": False, "applied": True}]) == 1
        (level,) = [one for one in tx.world.stock(CATALOGUE, ["A"], T0) if one.warehouse == "W1"]
        assert (level.on_hand, level.fenced_live, level.as_of) == (5, 10, T0)
        assert tx.world.stock_as_of() == {"W1": T0}
        came = {**row, "kind": "receipt", "closes": False, "applied": True}
        later = [{**came, "sequence": 2 + at, "as_of": T0 + at, "sellable": 10 + at} for at in range(3)]
        insert_new(tx.connection, stock_log, later)
        assert [len(tx.world.receipts("A", T0, T0 + end)) for end in (0, 1, 2, 9)] == [0, 1, 2, 2]
        assert tx.world.receipts("A", T0, T0 + 9) == [(T0 + 1, 11), (T0 + 2, 12)]
        assert tx.world.receipts("B", T0, T0 + 9) == []


def test_line_in_two_states_never_is(store: SqlStore) -> None:
    open_trade(store)
    add_plan(store, line_of("l1"), line_of("l2", state=LineState.CONFIRMED))
    with store.read() as tx:
        found = {state: [one.line for one in tx.plans.lines(states={state})] for state in LineState}
        assert tx.connection.execute(select(func.count()).select_from(metadata.tables["plan_lines"])).scalar_one() == 2
        assert len(tx.plans.find(PlanFilter(open_only=True))) == 1
    assert {state: lines for state, lines in found.items() if lines} == {
        LineState.PROPOSED: ["l1"],
        LineState.CONFIRMED: ["l2"],
    }


def test_what_each_chunk_of_sales_looks_up_never_reads_a_whole_table(database: Database) -> None:
    asked: list[tuple[str, Any]] = []
    with database.read() as connection:
        event.listen(connection.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    StreamWork(database).heard(0, 60_000)
    looked = [one for one in asked if one[0].startswith("SELECT")]
    assert len(looked) == 2, "the audience, and its clicks by item"
    with database.read() as connection:
        for statement, values in looked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            assert [row[3].split()[0] for row in plan] == ["SEARCH"], plan
