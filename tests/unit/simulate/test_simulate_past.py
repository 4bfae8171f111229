"""Simulated past sessions: repeatable, earlier than the evening, lossy as live rooms are, silent after a cap."""

from supplychain.domain.network import Catalogue, Region, Session, SessionItem, Sku
from supplychain.domain.units import DAY, HOUR, MINUTE
from supplychain.simulate.past import past_sessions

T0 = 1_790_000_000_000 // MINUTE * MINUTE
ITEMS = (SessionItem("A", 800.0, 1.2), SessionItem("B", 300.0, cap=40))
SESSION = Session("s", "room", "h", "p", "shop", T0, T0 + 2 * HOUR, 500, ITEMS)
WORLD = Catalogue(
    {name: Sku(name, name, "c", 900, 300) for name in "AB"}, {}, {}, {}, {},
    {"R1": Region("R1", "one", 1.0)}, {"s": SESSION},
)  # fmt: skip


def test_a_seed_gives_one_past_weeks_apart() -> None:
    one, two = list(past_sessions(WORLD, evenings=3, seed=5)), list(past_sessions(WORLD, evenings=3, seed=5))
    assert one == two
    assert [session.session.starts_at for session in one] == [T0 - back * 7 * DAY for back in (3, 2, 1)]
    assert len({session.session.session for session in one}) == 3
    assert one[0].minutes != one[1].minutes
    assert all(session.synthetic for session in one)
    assert list(past_sessions(Catalogue({}, {}, {}, {}, {}, {}), evenings=3, seed=5)) == []


def test_what_is_lost_is_between_a_third_and_two_thirds_and_lies_before_the_evening() -> None:
    past = list(past_sessions(WORLD, evenings=6, seed=1))
    rows = [minute for session in past for minute in session.minutes]
    lost = sum(row.cancelled + row.refunded + row.returned for row in rows) / sum(row.pieces for row in rows)
    assert 0.3 < lost < 0.6
    assert max(row.at for row in rows) < T0
    assert all(len(session.viewers) == 120 for session in past)


def test_a_cap_ends_the_sale_and_says_when() -> None:
    (session,) = past_sessions(WORLD, evenings=1, seed=2)
    sold = [row for row in session.minutes if row.sku == "B" and row.pieces]
    assert sum(row.pieces for row in sold) <= 40
    assert min(session.out_of_stock["B"]) >= max(row.at for row in sold)
    assert "A" not in session.out_of_stock
