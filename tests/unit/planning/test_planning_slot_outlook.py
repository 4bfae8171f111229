"""What is left of a session, cut into the slots of its run of show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from supplychain.domain.errors import NotFoundError
from supplychain.domain.forecast import SessionForecast
from supplychain.domain.network import ShowSlot, SlotKind
from supplychain.domain.tuning import Tuning
from supplychain.domain.units import HOUR, MINUTE
from supplychain.planning.slot_outlook import slot_rows, slots_of
from supplychain.storage.store import SqlStore
from tests.unit.planning.small_trade import CATALOGUE, SESSION, T0, open_trade

STARTS = SESSION.starts_at
PITCHED = replace(
    SESSION,
    slots=(
        ShowSlot(SlotKind.PITCH, "A", STARTS + 30 * MINUTE, STARTS + 60 * MINUTE, 3.0),
        ShowSlot(SlotKind.FLASH_OFFER, "A", STARTS + 50 * MINUTE, STARTS + 60 * MINUTE, 2.0),
        ShowSlot(SlotKind.PITCH, "C", STARTS + 90 * MINUTE, STARTS + 95 * MINUTE, 3.0),
    ),
)
TRADE = replace(CATALOGUE, sessions={"L1": PITCHED})


def rows_at(now: int, *said: SessionForecast) -> list[dict[str, Any]]:
    return slot_rows(TRADE, Tuning().forecast, None, said, "A", "CN-ZJ", now)


def test_an_announced_session_is_cut_where_the_plan_of_the_item_changes() -> None:
    rows = rows_at(T0)
    edges = [STARTS, STARTS + 30 * MINUTE, STARTS + 50 * MINUTE, STARTS + 60 * MINUTE, SESSION.ends_at]
    assert [row["starts_at"] for row in rows] == edges[:-1]
    assert [row["ends_at"] for row in rows] == edges[1:]
    assert [row["planned"] for row in rows] == ["", "pitch x3", "pitch x3, flash_offer x2", ""]
    assert {row["by"] for row in rows} == {"prior"}
    assert sum(row["mean"] for row in rows) == pytest.approx(120.0 * 2 / 3, rel=0.01)
    for row in rows:
        assert 0.0 <= row["q10"] <= row["q50"] <= row["q90"]
    pace = [row["mean"] / (edge - start) for row, start, edge in zip(rows, edges[:-1], edges[1:], strict=True)]
    assert pace[0] < pace[1] < pace[2]


def test_a_running_session_is_read_as_the_stream_said_and_past_slots_are_gone() -> None:
    as_of = STARTS + 45 * MINUTE
    said = SessionForecast("L1", "A", as_of, SESSION.ends_at, {"CN-ZJ": 70}, {"CN-ZJ": (90.0, 400.0)}, 50.0, 1, "m")
    rows = rows_at(as_of, said)
    assert [row["starts_at"] for row in rows] == [as_of, STARTS + 50 * MINUTE, STARTS + 60 * MINUTE]
    assert {row["by"] for row in rows} == {"stream"}
    assert sum(row["mean"] for row in rows) == pytest.approx(90.0, abs=0.01)
    later = rows_at(STARTS + 2 * HOUR, said)
    assert [row["planned"] for row in later] == [""]
    assert sum(row["mean"] for row in later) < 90.0


def test_a_session_that_is_over_has_no_slots() -> None:
    assert rows_at(SESSION.ends_at) == []


def test_an_item_no_session_sells_has_no_slots() -> None:
    assert slot_rows(TRADE, Tuning().forecast, None, (), "D", "CN-ZJ", T0) == []


def test_regions_of_a_session_add_up_to_its_slots(store: SqlStore) -> None:
    open_trade(store, TRADE, through=T0)
    whole = slots_of(store, "L1", "A")
    assert whole
    assert {row["session"] for row in whole} == {"L1"}
    with store.read() as tx:
        regions = sorted(tx.versions.network()[1].regions)
    parts = [slot_rows(TRADE, Tuning().forecast, None, (), "A", region, T0) for region in regions]
    summed = [sum(row["mean"] for row in rows) for rows in zip(*(p for p in parts if p), strict=True)]
    assert [row["mean"] for row in whole] == pytest.approx(summed[: len(whole)], rel=1e-3)
    with pytest.raises(NotFoundError):
        slots_of(store, "nowhere", "A")
