"""The synthetic past of the shelf: repeatable, spread over regions, and without live-exclusive goods."""

import datetime
from collections import Counter

import pytest

from supplychain.domain.network import Catalogue, Region, Session, SessionItem, Sku
from supplychain.simulate.history import shelf_history

LAST = datetime.date(2026, 11, 10)


def world(weights: tuple[float, float] = (3.0, 1.0)) -> Catalogue:
    session = Session("s", "room", "h", "p", "shop", 0, 1, 0, (SessionItem("A", 1_000, 2.0), SessionItem("L", 500)))
    skus = {"A": Sku("A", "a", "c", 9, 3), "L": Sku("L", "l", "c", 9, 3, live_exclusive=True)}
    regions = {code: Region(code, code, weight) for code, weight in zip(("R1", "R2"), weights, strict=True)}
    return Catalogue(skus, {}, {}, {}, {}, regions, {"s": session})


def test_days_regions_and_level_are_as_described() -> None:
    rows = list(shelf_history(world(), LAST, days=84, seed=1))
    assert {row[1] for row in rows} == {"A"}
    assert max(row[0] for row in rows) == "2026-11-10"
    assert len({row[0] for row in rows}) == 84
    by_region: Counter[str] = Counter()
    for _, _, region, channel, pieces in rows:
        assert channel == "shelf"
        assert pieces > 0
        by_region[region] += pieces
    assert sum(by_region.values()) / 84 == pytest.approx(2_000 * 0.05 * 1.05, rel=0.15)
    assert by_region["R1"] / by_region["R2"] == pytest.approx(3.0, rel=0.2)


def test_a_seed_gives_one_past_and_regions_without_weight_share_alike() -> None:
    one, same, other = (list(shelf_history(world(), LAST, days=20, seed=seed)) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    flat = list(shelf_history(world((0.0, 0.0)), LAST, days=20, seed=1))
    assert {row[2] for row in flat} == {"R1", "R2"}
