"""The compiled reader against the decoder of the payloads: what it takes, it reads alike; and it takes what the house writes."""

from __future__ import annotations

import json
import string
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.messages.codec import SALES_DECODER, encode
from supplychain.messages.v1 import Sale, SaleKind
from supplychain.watching.bulk import Bulk, scanning
from supplychain.watching.columns import KINDS, text_of
from supplychain.watching.dedupe import keys_of

FIELDS = Sale.__struct_fields__
odd: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        7,
        -0.0,
        1.5,
        1e3,
        10**17,
        10**18,
        -(10**18),
        10**40,
        "",
        "x",
        "live",
        "sale",
        [],
        {},
        "é",
        "a\\b",
    ]
)
texts = st.one_of(
    st.text(string.ascii_letters + string.digits + "-_ ./", max_size=12), st.text(max_size=4), st.just("y" * 201)
)
spaces = st.sampled_from(["", "", "", " ", "\n\t", "\r "])


def sale(**changes: object) -> dict[str, Any]:
    values = {
        "type": "sale",
        "event_id": "0123456789abcdefABCDEF9876543210",
        "platform": "p",
        "shop_id": "shop",
        "order_id": "1",
        "line_id": "1",
        "kind": "paid",
        "sku": "A",
        "qty": 2,
        "occurred_at": 1_700_000_000_000,
        "region": "CN-ZJ",
    }
    return values | changes


@st.composite
def fields(draw: st.DrawFn) -> list[tuple[str, Any]]:
    changes: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "event_id": st.text("0123456789abcdefABCDEFg ", min_size=31, max_size=33),
                "kind": st.sampled_from([*map(str, SaleKind), "stolen"]),
                "sku": texts,
                "region": texts,
                "channel": st.sampled_from(["live", "video", "shelf", "street"]),
                "currency": texts,
                "room_id": st.one_of(st.none(), texts),
                "session_id": st.one_of(st.none(), texts),
                "qty": st.integers(-(10**20), 10**20),
                "unit_price_minor": st.integers(-5, 10**12),
                "promised_ship_by": st.one_of(st.none(), st.integers(0, 10**13)),
                "presale": st.booleans(),
                "source_seq": texts,
                "other": odd,
            },
        )
    )
    if draw(st.integers(0, 2)) == 0:
        changes[draw(st.sampled_from([*FIELDS, "type"]))] = draw(odd)
    listed = list(sale(**changes).items())
    if draw(st.integers(0, 4)) == 0:
        listed = draw(st.permutations(listed))
    if draw(st.integers(0, 4)) == 0:
        del listed[draw(st.integers(0, len(listed) - 1))]
    if draw(st.integers(0, 9)) == 0 and listed:
        listed.append(draw(st.sampled_from(listed)))
    return listed


@st.composite
def records(draw: st.DrawFn) -> bytes:
    between, around = draw(spaces), draw(spaces)
    ascii_only = draw(st.booleans())
    parts = [
        f"{json.dumps(name)}{between}:{between}{json.dumps(value, ensure_ascii=ascii_only)}"
        for name, value in draw(fields())
    ]
    text = around + "{" + f"{between},{between}".join(parts) + "}" + around
    raw = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 4)) == 0 and raw:
        at = draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + draw(st.binary(max_size=2)) + raw[at + draw(st.integers(0, 2)) :]
    return raw


def read(values: list[bytes]) -> tuple[Any, Bulk]:
    bulk = Bulk(scanning())
    decoded = [decode(value) for value in values]
    known = list(dict.fromkeys(text_of(one) for one in decoded if one is not None))
    bulk.learn_all(known)
    found = bulk.read(values)
    for at, one in enumerate(decoded):
        if found.plain[at]:
            assert one is not None, values[at]
            assert found.line[at] == known.index(text_of(one))
    return found, bulk


def decode(value: bytes) -> Sale | None:
    try:
        payload = SALES_DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return payload if isinstance(payload, Sale) else None


@settings(deadline=None, max_examples=400)
@given(st.lists(records(), min_size=1, max_size=8))
def test_what_is_read_is_what_the_decoder_reads(values: list[bytes]) -> None:
    found, _ = read(values)
    for at in np.flatnonzero(found.plain).tolist():
        one = decode(values[at])
        assert one is not None
        assert (found.qty[at], found.occurred[at], found.price[at]) == (one.qty, one.occurred_at, one.unit_price_minor)
        assert found.promised[at] == (-1 if one.promised_ship_by is None else one.promised_ship_by)
        assert KINDS[found.kind[at]] is one.kind
        assert found.key[at].tolist() == keys_of([one.event_id])[0].tolist()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"room_id": None, "session_id": "L1", "host_id": "h", "presale": True, "promised_ship_by": 1_700_000_000_000},
        {"channel": "shelf", "currency": "USD", "unit_price_minor": 0, "received_at": None, "synthetic": False},
        dict.fromkeys(("sku", "region", "room_id"), "z" * 200),
        {"a_field_of_tomorrow": "x", "and_one_more": 3},
    ],
)
@pytest.mark.parametrize("write", [json.dumps, lambda payload: json.dumps(payload, separators=(",", ":"))])
def test_plain_sales_are_read_in_bulk(changes: dict[str, Any], write: Any) -> None:
    values = [write(sale(**changes)).encode()]
    found, _ = read(values * 3)
    assert len(values[0]) > 600 or found.plain.all()


@given(
    st.builds(lambda kind, price: sale(kind=kind, unit_price_minor=price), st.sampled_from(SaleKind), st.integers(0, 9))
)
def test_what_the_house_writes_is_read_in_bulk(values: dict[str, Any]) -> None:
    values.pop("type")
    found, _ = read([encode(Sale(**values))])
    assert found.plain.all()


def test_an_index_that_grows_forgets_nothing_and_finds_nothing_else() -> None:
    bulk = Bulk(scanning())
    names = [f"SKU-{number}" for number in range(9_000)]
    values = [json.dumps(sale(sku=name)).encode() for name in names]
    bulk.learn_all([text_of(SALES_DECODER.decode(value)) for value in values[:8_000]])
    assert bulk.read(values).line.tolist() == [*range(8_000), *[-1] * 1_000]
