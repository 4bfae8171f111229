"""Warehouse reports and engagement become rows; the predictor's moments per region add up to the session's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streams.agents.predict import PlanAlone, Predictor
from streams.agents.reports import EngagementAgent, StockAgent
from streams.agents.versions import Current
from streams.chunks import Chunk, Retained
from supplychain.bootstrap import Broker, Services, write_run
from supplychain.domain.network import Catalogue, Session, SessionItem, ShowSlot, SlotKind
from supplychain.domain.tuning import Forecast
from supplychain.domain.units import HOUR, MINUTE, SECOND
from supplychain.forecasting.session_model import SessionModel
from supplychain.messages.codec import encode
from supplychain.messages.v1 import (
    Audience,
    FlashOffer,
    Pitch,
    Receipt,
    Shipment,
    StockDelta,
    StockRow,
    StockSnapshot,
    Tick,
)
from supplychain.settings import Settings
from supplychain.storage.engine import Database
from supplychain.storage.store import SqlStore
from supplychain.watching.delta import ForecastCue
from tests.unit.planning.small_trade import CATALOGUE, T0, WALL, open_trade

EXECUTOR = ThreadPoolExecutor(1)
ON_AIR = T0 + 2 * HOUR


@pytest.fixture
def services(database: Database, tmp_path: Path) -> Services:
    settings = Settings(data_dir=tmp_path)
    write_run(settings, Broker("127.0.0.1:1", "cluster-1"), 1)
    open_trade(SqlStore(database))
    return Services(settings, database, wall=lambda: WALL)


def _play(
    services: Services, kind: type[StockAgent] | type[EngagementAgent], *chunks: Sequence[Any], again: int = 0
) -> None:
    """Let a fresh agent take chunks of payloads, and the last one `again` times more from its first offset."""
    agent = kind(services, Current(services), EXECUTOR)
    starts = asyncio.run(agent.desk.start_offsets({(agent.topic, 0): Retained(0, 1_000_000, None)}))
    first = starts[agent.topic, 0]
    built = []
    for payloads in chunks:
        values = [one if isinstance(one, bytes) else encode(one) for one in payloads]
        rows = [
            SimpleNamespace(offset=first + n, value=value, key=b"k", timestamp=T0, headers=())
            for n, value in enumerate(values)
        ]
        built.append(Chunk.of(agent.topic, 0, rows))
        first += len(rows)

    async def stream() -> AsyncIterator[Chunk]:
        for chunk in [*built, *built[-1:] * again]:
            yield chunk

    asyncio.run(agent.run(stream()))
    assert all(chunk.entry.is_done for chunk in built)
    assert services.partitions.next_offsets(agent.topic) == {0: first}


def _on_hand(services: Services, cut: int, *skus: str) -> dict[tuple[str, str], int]:
    with services.store.read() as tx:
        return {(level.warehouse, level.sku): level.on_hand for level in tx.world.stock(CATALOGUE, skus, cut)}


def _table(services: Services, query: str) -> list[tuple[Any, ...]]:
    with services.database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


REPORTS = [
    Tick(T0),
    StockSnapshot("W1", 1, T0 + 10, [StockRow("A", 50, reserved=7), StockRow("B", 9)]),
    StockDelta("W1", 2, T0 + 20, "A", -4),
    Receipt("W1", 3, T0 + 30, "A", 100, plan_line_id="l1", sellable=96),
    Shipment("W1", 4, T0 + 40, "A", 30, region="CN-ZJ"),
    Shipment("W1", 5, T0 + 45, "A", 12, plan_line_id="m1", movement_id="v1"),
    Tick(T0 + 60),
]


def test_stock_is_the_last_snapshot_and_what_came_after_as_of_each_cut(services: Services) -> None:
    _play(services, StockAgent, REPORTS)
    assert _on_hand(services, T0 + 9, "A", "B") == {("W1", "A"): 60, ("W1", "B"): 15, ("W2", "A"): 8}, "opening stock"
    for cut, pieces in ((10, 50), (20, 46), (30, 142), (40, 112), (45, 100)):
        assert _on_hand(services, T0 + cut, "A")["W1", "A"] == pieces
    assert _on_hand(services, T0 + 60, "B") == {("W1", "B"): 9}
    with services.store.read() as tx:
        assert tx.world.shipped(["A"], T0 + 60) == {("A", "CN-ZJ"): 30}
        assert tx.world.shipped(["A"], T0 + 39) == {}
        assert tx.signals.watermarks()["stock.v1", 0] == T0 + 60
        assert [(event.kind, event.plan_line) for event in tx.bridge.due_stock_events(T0 + 60)] == [
            ("receipt", "l1"),
            ("shipment", "m1"),
        ]


def test_snapshot_after_reservations_is_taken_back_before_them(services: Services) -> None:
    rows = [StockRow("A", 50, reserved=7)]
    _play(services, StockAgent, [StockSnapshot("W1", 1, T0 + 10, rows, after_reservations=True)])
    assert _on_hand(services, T0 + 10, "A")["W1", "A"] == 57


def test_sequence_that_is_known_changes_nothing(services: Services) -> None:
    _play(services, StockAgent, REPORTS, again=2)
    before = _table(services, "SELECT * FROM stock_log ORDER BY warehouse, sequence, sku")
    _play(services, StockAgent, [REPORTS[1], StockDelta("W1", 2, T0 + 50, "A", -40)])
    assert _table(services, "SELECT * FROM stock_log ORDER BY warehouse, sequence, sku") == before
    counted = dict(_table(services, "SELECT bucket, SUM(events) FROM counts WHERE topic = 'stock.v1' GROUP BY bucket"))
    assert counted == {"received": 7, "counted": 5, "duplicates": 2}


def test_impossible_reports_become_dead_letters_and_their_neighbours_count(services: Services) -> None:
    bad: list[Any] = [
        b"{",
        b'{"type":"novelty"}',
        StockSnapshot("W1", 10, T0, [StockRow("A", -1)]),
        StockSnapshot("W1", 11, 4_102_444_800_000, []),
        StockDelta("W1", -1, T0, "A", 1),
        Receipt("W1", 12, T0, "A", -5),
        Receipt("W1", 13, T0, "A", 5, sellable=6),
        Shipment("W1", 14, T0, "A", 2_000_000_000),
        Tick(-1),
    ]
    mixed = [row for n, one in enumerate(bad) for row in (one, StockDelta("W1", 100 + n, T0, "A", 1))]
    _play(services, StockAgent, mixed)
    assert _on_hand(services, T0, "A")["W1", "A"] == 60 + len(bad)
    letters = _table(services, 'SELECT "offset" FROM dead_letters ORDER BY "offset"')
    assert letters == [(2 * n,) for n in range(len(bad))]
    counted = dict(_table(services, "SELECT bucket, SUM(events) FROM counts GROUP BY bucket"))
    assert counted["received"] == counted["counted"] + counted["dead_letters"] == 2 * len(bad)


def test_engagement_is_summed_by_bin_and_shows_are_kept_once(services: Services) -> None:
    first = [
        Audience("room", ON_AIR + 100, 50, comments=3, likes=10, clicks=7, item_clicks={"A": 5, "B": 2}),
        Audience("room", ON_AIR + 5_000, 70, comments=1, clicks=4, item_clicks={"A": 4}),
        Audience("room", ON_AIR + 5_001, 90),
        Pitch("room", ON_AIR, "A", started=True),
        Audience("room", ON_AIR, -1),
        Audience("room", ON_AIR, 1, item_clicks={"A": -1}),
        Audience("room", ON_AIR, 1, clicks=2_000_000_000),
    ]
    second = [
        Audience("room", ON_AIR + 200, 30, likes=1),
        FlashOffer("room", ON_AIR, "A", started=True, price_minor=900),
        Pitch("room", ON_AIR, "A", started=True),
        Tick(ON_AIR + MINUTE),
        Audience("room", ON_AIR + MINUTE - 5_000, 3_000),
    ]
    _play(services, EngagementAgent, first, second, again=1)
    rows = _table(
        services, "SELECT bin_start, samples, viewers, comments, likes, clicks FROM audience ORDER BY bin_start"
    )
    assert rows == [(ON_AIR, 3, 150, 4, 11, 11), (ON_AIR + 5_000, 1, 90, 0, 0, 0)]
    assert services.work.heard(ON_AIR, ON_AIR + 5_000) == [
        Audience("room", ON_AIR + 5_000, 50, comments=4, likes=11, clicks=11, item_clicks={"A": 9, "B": 2})
    ]
    assert services.work.heard(ON_AIR + 5_001, ON_AIR + 5_000) == []
    shows = _table(services, "SELECT kind, sku, started, price_minor FROM show_events ORDER BY kind")
    assert shows == [("flash_offer", "A", 1, 900), ("pitch", "A", 1, None)]
    assert _table(services, "SELECT reason FROM dead_letters") == [("impossible",)] * 3
    counted = {
        (bucket, reason): n for bucket, reason, n in _table(services, "SELECT bucket, reason, events FROM counts")
    }
    assert counted["excluded", "late_sample"] == 1, "its bin was closed by the tick before it"
    assert counted["received", ""] == counted["counted", ""] + 1 + 3


def _cue(at: int, orders: dict[str, int], units: dict[str, int] | None = None, **changes: Any) -> ForecastCue:
    values: dict[str, Any] = {"session_id": "L1", "sku": "A", "at": at, "orders_by_region": orders}
    values |= {"units_by_region": units or orders}
    return ForecastCue(**{**values, **changes})


PREDICTOR = Predictor(CATALOGUE, Forecast(), 4)


def test_moments_per_region_add_up_to_the_session() -> None:
    found = PREDICTOR.forecast(_cue(ON_AIR + HOUR, {"CN-ZJ": 30, "CN-GD": 10}))
    assert found is not None
    assert set(found.rest) == set(CATALOGUE.regions)
    assert found.rest_mean == pytest.approx(sum(mean for mean, _ in found.rest.values()))
    assert found.total == pytest.approx(40 + found.rest_mean)
    assert all(mean > 0 and variance > 0 for mean, variance in found.rest.values())
    assert found.tuning_version == 4
    # 40 in the first of three hours is what the run of show says: 80 are still to come.
    assert found.prior_rest == pytest.approx(80.0)
    assert found.rest_mean == pytest.approx(80.0, rel=0.05)


def test_more_sold_means_more_to_come_and_less_time_means_less() -> None:
    def rest(at: int, sold: int) -> float:
        found = PREDICTOR.forecast(_cue(at, {"CN-ZJ": sold}))
        assert found is not None
        return found.rest_mean

    assert rest(ON_AIR + HOUR, 20) < rest(ON_AIR + HOUR, 40) < rest(ON_AIR + HOUR, 400)
    assert rest(ON_AIR + HOUR, 40) > rest(ON_AIR + 2 * HOUR, 80)
    assert rest(ON_AIR + 3 * HOUR - 1, 120) < 1


def test_regions_that_buy_more_get_more_of_the_rest() -> None:
    found = PREDICTOR.forecast(_cue(ON_AIR + HOUR, {"CN-GD": 4_000}))
    assert found is not None
    assert found.rest["CN-GD"][0] > found.rest["CN-ZJ"][0]


class _Shelf(PlanAlone):
    """A warehouse: stock at the start, what came since, and the minutes in which it was sold."""

    def __init__(self, stock: int, receipts: tuple[tuple[int, int], ...] = (), sold: tuple[tuple[int, int], ...] = ()):
        self.held, self.came, self.gone = stock, receipts, sold

    def stock(self, catalogue: Catalogue, sku: str, at: int) -> int:
        assert at == ON_AIR
        return self.held

    def receipts(self, sku: str, after: int, until: int) -> Sequence[tuple[int, int]]:
        assert ON_AIR == after <= until <= ON_AIR + 3 * HOUR - SECOND, "only what has settled is read"
        return [one for one in self.came if after < one[0] <= until]

    def sold(self, session: str, sku: str, until: int) -> Sequence[tuple[int, int]]:
        return [one for one in self.gone if one[0] < until]


def _rest(at: int, sold: int, shelf: PlanAlone, catalogue: Catalogue = CATALOGUE, sold_at: int = -1) -> float:
    found = Predictor(catalogue, Forecast(), 4, readings=shelf).forecast(_cue(at, {"CN-ZJ": sold}, sold_at=sold_at))
    assert found is not None
    return found.rest_mean


def test_an_item_whose_stock_is_sold_and_that_stopped_selling_keeps_its_rate() -> None:
    at, quiet = ON_AIR + 2 * HOUR, ON_AIR + HOUR
    slow, out = _rest(at, 40, _Shelf(1_000), sold_at=quiet), _rest(at, 40, _Shelf(40), sold_at=quiet)
    assert slow == pytest.approx(_rest(at, 40, _Shelf(1_000)))
    assert slow < 0.8 * out, "an hour without stock is not an hour without demand"
    assert out == pytest.approx(40.0, rel=0.05), "40 an hour, and one hour is left"
    came = _Shelf(40, ((ON_AIR + 30 * MINUTE, 10),), ((ON_AIR, 40),))
    assert _rest(at, 40, _Shelf(40, ((ON_AIR + HOUR + 1, 10),), ((ON_AIR + HOUR - MINUTE, 40),)), sold_at=quiet) == (
        pytest.approx(slow)
    ), "it was received at once, so it could be bought"
    assert _rest(at, 40, came, sold_at=ON_AIR + MINUTE) > slow, "half an hour of it was empty"
    assert _rest(at, 40, _Shelf(40), sold_at=at) == pytest.approx(slow), "it goes on selling"
    homeless = replace(CATALOGUE, warehouses={})
    assert _rest(at, 40, _Shelf(0), homeless, sold_at=quiet) == pytest.approx(slow), "no stock is known, none is read"
    session = replace(CATALOGUE.sessions["L1"], items=(SessionItem("A", 120.0, presale=True),))
    ahead = replace(CATALOGUE, sessions={"L1": session})
    assert _rest(at, 40, _Shelf(40), ahead, sold_at=quiet) == pytest.approx(
        _rest(at, 40, _Shelf(1_000), ahead, sold_at=quiet)
    ), "sold before it is there"


def test_nothing_is_forecast_off_the_schedule_or_after_the_end() -> None:
    assert PREDICTOR.forecast(_cue(ON_AIR, {}, session_id="L9")) is None
    assert PREDICTOR.forecast(_cue(ON_AIR, {}, sku="B")) is None
    assert PREDICTOR.forecast(_cue(ON_AIR + 3 * HOUR, {})) is None


def test_planned_exposure_is_one_per_minute_and_a_slots_strength_while_it_runs() -> None:
    slots = (
        ShowSlot(SlotKind.PITCH, "A", 600_000, 1_200_000, 3.0),
        ShowSlot(SlotKind.FLASH_OFFER, "A", 900_000, 1_200_000, 5.0),
        ShowSlot(SlotKind.PITCH, "B", 0, 3_600_000, 9.0),
    )
    session = Session("s", "r", "h", "p", "shop", 0, 3_600_000, items=(SessionItem("A", 1.0),), slots=slots)
    planned = SessionModel(replace(CATALOGUE, sessions={"s": session}), Forecast()).plan("s", "A")
    assert planned is not None
    prior, curve = planned
    assert curve.between(600_000, 900_000) / curve.between(0, 300_000) == pytest.approx(3.0)
    assert curve.between(900_000, 1_200_000) / curve.between(0, 300_000) == pytest.approx(15.0), (
        "as the detector reads it"
    )
    assert prior.rate * curve.between(0, 3_600_000) == pytest.approx(1.0)
