"""A bad record becomes a dead letter with its place, reason and bytes; its neighbours are read as if it were not there."""

import base64
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.dead_letters import DeadLetter, dead_letter, sift


class Sale(msgspec.Struct):
    """Stands for a payload."""

    sku: str
    pieces: int


DECODE = msgspec.json.Decoder(Sale).decode
GOOD = b'{"sku":"A","pieces":1}'
DEEP = b'{"sku":"A","pieces":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
DEEP_UNKNOWN = b'{"sku":"A","pieces":1,"more":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def test_clean_chunk_is_decoded_whole() -> None:
    sifted = sift([GOOD, GOOD], DECODE)
    assert list(sifted.payloads) == [Sale("A", 1), Sale("A", 1)]
    assert not sifted.faults


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (None, "empty"),
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"\xff\xfe\x00", "not-json"),
        (b'{"sku":"\xff","pieces":1}', "not-utf8"),
        (b'{"sku":"A"}', "wrong-shape"),
        (b'{"sku":"A","pieces":"many"}', "wrong-shape"),
        (b'{"sku":"A","pieces":1.5}', "wrong-shape"),
        (b'{"sku":"A","pieces":NaN}', "not-json"),
        (b"x" * 2_000_000, "too-large"),
        (DEEP_UNKNOWN, "too-deep"),
    ],
)
def test_poison_is_named_and_costs_no_neighbour(bad: bytes | None, reason: str) -> None:
    sifted = sift([GOOD, bad, GOOD], DECODE)
    assert list(sifted.payloads) == [Sale("A", 1), None, Sale("A", 1)]
    assert [(fault.index, fault.reason) for fault in sifted.faults] == [(1, reason)]
    assert sifted.faults[0].detail


def test_deeply_nested_value_of_a_field_is_refused() -> None:
    assert [fault.index for fault in sift([DEEP, GOOD], DECODE).faults] == [0]


def test_refusals_of_our_own_checks_are_kept_apart() -> None:
    def decode(value: bytes) -> Sale:
        sale = DECODE(value)
        if sale.pieces < 0:
            raise ValueError("a negative number of pieces was sold")
        return sale

    sifted = sift([GOOD, b'{"sku":"A","pieces":-1}'], decode)
    assert [(fault.reason, fault.detail) for fault in sifted.faults] == [
        ("impossible", "a negative number of pieces was sold")
    ]


def test_other_errors_are_ours_and_not_the_records() -> None:
    def broken(value: bytes) -> Sale:
        raise AttributeError("a fault in the code")

    with pytest.raises(AttributeError):
        sift([GOOD], broken)


def _letter(value: bytes | None, *, most_kept: int = 1_000, offset: int = 9) -> DeadLetter:
    return dead_letter(
        ("not-json", "bad\x1b[31m\nstuff"),
        cluster="c1",
        topic="sales.v1",
        partition=3,
        offset=offset,
        key=b"room",
        value=value,
        sent_at=1,
        refused_at=2,
        most_kept=most_kept,
    )


def test_letter_says_where_why_and_what() -> None:
    letter = _letter(b"\x00\xffabc")
    assert (letter.topic, letter.partition, letter.offset, letter.reason) == ("sales.v1", 3, 9, "not-json")
    assert letter.detail == "bad\\x1b[31m\\nstuff"
    assert letter.preview == "\\x00\\xffabc"
    assert letter.content() == b"\x00\xffabc"
    assert letter.key is not None
    assert base64.b64decode(letter.key) == b"room"


def test_same_place_gives_the_same_letter() -> None:
    assert _letter(b"x") == _letter(b"x")
    assert _letter(b"x").id != _letter(b"x", offset=10).id


def test_long_values_are_cut_and_not_sent_again_from_the_letter() -> None:
    letter = _letter(b"y" * 5_000)
    assert letter.cut
    assert letter.value_bytes == 5_000
    assert len(base64.b64decode(letter.value or "")) == 1_000
    with pytest.raises(ValueError, match="only the beginning"):
        letter.content()


def test_record_without_a_value_has_none() -> None:
    letter = _letter(None)
    assert letter.value is None
    assert letter.value_bytes == 0
    assert not letter.cut


@settings(deadline=None)
@given(value=st.binary(max_size=300), position=st.integers(0, 4))
def test_any_bytes_make_a_letter_that_is_plain_text(value: bytes, position: int) -> None:
    letter = _letter(value)
    assert letter.content() == value
    assert letter.preview.isprintable()
    json.dumps([letter.preview, letter.value, letter.detail])
    values: list[bytes | None] = [GOOD] * 5
    values[position] = value
    sifted = sift(values, DECODE)
    assert all(isinstance(payload, Sale) for index, payload in enumerate(sifted.payloads) if index != position)
