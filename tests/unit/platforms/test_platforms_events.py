"""Recorded events come back in order of time, and what is no payload is kept for the dead letters."""

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from supplychain.domain.errors import InvalidInputError, NotFoundError
from supplychain.domain.units import DAY, HOUR, MINUTE, iso
from supplychain.messages.codec import cloud_event, encode
from supplychain.messages.step import Step
from supplychain.messages.v1 import Audience, Receipt, Sale, SaleKind, Tick
from supplychain.platforms.events import RecordedEvents, read_events

AT = 1_794_394_800_000


def sale(number: int, at: int, room: str | None = "room", received: int | None = None) -> Sale:
    return Sale(
        f"{number:032x}", "douyin", "shop", f"o{number}", "1", SaleKind.PAID, "A", 1, at, "CN-ZJ", room_id=room,
        received_at=received,
    )  # fmt: skip


def steps(*lines: bytes, step_ms: int = 1_000) -> list[Step]:
    return [step for step in RecordedEvents(lines).steps(step_ms) if step.records]


def test_events_come_in_order_of_time_with_the_keys_of_their_topics() -> None:
    lines = [
        encode(sale(2, AT + 5_000)),
        encode(sale(1, AT, room=None)),
        encode(Audience("room", AT + 1, 40)),
        encode(Receipt("WH", 1, AT + 2, "A", 5)),
        encode(Tick(AT)),
        b"",
    ]
    recorded = RecordedEvents(lines)
    found = [step for step in recorded.steps() if step.records]
    assert [key for step in found for key, _ in step.sales] == ["shop", "room"]
    assert [payload.order_id for step in found for _, payload in step.sales] == ["o1", "o2"]
    assert found[0].engagement == [("room", Audience("room", AT + 1, 40))]
    assert found[0].stock == [("WH", Receipt("WH", 1, AT + 2, "A", 5))]
    assert recorded.counts == {"sale": 2, "engagement": 1, "stock": 1, "tick": 1, "blank": 1}
    assert recorded.records == 4


def test_bad_lines_are_kept_where_they_stood() -> None:
    bad = [b"{", b"\xff\xfe", b"[1]", b'{"type":"rumour"}', encode(sale(9, AT))[:-9], b"null", b'"text"']
    found = steps(bad[0], encode(sale(1, AT)), *bad[1:], encode(sale(2, AT + HOUR)))
    assert [raw for _, raw in found[0].raw] == bad
    assert {key for key, _ in found[0].raw} == {"room"}
    assert not found[-1].raw


def test_cloud_events_and_sales_without_a_type_are_read() -> None:
    plain = msgspec.to_builtins(sale(1, AT))
    plain.pop("type")
    wrapped = cloud_event("sales.order_line.recorded.v1", "x", "/recorder", "o", AT, sale(2, AT), "room")
    found = steps(msgspec.json.encode(plain), wrapped)
    assert [payload.order_id for _, payload in found[0].sales] == ["o1", "o2"]


def test_an_impossible_stamp_does_not_stretch_the_recording() -> None:
    lines = [
        encode(sale(1, AT)),
        encode(sale(2, 4_080_000_000_000)),
        encode(sale(3, 0)),
        encode(sale(4, AT + 400 * DAY, received=AT + MINUTE)),
        encode(sale(5, AT + HOUR)),
    ]
    recorded = RecordedEvents(lines)
    assert recorded.ends_at <= AT + HOUR + 1_000
    assert sum(len(step.sales) for step in recorded.steps()) == 5


def test_steps_leave_no_gap_and_idle_time_passes_in_long_steps() -> None:
    recorded = RecordedEvents([encode(sale(1, AT)), encode(sale(2, AT + 20 * HOUR + 7))])
    every = list(recorded.steps(1_000, idle_ms=6 * HOUR))
    assert (every[0].start, every[-1].end) == (recorded.starts_at, recorded.ends_at)
    assert all(one.end == two.start for one, two in pairwise(every))
    assert len(every) < 8
    assert max(step.end - step.start for step in every) == 6 * HOUR


def test_a_part_of_a_recording() -> None:
    lines = [encode(sale(number, AT + number * MINUTE)) for number in range(10)]
    part = RecordedEvents(lines, AT + 2 * MINUTE, AT + 4 * MINUTE)
    assert [s.order_id for step in part.steps() for _, s in step.sales] == ["o2", "o3"], iso(part.starts_at)


def test_files_without_events_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_events(tmp_path / "none.jsonl")
    (tmp_path / "noise.jsonl").write_bytes(b"{}\nhello\n")
    with pytest.raises(InvalidInputError):
        read_events(tmp_path / "noise.jsonl")
    (tmp_path / "good.jsonl").write_bytes(b"\xef\xbb\xbf" + encode(sale(1, AT)) + b"\r\n")
    assert read_events(tmp_path / "good.jsonl").records == 1


def test_a_step_of_no_length_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        list(RecordedEvents([encode(sale(1, AT))]).steps(0))
