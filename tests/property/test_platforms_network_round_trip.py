"""A catalogue written to files or to a document and read back is the same catalogue; no text makes the reader fail."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supplychain.domain.network import (
    Catalogue,
    Channel,
    Component,
    DatedPrice,
    Expedite,
    Lane,
    LaneKind,
    Offer,
    OpeningStock,
    PriceTier,
    Region,
    Session,
    SessionItem,
    ShowSlot,
    Sku,
    SlotKind,
    Supplier,
    Warehouse,
    WarehouseKind,
    WorkingHours,
)
from supplychain.platforms.catalogue_document import catalogue_document, catalogue_from
from supplychain.platforms.cells import check_digit
from supplychain.platforms.network_files import FILES, read_catalogue
from supplychain.platforms.network_writer import write_catalogue

QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

money = st.integers(0, 10**9)
count = st.integers(1, 10**6)
moments = st.integers(1_600_000_000_000, 1_900_000_000_000)
names = st.text(st.characters(categories=["L", "N", "P"], include_characters=" "), min_size=1, max_size=20).map(
    lambda text: text.strip() or "x"
)
maybe_count = st.none() | count


@st.composite
def hours(draw: st.DrawFn) -> WorkingHours:
    opens = draw(st.integers(0, 1439))
    days = draw(st.sets(st.integers(0, 6), min_size=1))
    zone = draw(st.sampled_from(["Asia/Shanghai", "Europe/London", "UTC"]))
    return WorkingHours(opens, draw(st.integers(opens + 1, 1440)), tuple(sorted(days)), zone)


@st.composite
def skus(draw: st.DrawFn, name: str, parts: tuple[str, ...]) -> Sku:
    cap = draw(maybe_count)
    starts = draw(moments)
    price = DatedPrice(draw(st.sampled_from(Channel)), draw(money), starts, starts + draw(count))
    body = draw(st.text("0123456789", min_size=12, max_size=12))
    chosen = draw(st.lists(st.sampled_from(parts), unique=True, max_size=3)) if parts else []
    return Sku(
        name,
        draw(names),
        draw(names),
        draw(money),
        draw(money),
        volume_ml=draw(count),
        holding_minor=draw(money),
        salvage_minor=draw(money),
        shortage_minor=draw(st.none() | money),
        gtin=draw(st.none() | st.just(body + str(check_digit(body)))),
        live_exclusive=draw(st.booleans()),
        sale_cap_session=cap,
        sale_cap_run=None if cap is None else cap + draw(st.integers(0, 1000)),
        run_ends_at=draw(st.none() | moments),
        shelf_life_days=draw(st.none() | st.integers(1, 1000)),
        similar_to=draw(st.none() | st.sampled_from(parts)) if parts else None,
        components=tuple(Component(part, draw(st.integers(1, 9))) for part in chosen),
        prices=draw(st.sampled_from([(), (price,)])),
    )


@st.composite
def offers(draw: st.DrawFn, name: str, supplier: str, sku: str) -> Offer:
    lead = draw(st.integers(2, 10_000))
    expedite = Expedite(draw(st.integers(0, lead - 1)), draw(money))
    starts = sorted(draw(st.sets(count, max_size=3)))
    return Offer(
        name,
        supplier,
        sku,
        lead,
        draw(count),
        draw(count),
        draw(money),
        tuple(PriceTier(start, draw(money)) for start in starts),
        draw(maybe_count),
        draw(maybe_count),
        draw(st.integers(0, 600)),
        draw(st.integers(0, 600)),
        draw(st.sampled_from([None, expedite])),
    )


@st.composite
def sessions(draw: st.DrawFn, name: str, listed: tuple[Sku, ...]) -> Session:
    starts = draw(moments)
    length = draw(st.integers(2, 10**7))
    chosen = [sku for sku in listed if draw(st.booleans())]
    items = tuple(
        SessionItem(
            sku.sku,
            draw(st.floats(0, 1e6)),
            draw(st.floats(1, 50)),
            draw(st.none() | money),
            None if sku.sale_cap_session is not None else draw(st.none() | money),
            draw(st.integers(0, 10_000)),
            draw(st.booleans()),
        )
        for sku in chosen
    )
    slots = tuple(
        ShowSlot(
            draw(st.sampled_from(SlotKind)), item.sku, starts, starts + draw(st.integers(1, length)),
            draw(st.floats(0.01, 100)), draw(st.none() | money),
        )
        for item in items
        if draw(st.booleans())
    )  # fmt: skip
    room = ("room-" + name, "host", "douyin", "shop")
    return Session(name, *room, starts, starts + length, draw(st.integers(0, 10**6)), items, slots)


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    leaves = ("A-1", "B,2", 'C"3')
    goods = {name: draw(skus(name, ())) for name in leaves}
    goods["SET-4"] = draw(skus("SET-4", leaves))
    regions = {code: Region(code, draw(names), draw(st.floats(0, 10))) for code in ("CN-ZJ", "CN-GD")}
    supplier = Supplier(
        "S", draw(names), draw(hours()), draw(maybe_count), draw(maybe_count), 5, draw(money), 60, 90,
        draw(st.integers(0, 99)), draw(st.none() | names), draw(st.none() | names),
    )  # fmt: skip
    warehouse = Warehouse(
        "W", draw(names), draw(st.sampled_from(WarehouseKind)), "CN-ZJ", draw(maybe_count), draw(money), draw(hours())
    )
    clock = st.none() | st.integers(0, 1440)
    ways = ((LaneKind.SUPPLY, "S", "W"), (LaneKind.DELIVERY, "W", "CN-ZJ"), (LaneKind.DELIVERY, "W", "CN-GD"))
    lanes = {
        f"L{place}": Lane(
            f"L{place}", *way, draw(count.map(lambda n: n % 9_999)), draw(money), draw(clock), draw(maybe_count)
        )
        for place, way in enumerate(ways)
    }
    stock = [OpeningStock("W", name, draw(st.integers(500, 900)), draw(st.integers(0, 250)), 250) for name in leaves]
    listed = tuple(goods.values())
    return Catalogue(
        skus=goods,
        suppliers={"S": supplier},
        offers={f"O{place}": draw(offers(f"O{place}", "S", name)) for place, name in enumerate(leaves)},
        warehouses={"W": warehouse},
        lanes=lanes,
        regions=regions,
        sessions={name: draw(sessions(name, listed)) for name in ("one", "two")},
        stock=tuple(stock),
        currency="EUR",
    )


@QUICK
@given(catalogues())
def test_files_round_trip(catalogue: Catalogue) -> None:
    read, findings = read_catalogue(write_catalogue(catalogue))
    assert findings == []
    assert read == catalogue


@QUICK
@given(catalogues())
def test_document_round_trip_is_untouched_by_use(catalogue: Catalogue) -> None:
    fresh = json.dumps(catalogue_document(catalogue))
    assert catalogue.groups
    assert catalogue.session_of_room is not None
    assert json.dumps(catalogue_document(catalogue)) == fresh
    assert catalogue_from(json.loads(fresh)) == catalogue


@QUICK
@given(st.sampled_from(FILES), st.text(max_size=200), st.integers(0, 500))
def test_no_text_makes_the_reader_fail(file: str, noise: str, place: int) -> None:
    files = _sample()
    text = files[file]
    files[file] = text[:place] + noise + text[place:]
    catalogue, findings = read_catalogue(files)
    assert (catalogue is None) == bool(findings)
    assert all(one.file in FILES and one.line >= 0 and one.message for one in findings)


def _sample() -> dict[str, str]:
    goods: dict[str, Any] = {
        "A": Sku("A", "a", "c", 5, 2),
        "S": Sku("S", "s", "c", 9, 4, components=(Component("A", 2),)),
    }
    return write_catalogue(
        Catalogue(
            goods,
            {"P": Supplier("P", "p")},
            {"O": Offer("O", "P", "A", 60, tiers=(PriceTier(1, 2),))},
            {"W": Warehouse("W", "w", WarehouseKind.LIVE, "R")},
            {"L": Lane("L", LaneKind.DELIVERY, "W", "R", 60)},
            {"R": Region("R", "r")},
            {
                "E": Session(
                    "E", "room", "host", "p", "s", 1_700_000_000_000, 1_700_000_060_000, 5, (SessionItem("A", 4.0),)
                )
            },
            (OpeningStock("W", "A", 5),),
        )
    )
