"""Time is UTC milliseconds: grids, ISO text, local midnights through summer time; ids of what can be derived again."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from supplychain.domain.errors import FencedError, NotFoundError, SupplyChainError
from supplychain.domain.ids import content_hash, derive, event_id, event_key
from supplychain.domain.units import (
    DAY,
    EARLIEST,
    HOUR,
    LATEST,
    ceil_to,
    floor_to,
    iso,
    local_midnight,
    millis,
    parse_iso,
)

BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")


def _utc(*parts: int) -> int:
    return millis(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type,misc]  # the parts of a date are integers


def test_grid_holds_what_lies_on_it() -> None:
    assert (floor_to(10_000, 5_000), ceil_to(10_000, 5_000)) == (10_000, 10_000)
    assert (floor_to(10_001, 5_000), ceil_to(10_001, 5_000)) == (10_000, 15_000)


def test_iso_text_is_read_back() -> None:
    assert parse_iso(iso(1_700_000_000_123)) == 1_700_000_000_123
    assert parse_iso("2026-11-11T20:00:00", SHANGHAI) == parse_iso("2026-11-11T12:00:00Z")
    assert parse_iso("2026-11-11T20:00:00+08:00", BERLIN) == parse_iso("2026-11-11T12:00:00Z")
    assert iso(EARLIEST) == "2000-01-01T00:00:00.000Z"
    assert iso(LATEST) == "2099-01-01T00:00:00.000Z"


def test_naive_moment_has_no_place_on_the_axis() -> None:
    with pytest.raises(ValueError, match="carries no time zone"):
        millis(datetime(2026, 1, 1))  # noqa: DTZ001 - a naive moment is the point


def test_local_midnight_knows_summer_time() -> None:
    # Berlin goes from +1 to +2 on 2026-03-29 and back on 2026-10-25.
    assert local_midnight(_utc(2026, 3, 29, 12), BERLIN) == _utc(2026, 3, 28, 23)
    assert local_midnight(_utc(2026, 3, 30, 12), BERLIN) == _utc(2026, 3, 29, 22)
    assert local_midnight(_utc(2026, 10, 25, 12), BERLIN) == _utc(2026, 10, 24, 22)
    assert local_midnight(_utc(2026, 11, 11), SHANGHAI) == _utc(2026, 11, 10, 16)
    assert local_midnight(_utc(2026, 11, 10, 16), SHANGHAI) == _utc(2026, 11, 10, 16)
    assert local_midnight(_utc(2026, 11, 10, 16) - 1, SHANGHAI) == _utc(2026, 11, 10, 16) - DAY
    assert HOUR * 24 == DAY


def test_ids_are_the_same_on_every_machine() -> None:
    assert derive("plan", "g", 5) == "eb384e6b-29b5-5d0f-ba80-d1be05e2db43"
    assert event_id("p", "s", "o", "l", "paid", "1") == "68392a91cebba7561a70746b7c29dda5"
    assert content_hash(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_foreign_event_ids_are_remembered_in_the_same_space() -> None:
    own = event_id("p", "s", "o", "l", "paid", "1")
    assert event_key(own) == bytes.fromhex(own)
    assert len(event_key("order-77")) == 16
    assert len(event_key("z" * 32)) == 16
    assert event_key("order-77") != event_key("order-78")


def test_errors_carry_fields_and_map_to_every_edge() -> None:
    fault = NotFoundError("there is no plan 'x'", way_out="list them", plan="x")
    assert (fault.code, fault.status, fault.exit_code, fault.fields) == ("not-found", 404, 4, {"plan": "x"})
    assert str(fault) == "there is no plan 'x'; list them"
    assert str(FencedError("gone")) == "gone"
    kinds = SupplyChainError.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(400 <= kind.status < 600 and 0 < kind.exit_code < 10 for kind in kinds)
