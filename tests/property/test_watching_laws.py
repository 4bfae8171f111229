"""The laws of a partition watch: cuts, order and faults of the input change nothing that they must not change."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.domain.network import Catalogue, Region, Session, SessionItem, ShowSlot, Sku, SlotKind
from supplychain.domain.tuning import Tuning, parse
from supplychain.messages.codec import encode
from supplychain.messages.v1 import Sale, SaleKind, Tick
from supplychain.watching.bulk import scanning
from supplychain.watching.delta import ChunkDelta, Record
from supplychain.watching.lines import LineTable
from supplychain.watching.partition import PartitionWatch

T0 = 1_700_000_000_000
HOUR = 3_600_000
SKUS = {name: Sku(name, name, "c", 1_000, 500) for name in ("A", "B", "C")}
SESSION = Session(
    "L1",
    "room",
    "host",
    "p",
    "shop",
    T0,
    T0 + HOUR,
    items=(SessionItem("A", 720.0, cap=40), SessionItem("B", 30.0, ship_within_minutes=90)),
    slots=(ShowSlot(SlotKind.FLASH_OFFER, "B", T0 + 60_000, T0 + 92_500, 4.0),),
)
CATALOGUE = Catalogue(
    SKUS, {}, {}, {}, {}, {name: Region(name, name) for name in ("R1", "R2")}, {"L1": SESSION}, zone="Asia/Shanghai"
)
TUNING = parse({"detector": {"lateness_seconds": 60, "seed_bins": 3, "half_life_seconds": 30, "dedupe_hours": 1}})
POISON = (b"", b"{", b"[" * 5_000, b'{"type":"sale"}', b"\xff\xfe", b'{"type":"tick","at":"x"}', b"x" * 70_000)


def sale(number: int, at: int, **changes: object) -> Sale:
    values: dict[str, object] = {
        "event_id": f"event-{number}" if number % 2 else f"{number:032x}",
        "platform": "p",
        "shop_id": "shop",
        "order_id": str(number),
        "line_id": "1",
        "kind": SaleKind.PAID,
        "sku": "A",
        "qty": 1,
        "occurred_at": at,
        "region": "R1",
        "unit_price_minor": 990,
        "room_id": "room",
    }
    return Sale(**{**values, **changes})  # type: ignore[arg-type]  # a test's free hand with fields


@st.composite
def sales(draw: st.DrawFn) -> Sale:
    late = draw(st.integers(0, 9)) == 0
    return sale(
        draw(st.integers(0, 60)),
        T0 + draw(st.integers(-200_000, 400_000) if late else st.integers(0, 200)) * (1 if late else 1_000),
        kind=draw(st.sampled_from([SaleKind.PAID] * 6 + list(SaleKind))),
        sku=draw(st.sampled_from(["A", "A", "A", "B", "C", "nobody"])),
        qty=draw(st.sampled_from([1, 1, 2, 3, 0, -4, 2_000_000])),
        region=draw(st.sampled_from(["R1", "R2", "nowhere"])),
        channel=draw(st.sampled_from(["live", "shelf"])),
        room_id=draw(st.sampled_from(["room", "room", "other", None])),
        promised_ship_by=draw(st.sampled_from([None, None, T0 + 5 * HOUR + 1])),
    )


payloads = st.one_of(
    sales().map(encode),
    sales().map(encode),
    sales().map(encode),
    st.integers(0, 300).map(lambda second: encode(Tick(at=T0 + second * 1_000))),
    st.sampled_from(POISON),
)
histories = st.lists(payloads, max_size=120).map(
    lambda values: [Record(10 + 3 * at, value) for at, value in enumerate(values)]
)


def run(
    records: Sequence[Record], cuts: Iterable[int], *, restart: bool = False, bulk_from: int = 1_000
) -> tuple[PartitionWatch, list[ChunkDelta]]:
    lines = LineTable(CATALOGUE, bulk_from)
    watch = PartitionWatch(lines, TUNING, partition=1)
    deltas: list[ChunkDelta] = []
    blocks: list[tuple[int, bytes]] = []
    edges = [0, *sorted(set(cuts)), len(records)]
    for start, end in pairwise(edges):
        if restart:
            watch = PartitionWatch(lines, TUNING, partition=1, snapshot=watch.snapshot(), seen_blocks=blocks)
        delta = watch.apply(records[start:end])
        blocks = [block for block in [*blocks, *delta.seen_blocks] if block[0] >= delta.seen_from]
        deltas.append(delta)
    return watch, deltas


def windows(deltas: Iterable[ChunkDelta]) -> dict[tuple[object, ...], tuple[int, ...]]:
    sums: dict[tuple[object, ...], tuple[int, ...]] = defaultdict(lambda: (0,) * 6)
    for delta in deltas:
        assert len({row[:7] for row in delta.windows}) == len(delta.windows)
        for row in delta.windows:
            sums[row[:7]] = tuple(a + b for a, b in zip(sums[row[:7]], row[7:], strict=True))
    return dict(sums)


def outcome(deltas: Sequence[ChunkDelta]) -> tuple[object, ...]:
    counts: Counter[tuple[str, str]] = Counter()
    findings: Counter[tuple[str, str]] = Counter()
    seen: Counter[tuple[int, bytes]] = Counter()
    for delta in deltas:
        counts.update(delta.counts)
        findings.update({(found.kind, found.subject): found.events for found in delta.findings})
        for hour, block in delta.seen_blocks:
            seen.update((hour, block[at : at + 20]) for at in range(0, len(block), 20))
    listed = [
        [item for delta in deltas for item in getattr(delta, name)]
        for name in ("corrections", "rejections", "spikes", "spike_ends", "cues")
    ]
    passed = [at for delta in deltas for at in delta.passed]
    return windows(deltas), counts, findings, seen, listed, passed


@settings(deadline=None, max_examples=120)
@given(histories, st.lists(st.integers(0, 120), max_size=12), st.booleans())
def test_any_cut_and_any_restart_give_the_same(records: list[Record], cuts: list[int], restart: bool) -> None:
    whole, one = run(records, [])
    parts, many = run(records, [cut for cut in cuts if cut < len(records)], restart=restart)
    assert outcome(one) == outcome(many)
    assert whole.snapshot() == parts.snapshot()


@settings(deadline=None, max_examples=120)
@given(histories, st.lists(st.integers(0, 120), max_size=3))
def test_the_compiled_reader_changes_nothing(records: list[Record], cuts: list[int]) -> None:
    scanning()
    slow, one = run(records, [])
    fast, many = run(records, [cut for cut in cuts if cut < len(records)], bulk_from=1)
    assert outcome(one) == outcome(many)
    assert slow.snapshot() == fast.snapshot()


@settings(deadline=None, max_examples=120)
@given(histories)
def test_every_record_is_in_exactly_one_bucket(records: list[Record]) -> None:
    _, (*_, delta) = run(records, [])
    by_bucket: Counter[str] = Counter()
    for (bucket, _), number in delta.counts.items():
        by_bucket[bucket] += number
    ticks = by_bucket.pop("ticks", 0)
    received = by_bucket.pop("received", 0)
    assert ticks + received == len(records)
    assert received == sum(by_bucket.values())
    assert by_bucket["dead_letters"] == len(delta.rejections)
    assert by_bucket["corrections"] == len(delta.corrections)
    assert by_bucket["counted"] == sum(row.orders for row in delta.windows)


def recount(records: Sequence[Record]) -> dict[tuple[object, ...], tuple[int, ...]]:
    """The slow twin: record by record, with plain dictionaries."""
    business = watermark = -1
    seen: set[str] = set()
    sums: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0] * 6)
    for record in records:
        try:
            event = decode_plain(record.value or b"")
        except ValueError:
            continue
        if isinstance(event, Tick):
            business = max(business, event.at)
            watermark = max(watermark, event.at)
            continue
        at = event.occurred_at
        if not 0 < event.qty <= 1_000_000 or (business >= 0 and at > business + 300_000):
            continue
        watermark = max(watermark, at if business < 0 else min(at, business))
        if event.kind is SaleKind.CREATED or event.sku not in SKUS or event.region not in CATALOGUE.regions:
            continue
        if event.event_id in seen:
            continue
        seen.add(event.event_id)
        if at < watermark - 60_000:
            continue
        add_plain(sums, event, watermark)
    return {key: tuple(value) for key, value in sums.items()}


def decode_plain(value: bytes) -> Sale | Tick:
    import msgspec

    if len(value) > 60_000 or value.count(b"[") > 30:
        raise ValueError
    return msgspec.json.decode(value, type=Sale | Tick)


def add_plain(sums: dict[tuple[object, ...], list[int]], event: Sale, watermark: int) -> None:
    at = event.occurred_at
    planned = event.room_id == "room" and T0 - HOUR // 2 <= at < T0 + HOUR + HOUR // 2
    name = f"room:{event.room_id}" if event.room_id else "shop:shop"
    session = "L1" if planned else f"{name}:2023-11-15"
    within = 90 * 60_000 if planned and event.sku == "B" else 48 * HOUR
    due = event.promised_ship_by or at + within
    known = max(at, watermark)
    key = (
        session,
        event.sku,
        event.region,
        event.channel,
        -(-due // HOUR) * HOUR,
        at // 5_000 * 5_000,
        known // 5_000 * 5_000,
    )
    row = sums[key]
    if event.kind is SaleKind.PAID:
        row[0] += 1
        row[1] += event.qty
        row[5] += event.qty * event.unit_price_minor
    else:
        row[{SaleKind.CANCELLED: 2, SaleKind.REFUNDED: 3, SaleKind.RETURNED: 4}[event.kind]] += event.qty


@settings(deadline=None, max_examples=150)
@given(histories)
def test_windows_equal_a_recount_by_hand(records: list[Record]) -> None:
    _, deltas = run(records, [])
    assert windows(deltas) == recount(records)


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[Record], list[Record]]:
    """A history of distinct events, and the same with every event delayed by less than the lateness."""
    seconds = sorted(draw(st.lists(st.integers(0, 300), min_size=1, max_size=60)))
    events = [
        (second * 1_000, encode(sale(at, T0 + second * 1_000, sku=draw(st.sampled_from("AB")))))
        for at, second in enumerate(seconds)
    ]
    delayed = sorted(((at + draw(st.integers(0, 60_000)), value) for at, value in events), key=lambda one: one[0])
    return (
        [Record(at, value) for at, (_, value) in enumerate(events)],
        [Record(at, value) for at, (_, value) in enumerate(delayed)],
    )


@settings(deadline=None, max_examples=80)
@given(shuffled())
def test_any_order_inside_the_lateness_gives_equal_windows(pair: tuple[list[Record], list[Record]]) -> None:
    def by_happening(records: list[Record]) -> dict[tuple[object, ...], tuple[int, ...]]:
        sums: dict[tuple[object, ...], tuple[int, ...]] = defaultdict(lambda: (0,) * 6)
        for key, amounts in windows(run(records, [])[1]).items():
            sums[key[:6]] = tuple(a + b for a, b in zip(sums[key[:6]], amounts, strict=True))
        return dict(sums)

    assert by_happening(pair[0]) == by_happening(pair[1])


@settings(deadline=None, max_examples=60)
@given(histories, st.integers(0, 60))
def test_what_was_known_at_a_cut_is_what_a_watch_stopped_there_would_know(records: list[Record], second: int) -> None:
    cut = T0 + 5_000 * second
    watch = PartitionWatch(CATALOGUE, TUNING, partition=1)
    deltas = []
    for record in records:
        deltas.append(watch.apply([record]))
        if watch.watermark >= cut:
            break
    everything = windows(run(records, [])[1])
    stopped = {key: value for key, value in windows(deltas).items() if int(str(key[6])) + 5_000 <= cut}
    if watch.watermark >= cut:
        assert {key: value for key, value in everything.items() if int(str(key[6])) + 5_000 <= cut} == stopped


def test_the_defaults_are_valid_for_a_watch() -> None:
    assert PartitionWatch(CATALOGUE, Tuning(), partition=0).apply([]).watermark == -1
