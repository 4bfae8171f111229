"""Bad records become dead letters with their reason; their neighbours do not notice."""

from __future__ import annotations

import pytest

from supplychain.domain.units import iso
from supplychain.messages.codec import encode
from supplychain.messages.v1 import Sale, SaleKind, Tick
from supplychain.watching import Record
from supplychain.watching.delta import Batch
from supplychain.watching.intake import decode, depth
from tests.unit.watching.watching_rig import HOUR, MINUTE, T0, apply, records, sale, totals, watch

GOOD = encode(sale("good", T0))


def altered(text: bytes, other: bytes) -> bytes:
    assert text in GOOD
    return GOOD.replace(text, other)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "malformed"),
        (b"not json", "malformed"),
        (GOOD[:-1], "malformed"),
        (GOOD + b"{}", "malformed"),
        (b"\xff\xfe\x00", "malformed"),
        (altered(b'"qty":1', b'"qty":NaN'), "malformed"),
        (b"null", "invalid"),
        (b"[]", "invalid"),
        (b'{"type":"sale"}', "invalid"),
        (b'{"type":"gift","at":1}', "invalid"),
        (altered(b'"qty":1', b'"qty":1.5'), "invalid"),
        (altered(b'"qty":1', b'"qty":"1"'), "invalid"),
        (altered(b'"kind":"paid"', b'"kind":"stolen"'), "invalid"),
        (altered(b'"order_id":"good"', b'"order_id":"' + b"x" * 300 + b'"'), "invalid"),
        (b" " * 70_000 + GOOD, "too-large"),
        (altered(b'"qty":1', b'"qty":1,"more":' + b"[" * 400 + b"]" * 400), "too-deep"),
        (b'{"type":"tick","at":1,"more":' + b'{"a":' * 9_000, "too-deep"),
        (altered(b'"qty":1', b'"qty":0'), "impossible-quantity"),
        (altered(b'"qty":1', b'"qty":-3'), "impossible-quantity"),
        (altered(b'"qty":1', b'"qty":1000001'), "impossible-quantity"),
        (altered(b'"qty":1', b'"qty":' + b"9" * 40), "impossible-quantity"),
        (altered(b'"unit_price_minor":990', b'"unit_price_minor":-1'), "impossible-price"),
        (altered(b'"unit_price_minor":990', b'"unit_price_minor":' + b"9" * 30), "impossible-price"),
        (encode(sale("x", 0)), "impossible-time"),
        (encode(sale("x", 4_102_444_800_000)), "impossible-time"),
        (encode(sale("x", T0 * 1_000)), "impossible-time"),
        (altered(b'"occurred_at":1', b'"occurred_at":' + b"9" * 30 + b"1"), "impossible-time"),
        (encode(sale("x", T0, promised_ship_by=7)), "impossible-time"),
        (encode(Tick(at=5)), "impossible-time"),
        (encode(Tick(at=10**30)), "impossible-time"),
    ],
)
def test_one_bad_record_costs_itself_alone(value: bytes, reason: str) -> None:
    delta = apply(watch(), [Tick(at=T0), sale(1, T0), value, sale(2, T0)])
    assert [(one.offset, one.reason) for one in delta.rejections] == [(2, reason)]
    assert delta.rejections[0].detail
    assert delta.counts == {
        ("ticks", ""): 1,
        ("received", ""): 3,
        ("counted", ""): 2,
        ("dead_letters", reason): 1,
    }
    assert delta.watermark == T0


def test_a_tombstone_is_a_dead_letter() -> None:
    delta = watch().apply([Record(7, None), Record(8, GOOD)])
    assert [(one.offset, one.reason) for one in delta.rejections] == [(7, "malformed")]
    assert totals(delta)["counted"] == 1


def test_a_stamp_too_far_ahead_of_business_time_is_refused_and_moves_nothing() -> None:
    delta = apply(watch(), [Tick(at=T0), sale(1, T0 + 5 * MINUTE), sale(2, T0 + 5 * MINUTE + 1)])
    assert [one.offset for one in delta.rejections] == [2]
    assert delta.watermark == T0, "an event never pulls the watermark past business time"


def test_a_live_record_is_compared_with_the_time_the_broker_received_it() -> None:
    stamped = [Record(0, encode(sale(1, T0 + HOUR)), T0), Record(1, encode(sale(2, T0)), T0 + MINUTE)]
    delta = watch().apply(stamped, T0 + 2 * HOUR)
    assert [one.offset for one in delta.rejections] == [0]
    assert delta.watermark == T0
    late = watch().apply([Record(0, encode(sale(1, T0 + HOUR)))], T0 + 2 * HOUR)
    assert late.watermark == T0 + HOUR, f"without a stamp the wall says {iso(T0 + 2 * HOUR)}"


@pytest.mark.parametrize("size", [40, 700])
def test_brackets_in_text_are_no_depth(size: int) -> None:
    text = '"[[{' * (size // 4)
    odd = encode(sale(1, T0, city_adcode=text[:150], gtin=text[:150], host_id=text[:150], offer_id=text[:150]))
    assert depth(odd, 32) == 1
    assert totals(apply(watch(), [odd])) == {"received": 1, "counted": 1}


def test_the_quick_and_the_careful_way_read_the_same() -> None:
    good: list[Sale | Tick | bytes] = [sale(1, T0), Tick(at=T0), sale(2, T0, kind=SaleKind.RETURNED)]
    quick, careful = decode(Batch.of(records(good))), decode(Batch.of(records([*good, b"{"])))
    assert (quick.sales, quick.sale_at, quick.ticks, quick.tick_at) == (
        careful.sales,
        careful.sale_at,
        careful.ticks,
        careful.tick_at,
    )
    assert (quick.sale_at, quick.tick_at) == ([0, 2], [1])
