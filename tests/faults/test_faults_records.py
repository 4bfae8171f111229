"""Rows 16 to 20 and 28: records that come twice, late, shuffled, from the future, broken, or from another version."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.bootstrap import Services
from supplychain.domain.units import HOUR, MINUTE, SECOND
from supplychain.messages.codec import encode
from supplychain.messages.v1 import Tick
from supplychain.storage.engine import Database
from supplychain.watching.partition import PartitionWatch
from tests.faults.stage import rows
from tests.unit.agents.station import ON_AIR, Station, all_rows, counted, open_services, sale

Values = list[bytes | None]
OpenServices = Callable[[], Services]
GOLDEN = Path(__file__).parent / "golden"
CHUNK_BOUND = ("seen_blocks",)


@pytest.fixture
def opened(migrated_file: Path, tmp_path: Path) -> Iterator[OpenServices]:
    """Opens fresh worlds, to compare with one another."""
    databases: list[Database] = []

    def make() -> Services:
        folder = tmp_path / f"world-{len(databases)}"
        folder.mkdir()
        shutil.copyfile(migrated_file, folder / "test.db")
        databases.append(Database(f"sqlite:///{folder}/test.db"))
        return open_services(databases[-1], folder)

    yield make
    for database in databases:
        database.close()


def state(services: Services) -> dict[str, Any]:
    """Everything written, but for what depends on where chunks are cut."""
    return {name: table for name, table in all_rows(services).items() if name not in CHUNK_BOUND}


def minutes(count: int = 4) -> Values:
    """Some minutes of sales with a tick every five seconds."""
    values: Values = []
    for second in range(0, count * 60, 5):
        values.append(encode(Tick(ON_AIR + second * SECOND)))
        values += [sale(100 * second + n, second + n / 4) for n in range(4)]
    return [*values, encode(Tick(ON_AIR + count * MINUTE))]


def run(services: Services, values: Sequence[bytes | None], step: int = 40) -> Station:
    """Give a history to a worker in chunks."""
    station = Station(services)
    for first in range(0, len(values), step):
        station.take(first, values[first : first + step])
    return station


def test_events_that_come_again_are_counted_once(opened: OpenServices) -> None:
    chance = random.Random(3)
    clean = minutes()
    dirty: Values = []
    for value in clean:
        dirty.append(value)
        if value is not None and b'"tick"' not in value and chance.random() < 0.3:
            dirty += [value] * chance.randrange(1, 3)
    once, twice = opened(), opened()
    run(once, clean)
    run(twice, dirty)
    assert counted(twice)["duplicates"] == len(dirty) - len(clean)
    query = "SELECT * FROM windows ORDER BY session, sku, region, channel, due, bin_start, known_bin"
    assert [tuple(row) for row in rows(twice, query)] == [tuple(row) for row in rows(once, query)]


def test_known_id_with_other_content_is_refused_and_the_first_wins(opened: OpenServices) -> None:
    services = opened()
    run(services, [encode(Tick(ON_AIR)), sale(1, 0, qty=2), sale(1, 0, qty=5), sale(1, 0, qty=2)])
    books = counted(services)
    assert (books["counted"], books["duplicates"], books["dead_letters"]) == (1, 1, 1)
    assert rows(services, "SELECT SUM(gross) AS gross FROM windows")[0].gross == 2
    assert [row.reason for row in rows(services, "SELECT reason FROM dead_letters")] == ["id-conflict"]


@settings(max_examples=6)
@given(st.randoms(use_true_random=False))
def test_any_order_within_the_lateness_gives_the_same_windows(
    migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    base = [(encode(Tick(ON_AIR)), 0.0)] + [(sale(n, n / 2), n / 2) for n in range(120)]
    shuffled = [base[0], *sorted(base[1:], key=lambda pair: pair[1] + chance.uniform(0, 100))]
    found = []
    for history in (base, shuffled):
        folder = tmp_path_factory.mktemp("order")
        shutil.copyfile(migrated_file, folder / "test.db")
        database = Database(f"sqlite:///{folder}/test.db")
        services = open_services(database, folder)
        run(services, [*(value for value, _ in history), encode(Tick(ON_AIR + 10 * MINUTE))])
        query = "SELECT session, sku, region, due, bin_start, SUM(orders), SUM(gross) FROM windows GROUP BY 1,2,3,4,5 ORDER BY 1,2,3,4,5"
        found.append([tuple(row) for row in rows(services, query)])
        assert counted(services)["counted"] == 120
        database.close()
    assert found[0] == found[1]


def test_later_than_allowed_is_a_correction_never_lost(opened: OpenServices) -> None:
    services = opened()
    run(services, [encode(Tick(ON_AIR)), sale(1, 0), encode(Tick(ON_AIR + 20 * MINUTE)), sale(2, 1)])
    assert (counted(services)["counted"], counted(services)["corrections"]) == (1, 1)
    late = rows(services, "SELECT kind, qty, lateness FROM corrections")[0]
    assert (late.kind, late.qty, late.lateness) == ("paid", 2, 20 * MINUTE - SECOND)


IMPOSSIBLE = {
    "the year 2099": {"occurred_at": 4_080_000_000_000},
    "1970": {"occurred_at": 5},
    "an hour ahead of business time": {"occurred_at": ON_AIR + HOUR},
    "a month before what is remembered": {"occurred_at": ON_AIR - 30 * 24 * HOUR},
    "negative pieces": {"qty": -3},
    "no pieces": {"qty": 0},
    "more pieces than are made": {"qty": 10**12},
    "a negative price": {"unit_price_minor": -1},
    "a price beyond 64 bits": {"unit_price_minor": 10**30},
}


@pytest.mark.parametrize("changes", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_values_are_set_aside_and_move_no_watermark(opened: OpenServices, changes: dict[str, Any]) -> None:
    services = opened()
    station = run(services, [encode(Tick(ON_AIR)), sale(1, 0), sale(2, 1, **changes), sale(3, 2)])
    assert (counted(services)["counted"], counted(services)["dead_letters"]) == (2, 1)
    held = station.agent.desk.held(("sales.v1", 0))
    assert held is not None
    assert held.watch is not None
    assert held.watch.watermark <= ON_AIR + 2 * SECOND


POISON: dict[str, bytes | None] = {
    "nothing": None,
    "empty": b"",
    "not JSON": b"{broken",
    "not UTF-8": b'{"type":"sale","event_id":"\xff\xfe"}',
    "nested deeply": b"[" * 100_000,
    "nested deeply inside a sale": sale(7, 0)[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "five megabytes": b'{"type":"sale","event_id":"' + b"x" * 5_000_000 + b'"}',
    "wrong types": sale(7, 0).replace(b'"qty":2', b'"qty":"two"'),
    "not a number": sale(7, 0).replace(b'"qty":2', b'"qty":NaN'),
    "unknown kind": sale(7, 0).replace(b'"paid"', b'"stolen"'),
    "another type": encode({"type": "banana"}),
    "a list": b"[1,2,3]",
}


@pytest.mark.parametrize("value", POISON.values(), ids=POISON)
def test_poison_is_one_dead_letter_and_costs_no_neighbour(opened: OpenServices, value: bytes | None) -> None:
    services = opened()
    run(services, [encode(Tick(ON_AIR)), sale(1, 0), value, sale(2, 1), encode(Tick(ON_AIR + MINUTE))])
    assert (counted(services)["counted"], counted(services)["dead_letters"]) == (2, 1)
    letter = rows(services, 'SELECT topic, "partition", "offset", reason, detail, size FROM dead_letters')[0]
    assert (letter.topic, letter.partition, letter.offset, letter.size) == ("sales.v1", 0, 2, len(value or b""))
    assert letter.reason
    assert letter.detail


def fail_on(monkeypatch: pytest.MonkeyPatch, culprit: bytes) -> None:
    """Make our own code fail whenever it meets one record."""
    stock = PartitionWatch.apply

    def apply(watch: PartitionWatch, records: Any, business_now: int | None = None) -> Any:
        delta = stock(watch, records, business_now)
        if any(culprit in (value or b"") for value in records.values):
            raise ZeroDivisionError("a fault of our own")
        return delta

    monkeypatch.setattr(PartitionWatch, "apply", apply)


def test_record_that_our_own_code_fails_on_costs_only_itself(
    opened: OpenServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = minutes()
    culprit = sale(6_001, 60.25)
    assert culprit in values
    without = [value if value != culprit else b"{" for value in values]
    expected, services = opened(), opened()
    run(expected, without)
    fail_on(monkeypatch, b'"e6001"')
    run(services, values)
    letters = rows(services, 'SELECT "offset", reason, detail FROM dead_letters')
    assert [(letter.offset, letter.reason) for letter in letters] == [(values.index(culprit), "failed")]
    assert "ZeroDivisionError" in letters[0].detail
    same = ("windows", "spikes", "forecasts", "signals", "partitions")
    assert {name: state(services)[name] for name in same} == {name: state(expected)[name] for name in same}
    assert counted(services)["counted"] == counted(expected)["counted"]


def test_record_that_the_database_cannot_take_costs_only_itself(
    opened: OpenServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit fails after the next chunk was judged already: both are put right."""
    services = opened()
    stock = services.work.watch

    def watch(progress: Any, delta: Any, **rest: Any) -> None:
        if any(row.revenue_minor == 2 * 777 for row in delta.windows):
            raise ValueError("a value the database has no room for")
        stock(progress, delta, **rest)

    monkeypatch.setattr(services.work, "watch", watch)
    values = [encode(Tick(ON_AIR)), *(sale(n, n / 10) for n in range(50))]
    values[20] = sale(19, 1.9, unit_price_minor=777, region="CN-GD")
    station = Station(services)

    async def both() -> None:
        chunks = [station.chunk(0, values[:30]), station.chunk(30, values[30:])]
        for chunk in chunks:
            await station.agent._begin(chunk)
        await station.agent.settle()
        assert all(chunk.entry.is_done for chunk in chunks)

    asyncio.run(both())
    assert [row.offset for row in rows(services, 'SELECT "offset" FROM dead_letters')] == [20]
    assert counted(services)["counted"] == 49
    assert services.partitions.next_offsets("sales.v1") == {0: 51}
    run(services, values)
    assert counted(services)["received"] == 50


@pytest.mark.parametrize("cut", [3, 40, 90])
def test_torn_snapshot_is_made_again_from_the_log(opened: OpenServices, cut: int) -> None:
    """Row 12: what the detector knew comes back to the byte, and no record is counted again."""
    values = minutes(8)
    straight, torn = opened(), opened()
    run(straight, values)
    run(torn, values[:cut])
    with torn.database.write() as connection:
        connection.exec_driver_sql("UPDATE partitions SET snapshot = substr(snapshot, 1, length(snapshot) - 5)")
    heir = Station(torn)
    assert heir.starts_at == 0
    for first in range(0, len(values), 33):
        heir.take(first, values[first : first + 33])
    assert state(torn) == state(straight)
    assert [row.kind for row in rows(torn, "SELECT kind FROM incidents")] == ["snapshot-unreadable"]
    # ids from before the fault are remembered
    heir.take(len(values), [sale(0, 0), encode(Tick(ON_AIR + 9 * MINUTE))])
    assert counted(torn)["duplicates"] == 1


def test_wall_clock_that_jumps_changes_nothing(opened: OpenServices) -> None:
    """Row 21: business time decides, whatever the wall clock says: ten minutes ahead, behind, an hour back for winter."""
    straight, jumping = opened(), opened()
    run(straight, minutes(8))
    jumps = iter([0, 10 * MINUTE, -10 * MINUTE, -HOUR, HOUR] * 1_000)
    skewed = Services(jumping.settings, jumping.database, wall=lambda: 1_800_000_000_000 + next(jumps))
    run(skewed, minutes(8))
    walls = {"dead_letters", "spikes", "signals", "findings"}
    assert {k: v for k, v in state(skewed).items() if k not in walls} == {
        k: v for k, v in state(straight).items() if k not in walls
    }
    for name in ("spikes", "signals"):
        query = f"SELECT * FROM {name}"  # noqa: S608
        found = [
            sorted(
                str({k: v for k, v in row._mapping.items() if not k.endswith("_wall")}) for row in rows(world, query)
            )
            for world in (straight, skewed)
        ]
        assert found[0] == found[1]


def test_events_of_the_version_before_and_after_are_read(opened: OpenServices) -> None:
    """Row 28: a sender of the last release leaves out what is new; one of the next adds what is not known yet."""
    services = opened()
    lines = (GOLDEN / "sales_of_other_versions.jsonl").read_bytes().splitlines()
    assert json.loads(lines[0])["at"] == ON_AIR
    run(services, [*lines])
    books = counted(services)
    assert books == {"received": 4, "counted": 3, "cancellations": 1, "ticks": 2}
    gross = rows(services, "SELECT channel, SUM(gross) AS gross FROM windows GROUP BY channel ORDER BY channel")
    assert [(row.channel, row.gross) for row in gross] == [("live", 5), ("shelf", 1)]


def test_upgrade_in_mid_stream_stamps_what_comes_after(opened: OpenServices) -> None:
    """Row 28: another tuning is taken up between two chunks; nothing is forgotten, and outputs carry the version."""
    services = opened()
    values = minutes(8)
    station = run(services, values[:80])
    with services.store.write() as tx:
        _, tuning = tx.versions.tuning()
        version = tx.versions.put_tuning(tuning, "test", "upgrade", 0)
        tx.versions.activate("tuning", version)
    station.agent._current._looked = float("-inf")
    for first in range(80, len(values), 40):
        station.take(first, values[first : first + 40])
    station.take(len(values), [values[1], encode(Tick(ON_AIR + 9 * MINUTE))])
    assert counted(services)["duplicates"] == 1
    stamped = rows(services, "SELECT as_of, tuning_version, model_version FROM forecasts ORDER BY as_of")
    assert {row.tuning_version for row in stamped} >= {version}
    assert all(row.model_version for row in stamped)
    assert services.partitions.next_offsets("sales.v1") == {0: len(values) + 2}
