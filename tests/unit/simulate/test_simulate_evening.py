"""Simulated evenings of the sample network: what the rooms do is what the truth says, and looks like a live evening."""

from collections import Counter
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.network import Catalogue, Region, Session, SessionItem, Sku
from supplychain.domain.units import HOUR, MINUTE, SECOND
from supplychain.messages.codec import ENGAGEMENT_DECODER, SALES_DECODER, DecodeError, encode
from supplychain.messages.v1 import Audience, FlashOffer, Pitch, Sale, SaleKind
from supplychain.platforms.network_files import read_catalogue
from supplychain.simulate.behaviour import Behaviour
from supplychain.simulate.evening import Evening, scaled

SAMPLE = Path(__file__).parents[3] / "config" / "network"


@cache
def network() -> Catalogue:
    catalogue, findings = read_catalogue({path.name: path.read_bytes() for path in SAMPLE.iterdir()})
    assert not findings
    assert catalogue is not None
    return catalogue


@cache
def small() -> Catalogue:
    return scaled(network(), 0.1)


def digest(evening: Evening, step_ms: int = SECOND) -> str:
    """Return one hash over all records of an evening; within a topic their order counts, steps do not."""
    streams = [sha256(), sha256(), sha256()]
    for step in evening.steps(step_ms):
        for _, sale in step.sales:
            streams[0].update(encode(sale))
        for _, signal in step.engagement:
            streams[1].update(encode(signal))
        for _, raw in step.raw:
            streams[2].update(raw)
    return "".join(one.hexdigest() for one in streams)


def test_default_evening_is_a_full_one_and_the_truth_adds_up() -> None:
    evening = Evening(network(), 7)
    truth = evening.truth()
    assert 60_000 <= truth.records <= 120_000
    assert 2 <= len(truth.bursts) <= 4
    assert 0.30 <= truth.lost_share <= 0.60
    kinds: Counter[str] = Counter()
    identities: set[str] = set()
    raw = 0
    for step in evening.steps():
        raw += len(step.raw)
        for room, sale in step.sales:
            assert sale.synthetic
            assert sale.room_id == room
            kinds["duplicate" if sale.event_id in identities else sale.kind.value] += 1
            identities.add(sale.event_id)
    paid_beside = truth.delivered["impossible"] + truth.delivered["unknown_sku"] + truth.delivered["unknown_region"]
    assert raw == truth.delivered["malformed"] > 0
    assert kinds["paid"] == truth.delivered["paid"] + paid_beside
    assert kinds["duplicate"] == truth.delivered["duplicate"] > 0
    assert kinds["returned"] == truth.delivered["returned"] + truth.delivered["earlier_return"] > 0
    assert kinds["cancelled"] == truth.delivered["cancelled"] > 0
    assert kinds["refunded"] == truth.delivered["refunded"] > 0
    assert truth.pieces_after["returned"] > 0.9 * truth.pieces["returned"] > 0


def test_same_seed_gives_the_same_bytes_at_any_step_and_another_seed_others() -> None:
    first = digest(Evening(small(), 3))
    assert digest(Evening(small(), 3)) == first
    assert digest(Evening(small(), 3), 7_301) == first
    assert digest(Evening(small(), 4)) != first


def test_published_bytes_of_seed_zero() -> None:
    """The same bytes on any machine with the locked numpy: another digest makes every recorded demo another one."""
    starts = 1_794_394_800_000
    room = Session("one", "room", "host", "douyin", "shop", starts, starts + HOUR, 500, (SessionItem("A", 900, 1.4),))
    world = Catalogue(
        {"A": Sku("A", "a", "x", 990, 400)}, {}, {}, {}, {}, {"CN-ZJ": Region("CN-ZJ", "z")}, {"one": room}
    )
    assert digest(Evening(world, 0))[:16] == "234abef4eb1446a6"


def test_steps_leave_no_gap_and_hold_what_their_time_says() -> None:
    evening = Evening(small(), 5, behaviour=Behaviour.clean())
    steps = list(evening.steps(10 * SECOND))
    assert (steps[0].start, steps[-1].end) == (evening.starts_at, evening.ends_at)
    assert all(one.end == two.start for one, two in pairwise(steps))
    assert sum(step.records for step in steps) == evening.records
    for step in steps:
        times = [sale.occurred_at for _, sale in step.sales]
        assert times == sorted(times)
        assert all(step.start <= at < step.end for at in times)
        assert all(step.start <= signal.at < step.end for _, signal in step.engagement)


def test_records_decode_and_malformed_ones_do_not() -> None:
    evening = Evening(small(), 1, behaviour=Behaviour(malformed=0.02))
    broken = 0
    for step in evening.steps(60 * SECOND):
        for _, sale in step.sales:
            assert SALES_DECODER.decode(encode(sale)) == sale
        for _, signal in step.engagement:
            assert ENGAGEMENT_DECODER.decode(encode(signal)) == signal
        for _, raw in step.raw:
            broken += 1
            with pytest.raises((DecodeError, UnicodeDecodeError)):
                SALES_DECODER.decode(raw)
    assert broken > 20


def test_a_burst_multiplies_the_rate_of_its_item() -> None:
    behaviour = Behaviour(bursts_least=4, bursts_most=4, burst_factor_low=6, item_surprise=0, room_surprise=0)
    evening = Evening(network(), 11, behaviour=behaviour)
    sales = [sale for step in evening.steps(MINUTE) for _, sale in step.sales if sale.kind is SaleKind.PAID]
    for burst in evening.bursts:
        inside = [s for s in sales if s.sku == burst.sku and burst.starts_at <= s.occurred_at < burst.ends_at]
        inside = [s for s in inside if s.room_id == burst.room]
        minutes = (burst.ends_at - burst.starts_at) / MINUTE
        assert 0.5 * burst.factor < len(inside) / minutes / burst.rate < 1.8 * burst.factor


def test_without_bursts_and_surprise_a_session_sells_its_plan() -> None:
    behaviour = Behaviour(bursts_least=0, bursts_most=0, item_surprise=0, room_surprise=0)
    truth = Evening(network(), 2, behaviour=behaviour).truth()
    planned = sum(item.expected_orders for session in network().sessions.values() for item in session.items)
    assert sum(orders for orders, _ in truth.sold.values()) == pytest.approx(planned, rel=0.06)
    assert truth.bursts == ()


def test_pitches_flash_offers_and_audience_are_seen() -> None:
    catalogue = small()
    evening = Evening(catalogue, 9)
    signals = [signal for step in evening.steps(MINUTE) for _, signal in step.engagement]
    slots = sum(len(session.slots) for session in catalogue.sessions.values())
    assert sum(isinstance(one, Pitch | FlashOffer) for one in signals) == 2 * slots
    assert sum(isinstance(one, FlashOffer) and one.started for one in signals) > 10
    samples = [one for one in signals if isinstance(one, Audience)]
    assert min(one.viewers for one in samples) >= 0
    assert sum(one.comments for one in samples) > 0
    flash = [s for step in evening.steps(MINUTE) for _, s in step.sales if s.offer_id and s.kind is SaleKind.PAID]
    assert flash
    assert all(sale.unit_price_minor < catalogue.skus[sale.sku].price_minor for sale in flash)


def test_another_room_changes_nothing_in_the_others() -> None:
    behaviour = Behaviour(bursts_least=0, bursts_most=0, duplicates=0, late_inside=0, late_beyond=0, earlier_returns=0)

    def room(sessions: list[str]) -> list[Sale]:
        evening = Evening(small(), 6, behaviour=behaviour, sessions=sessions)
        found = [sale for step in evening.steps(MINUTE) for _, sale in step.sales]
        return [one for one in found if one.session_id == "mei-2026-11-11" and "-" not in one.order_id.split("-s6-")[1]]

    alone, together = room(["mei-2026-11-11"]), room(["mei-2026-11-11", "zhao-2026-11-11"])
    end = max(sale.occurred_at for sale in alone)
    assert len(alone) > 500
    assert [sale for sale in together if sale.occurred_at <= end] == alone


def test_scale_sells_more_than_the_plan_and_a_scaled_world_stays_in_proportion() -> None:
    plan = sum(orders for orders, _ in Evening(small(), 8, scale=1.0).truth().sold.values())
    double = sum(orders for orders, _ in Evening(small(), 8, scale=2.0).truth().sold.values())
    assert double == pytest.approx(2 * plan, rel=0.2)
    half = scaled(network(), 0.5)
    assert sum(row.on_hand for row in half.stock) == pytest.approx(
        sum(row.on_hand for row in network().stock) / 2, rel=0.01
    )
    assert all(row.fenced_live + row.fenced_shelf <= row.on_hand for row in half.stock)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 1, "scale": 0.0}, "scale"),
        ({"seed": 1, "scale": float("nan")}, "scale"),
        ({"seed": 1, "sessions": ["nobody"]}, "sessions"),
        ({"seed": 1, "sessions": []}, "sessions"),
    ],
)
def test_impossible_evenings_are_refused(arguments: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        Evening(small(), **arguments)  # type: ignore[arg-type]  # wrong on purpose
    assert refused.value.fields["field"] == field


@pytest.mark.parametrize(
    "changed",
    [{"cancelled": -0.1}, {"returned": float("nan")}, {"cancelled": 0.9}, {"bursts_least": 5}, {"clumping": 0.0}],
)
def test_impossible_behaviour_is_refused(changed: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError):
        Behaviour(**changed)  # type: ignore[arg-type]  # wrong on purpose
