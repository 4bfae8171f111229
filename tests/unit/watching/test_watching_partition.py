"""Buckets, corrections, sessions and state of one partition."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.tuning import Tuning, parse
from supplychain.messages.v1 import SaleKind, Tick
from supplychain.watching import Finding, PartitionWatch
from tests.unit.watching.watching_rig import (
    CATALOGUE,
    HOUR,
    MINUTE,
    SECOND,
    SESSION,
    T0,
    apply,
    records,
    sale,
    steady,
    totals,
    watch,
)


def test_each_kind_has_its_column_and_gross_never_falls() -> None:
    kinds = [SaleKind.PAID, SaleKind.CANCELLED, SaleKind.REFUNDED, SaleKind.RETURNED, SaleKind.CREATED]
    delta = apply(watch(), [sale(number, T0, kind=kind, qty=number + 1) for number, kind in enumerate(kinds)])
    (row,) = delta.windows
    assert row[7:] == (1, 1, 2, 3, 4, 990)
    assert delta.counts == {
        ("received", ""): 5,
        ("counted", ""): 1,
        ("cancellations", ""): 1,
        ("returns", "refunded"): 1,
        ("returns", "returned"): 1,
        ("excluded", "not-paid"): 1,
    }


def test_unknown_goods_and_places_are_excluded_and_found() -> None:
    odd = [sale(1, T0, sku="Z"), sale(2, T0, sku="Z"), sale(3, T0, region="moon"), sale(4, T0)]
    delta = apply(watch(), odd)
    assert delta.findings == [Finding("unknown-region", "moon", 1), Finding("unknown-sku", "Z", 2)]
    assert totals(delta) == {"received": 4, "counted": 1, "excluded": 3}


def test_what_was_excluded_may_come_again_once_the_catalogue_knows_it() -> None:
    before = replace(CATALOGUE, skus={"B": CATALOGUE.skus["B"]})
    one = watch(catalogue=before)
    assert totals(apply(one, [sale(1, T0)])) == {"received": 1, "excluded": 1}
    two = PartitionWatch(CATALOGUE, Tuning(), partition=0, snapshot=one.snapshot())
    assert totals(apply(two, [sale(1, T0)])) == {"received": 1, "counted": 1}


def test_the_first_of_equal_ids_wins() -> None:
    one = watch()
    first = apply(one, [sale(1, T0), sale(1, T0), sale(1, T0, received_at=T0 + 9), sale(1, T0, qty=2)])
    assert totals(first) == {"received": 4, "counted": 1, "duplicates": 2, "dead_letters": 1}
    assert [(bad.offset, bad.reason) for bad in first.rejections] == [(3, "id-conflict")]
    again = apply(one, [sale(1, T0), sale(1, T0 + 1)])
    assert totals(again) == {"received": 2, "duplicates": 1, "dead_letters": 1}


def test_late_within_lateness_counts_and_beyond_is_a_correction() -> None:
    delta = apply(watch(), [Tick(at=T0 + HOUR), sale(1, T0 + HOUR - 120_000), sale(2, T0 + HOUR - 120_001, qty=4)])
    assert totals(delta) == {"ticks": 1, "received": 2, "counted": 1, "corrections": 1}
    (counted,), (late,) = delta.windows, delta.corrections
    assert (counted.bin_start, counted.known_bin) == (T0 + HOUR - 120_000, T0 + HOUR)
    assert (late.offset, late.event_id, late.late_ms, late.window.gross_paid) == (2, "event-2", 120_001, 4)


def test_older_than_ids_are_remembered_is_a_dead_letter() -> None:
    delta = apply(watch(), [Tick(at=T0 + 48 * HOUR), sale(1, T0 + 24 * HOUR), sale(2, T0 + 23 * HOUR)])
    assert [bad.reason for bad in delta.rejections] == ["too-old"]
    assert totals(delta)["corrections"] == 1
    assert delta.seen_from == T0 + 48 * HOUR - 24 * HOUR - T0 % HOUR


def test_an_id_is_forgotten_after_its_horizon_and_not_before() -> None:
    tuning = parse({"detector": {"dedupe_hours": 1}})
    one = watch(tuning)
    first = apply(one, [sale(1, T0)])
    kept = apply(one, [Tick(at=T0 + HOUR), sale(1, T0)])
    assert totals(kept)["duplicates"] == 1
    gone = apply(one, [Tick(at=T0 + 3 * HOUR), sale(1, T0 + 3 * HOUR)])
    assert totals(gone)["counted"] == 1
    assert gone.seen_from > first.seen_blocks[0][0]


def test_due_is_the_promise_or_the_sessions_rounded_up_to_the_hour() -> None:
    promised = T0 + 5 * HOUR + 1
    rows = apply(
        watch(),
        [
            sale(1, T0, promised_ship_by=promised),
            sale(2, T0 + 1),
            sale(3, T0, sku="C"),
            sale(4, T0, promised_ship_by=T0 + HOUR),
        ],
    ).windows
    assert sorted((row.sku, (row.due_ms - T0) // HOUR) for row in rows) == [("A", 1), ("A", 2), ("A", 6), ("C", 48)]


@pytest.mark.parametrize(
    ("changes", "session"),
    [
        ({}, "L1"),
        ({"room_id": None, "session_id": "L1"}, "L1"),
        ({"occurred_at": T0 - 30 * MINUTE}, "L1"),
        ({"occurred_at": T0 - 30 * MINUTE - 1}, "room:room:2023-11-15"),
        ({"occurred_at": T0 + 150 * MINUTE - 1}, "L1"),
        ({"occurred_at": T0 + 150 * MINUTE}, "room:room:2023-11-15"),
        ({"room_id": "elsewhere"}, "room:elsewhere:2023-11-15"),
        ({"room_id": None}, "shop:shop:2023-11-15"),
        ({"room_id": None, "session_id": "gone"}, "shop:shop:2023-11-15"),
        ({"room_id": None, "occurred_at": T0 + 16 * HOUR - T0 % (24 * HOUR)}, "shop:shop:2023-11-16"),
    ],
)
def test_the_session_of_a_sale(changes: dict[str, object], session: str) -> None:
    (row,) = apply(watch(), [sale(1, T0, **{"occurred_at": T0, **changes})]).windows
    assert row.session_id == session


def test_between_two_sessions_the_nearer_one_has_the_sale() -> None:
    second = replace(SESSION, session="L2", starts_at=T0 + 2 * HOUR + 20 * MINUTE, ends_at=T0 + 4 * HOUR)
    book = replace(CATALOGUE, sessions={"L1": SESSION, "L2": second})
    times = [T0 + 2 * HOUR + minute * MINUTE for minute in (9, 10, 11, 20)]
    rows = apply(watch(catalogue=book), [sale(at, at) for at in times]).windows
    assert [row.session_id for row in sorted(rows, key=lambda row: row.bin_start)] == ["L1", "L1", "L2", "L2"]


def test_what_the_watermark_passed_is_told_on_the_grid_of_bins() -> None:
    one = watch()
    assert list(apply(one, [Tick(at=T0 + 12 * SECOND)]).passed) == [T0 + 10 * SECOND]
    assert list(apply(one, [Tick(at=T0 + 14 * SECOND)]).passed) == []
    assert list(apply(one, [Tick(at=T0 + 25 * SECOND)]).passed) == [T0 + second * SECOND for second in (15, 20, 25)]


def test_a_snapshot_of_another_partition_or_torn_is_refused() -> None:
    one = watch()
    apply(one, steady(60))
    good = one.snapshot()
    with pytest.raises(InvalidInputError, match="partition 0"):
        PartitionWatch(CATALOGUE, Tuning(), partition=1, snapshot=good)
    for bad in (good[:-3], b"", b"\x00" * 40):
        with pytest.raises(InvalidInputError, match="cannot be read"):
            PartitionWatch(CATALOGUE, Tuning(), partition=0, snapshot=bad)


def test_another_bin_width_begins_the_detector_anew_and_keeps_the_counts() -> None:
    one = watch()
    apply(one, steady(100))
    coarse = parse({"detector": {"bin_seconds": 20}, "planning": {"cut_seconds": 20}})
    two = PartitionWatch(CATALOGUE, coarse, partition=0, snapshot=one.snapshot())
    assert two.watermark == one.watermark
    delta = apply(two, steady(100, start=100))
    known = [cue.orders_by_region for cue in delta.cues if cue.sku == "A"]
    assert known == [{"CN-ZJ": 24}, {"CN-ZJ": 36}]


def test_a_chunk_of_nothing_changes_nothing() -> None:
    one = watch()
    apply(one, steady(30))
    before = one.snapshot()
    assert one.apply([]).counts == {}
    assert one.snapshot() == before


def test_offsets_of_dead_letters_are_those_of_the_records() -> None:
    one = watch()
    delta = one.apply(records([sale(1, T0), b"{", sale(2, T0, qty=0)], first=500))
    assert [bad.offset for bad in delta.rejections] == [501, 502]
