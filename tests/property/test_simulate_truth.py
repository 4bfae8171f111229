"""For any small world and seed: caps hold, nobody loses more than was sold, and the truth is a recount of the records."""

from collections import Counter, defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.domain.network import Catalogue, Region, Session, SessionItem, ShowSlot, Sku, SlotKind
from supplychain.domain.units import MINUTE
from supplychain.messages.v1 import Sale, SaleKind
from supplychain.simulate.behaviour import Behaviour
from supplychain.simulate.evening import Evening

START = 1_794_394_800_000
QUICK = settings(deadline=None, max_examples=40)


@st.composite
def worlds(draw: st.DrawFn) -> Catalogue:
    caps = st.none() | st.integers(0, 300)
    skus = {}
    for name in ("A", "B", "C"):
        cap = draw(caps)
        run = draw(caps)
        skus[name] = Sku(name, name, "x", 900, 300, sale_cap_session=cap, sale_cap_run=run)
    sessions = {}
    for number in range(draw(st.integers(1, 3))):
        starts = START + draw(st.integers(0, 40)) * MINUTE + draw(st.integers(0, 999))
        ends = starts + draw(st.integers(20, 90)) * MINUTE + draw(st.integers(0, 4_999))
        items = tuple(
            SessionItem(
                sku, draw(st.floats(0, 400)), draw(st.floats(1, 3)), cap=draw(caps), presale=draw(st.booleans())
            )
            for sku in draw(st.sets(st.sampled_from(sorted(skus)), min_size=1).map(sorted))
        )
        begins = starts + 10 * MINUTE
        slots = (ShowSlot(draw(st.sampled_from(SlotKind)), items[0].sku, begins, begins + 5 * MINUTE, 4.0, 800),)
        name = f"session-{number}"
        sessions[name] = Session(name, f"room-{number}", "h", "douyin", "shop", starts, ends, 900, items, slots)
    regions = {code: Region(code, code, draw(st.floats(0, 5))) for code in ("CN-GD", "CN-ZJ")}
    return Catalogue(skus, {}, {}, {}, {}, regions, sessions)


def real(evening: Evening) -> list[Sale]:
    """Return each real record once: no duplicates, nothing that was made beside the lines."""
    seen: dict[str, Sale] = {}
    for step in evening.steps(MINUTE):
        for _, sale in step.sales:
            if sale.session_id and "-" not in sale.order_id.rpartition("-s")[2].partition("-")[2]:
                seen.setdefault(sale.event_id, sale)
    return list(seen.values())


@QUICK
@given(worlds(), st.integers(0, 2**31))
def test_truth_is_a_recount_of_the_records(catalogue: Catalogue, seed: int) -> None:
    evening = Evening(catalogue, seed)
    truth, sales = evening.truth(), real(evening)
    kinds = Counter(sale.kind.value for sale in sales)
    assert all(kinds[kind] == truth.delivered[kind] for kind in ("paid", "cancelled", "refunded", "returned"))
    pieces: Counter[str] = Counter()
    for sale in sales:
        pieces[sale.kind.value] += sale.qty
    assert all(pieces[kind] == truth.pieces[kind] - truth.pieces_after[kind] for kind in truth.pieces)
    sold: dict[tuple[str, str], list[int]] = defaultdict(list)
    for sale in sales:
        if sale.kind is SaleKind.PAID:
            sold[(sale.session_id or "", sale.sku)].append(sale.qty)
    assert {key: (len(qty), sum(qty)) for key, qty in sold.items()} == {k: v for k, v in truth.sold.items() if v[0]}


@QUICK
@given(worlds(), st.integers(0, 2**31))
def test_caps_hold_and_no_line_loses_more_than_it_sold(catalogue: Catalogue, seed: int) -> None:
    evening = Evening(catalogue, seed, scale=3.0)
    by_line: dict[tuple[str, str], int] = {}
    run: Counter[str] = Counter()
    for (name, sku), (_, pieces) in evening.truth().sold.items():
        item = catalogue.sessions[name].item(sku)
        caps = [cap for cap in (item.cap if item else None, catalogue.skus[sku].sale_cap_session) if cap is not None]
        assert pieces <= min(caps, default=pieces)
        run[sku] += pieces
    for sku, pieces in run.items():
        cap = catalogue.skus[sku].sale_cap_run
        assert cap is None or pieces <= cap
    sales = sorted(real(evening), key=lambda sale: sale.kind is not SaleKind.PAID)
    for sale in sales:
        line = (sale.order_id, sale.line_id)
        if sale.kind is SaleKind.PAID:
            assert line not in by_line
            by_line[line] = sale.qty
        else:
            by_line[line] -= sale.qty
    assert all(rest >= 0 for rest in by_line.values())


@QUICK
@given(worlds(), st.integers(0, 2**31))
def test_sales_happen_inside_their_session_and_keep_one_time_per_order(catalogue: Catalogue, seed: int) -> None:
    times: dict[str, int] = {}
    for sale in real(Evening(catalogue, seed, behaviour=Behaviour(joined_lines=0.4))):
        session = catalogue.sessions[sale.session_id or ""]
        assert sale.region in catalogue.regions
        assert sale.qty > 0
        if sale.kind is SaleKind.PAID:
            assert session.starts_at <= sale.occurred_at < session.ends_at
            assert times.setdefault(sale.order_id, sale.occurred_at) == sale.occurred_at
            assert sale.promised_ship_by is not None
