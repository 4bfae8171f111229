"""Bundles explode to what is stocked, planning groups close over them, prices have their time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supplychain.domain.errors import NotFoundError
from supplychain.domain.network import Catalogue, Channel, Component, DatedPrice, Session, SessionItem, Sku
from tests.unit.planning.small_trade import CATALOGUE


def _catalogue(*skus: Sku) -> Catalogue:
    return Catalogue({sku.sku: sku for sku in skus}, {}, {}, {}, {}, {})


def _sku(name: str, *components: tuple[str, int]) -> Sku:
    parts = tuple(Component(sku, pieces) for sku, pieces in components)
    return Sku(name, name, "c", 1_000, 400, components=parts)


def test_bundle_of_bundles_explodes_to_stocked_pieces_once() -> None:
    catalogue = _catalogue(
        _sku("BOX", ("SET", 2), ("A", 1)), _sku("SET", ("A", 3), ("B", 1)), _sku("A"), _sku("B"), _sku("C")
    )
    assert catalogue.exploded("BOX") == (Component("A", 7), Component("B", 2))
    assert catalogue.exploded("C") == (Component("C", 1),)


def test_group_closes_over_bundles_that_share_a_component() -> None:
    catalogue = _catalogue(
        _sku("Z", ("M", 1)), _sku("Y", ("M", 1), ("K", 1)), _sku("M"), _sku("K"), _sku("L"), _sku("X", ("L", 2))
    )
    assert catalogue.groups == {"K": ("K", "M", "Y", "Z"), "L": ("L", "X")}
    assert catalogue.group_of["Z"] == "K"


def test_every_sku_belongs_to_exactly_one_group_named_after_its_first_sku() -> None:
    assert CATALOGUE.groups == {"A": ("A", "B", "SET"), "C": ("C",), "D": ("D",)}
    assert sorted(sku for skus in CATALOGUE.groups.values() for sku in skus) == sorted(CATALOGUE.skus)


def test_sample_network_closes_over_its_bundles(sample_network: Catalogue) -> None:
    bundles = [sku for sku in sample_network.skus.values() if sku.components]
    assert bundles, "the sample shows bundles"
    for bundle in bundles:
        for part in sample_network.exploded(bundle.sku):
            assert sample_network.group_of[part.sku] == sample_network.group_of[bundle.sku]
            assert not sample_network.skus[part.sku].components
            assert part.pieces > 0
    assert all(min(skus) == group for group, skus in sample_network.groups.items())


def test_price_is_that_of_its_channel_and_time() -> None:
    sku = replace(_sku("A"), prices=(DatedPrice(Channel.LIVE, 700, 100, 200),))
    assert [sku.price_at(at, Channel.LIVE) for at in (99, 100, 199, 200)] == [1_000, 700, 700, 1_000]
    assert sku.price_at(150, Channel.SHELF) == 1_000


def test_lost_sale_costs_its_margin_and_never_nothing() -> None:
    assert _sku("A").penalty_minor == 600
    assert replace(_sku("A"), shortage_minor=0).penalty_minor == 0
    assert replace(_sku("A"), unit_cost_minor=5_000).penalty_minor == 1


def test_unknown_sku_says_the_way_out() -> None:
    with pytest.raises(NotFoundError, match="unknown SKU 'Q'") as caught:
        CATALOGUE.sku("Q")
    assert caught.value.exit_code == 4
    assert caught.value.way_out
    assert CATALOGUE.sku("A").name == "Tea"


def test_offers_and_sessions_are_found_by_what_they_are_of() -> None:
    assert [offer.offer for offer in CATALOGUE.offers_of["A"]] == ["A1"]
    late = Session("L0", "room", "h", "p", "s", 900, 1_000, items=(SessionItem("A", 1.0),))
    early = replace(late, session="L9", starts_at=100, ends_at=200)
    catalogue = replace(CATALOGUE, sessions={"L0": late, "L9": early})
    assert [session.session for session in catalogue.session_of_room["room"]] == ["L9", "L0"]
    assert late.item("A") is late.items[0]
    assert late.item("B") is None
