"""Every value that operators tune has bounds that hold, a type that holds, and a name that must be right."""

from __future__ import annotations

from dataclasses import Field
from typing import Any

import pytest

from supplychain.domain.errors import TuningError
from supplychain.domain.tuning import Tuning, describe, difference, document, parse

VALUES = list(describe())
NUMBERS = [entry for entry in VALUES if not isinstance(entry[2].default, bool)]
FLAGS = [entry for entry in VALUES if isinstance(entry[2].default, bool)]
each_number = pytest.mark.parametrize(("section", "name", "item"), NUMBERS, ids=[f"{s}.{n}" for s, n, _ in NUMBERS])
each_flag = pytest.mark.parametrize(("section", "name", "item"), FLAGS, ids=[f"{s}.{n}" for s, n, _ in FLAGS])


def _refused(section: str, name: str, value: object) -> TuningError:
    with pytest.raises(TuningError) as caught:
        parse({section: {name: value}})
    assert caught.value.fields["field"] == f"{section}.{name}"
    assert f"{section}.{name}" in caught.value.detail
    assert caught.value.way_out
    return caught.value


@each_number
def test_number_outside_its_bounds_is_refused_by_name(section: str, name: str, item: Field[Any]) -> None:
    low, high = item.metadata["low"], item.metadata["high"]
    step = 1 if isinstance(item.default, int) else max(1e-9, abs(high) * 1e-9)
    _refused(section, name, low - step)
    _refused(section, name, high + step)
    _refused(section, name, float("inf"))
    _refused(section, name, float("nan"))


@each_number
def test_number_of_another_type_is_refused(section: str, name: str, item: Field[Any]) -> None:
    wrong: list[object] = ["3", None, [1], {}, True]
    for value in wrong:
        _refused(section, name, value)
    if isinstance(item.default, int):
        _refused(section, name, item.metadata["low"] + 0.5)


@each_number
def test_bounds_themselves_are_allowed(section: str, name: str, item: Field[Any]) -> None:
    # Two values are bound to a neighbour as well; they are given a neighbour that fits.
    fitting: dict[str, dict[str, object]] = {
        "detector.bin_seconds": {"planning": {"cut_seconds": 300}},
        "planning.cut_seconds": {"detector": {"bin_seconds": 1}},
        **{
            f"forecast.{lost}_share": {
                "forecast": dict.fromkeys(("cancelled_share", "refunded_share", "returned_share"), 0.0)
            }
            for lost in ("cancelled", "refunded", "returned")
        },
    }
    basis = parse(fitting.get(f"{section}.{name}", {}))
    for value in (item.metadata["low"], item.metadata["high"]):
        taken = getattr(getattr(parse({section: {name: value}}, basis), section), name)
        assert taken == value
        assert type(taken) is type(item.default)


@each_flag
def test_flag_takes_true_and_false_alone(section: str, name: str, item: Field[Any]) -> None:
    for value in (True, False):
        assert getattr(getattr(parse({section: {name: value}}), section), name) is value
    for wrong in (0, 1, "true", None):
        _refused(section, name, wrong)


@each_number
def test_default_lies_inside_and_has_unit_and_meaning(section: str, name: str, item: Field[Any]) -> None:
    assert item.metadata["low"] <= item.default <= item.metadata["high"]
    assert item.metadata["unit"]
    assert item.metadata["about"]


def test_unknown_section_and_unknown_name_are_refused_and_say_what_there_is() -> None:
    with pytest.raises(TuningError, match="unknown tuning section 'detektor'") as caught:
        parse({"detektor": {"ratio": 3}})
    assert "detector" in caught.value.way_out
    with pytest.raises(TuningError, match=r"unknown tuning value detector\.ration") as caught:
        parse({"detector": {"ration": 3}})
    assert "ratio" in caught.value.way_out


def test_section_that_is_no_table_is_refused() -> None:
    with pytest.raises(TuningError, match="is no table"):
        parse({"detector": 3})


def test_cut_grid_is_filled_by_whole_bins() -> None:
    with pytest.raises(TuningError, match="no multiple"):
        parse({"detector": {"bin_seconds": 3}})
    assert parse({"detector": {"bin_seconds": 3}, "planning": {"cut_seconds": 6}}).planning.cut_seconds == 6


def test_shares_of_what_is_lost_add_up_to_one_at_most() -> None:
    with pytest.raises(TuningError, match=r"add up to 1\.0[2-9]"):
        parse({"forecast": {"cancelled_share": 0.5, "refunded_share": 0.25, "returned_share": 0.3}})
    parse({"forecast": {"cancelled_share": 0.5, "refunded_share": 0.2, "returned_share": 0.3}})


def test_document_is_read_back_and_changes_stand_on_their_basis() -> None:
    first = parse({"detector": {"ratio": 3}, "approval": {"auto_approve": True}})
    assert parse(document(first)) == first
    second = parse({"planning": {"review_minutes": 15}}, first)
    assert second.detector.ratio == 3.0
    assert difference(first, second) == [("planning.review_minutes", 30, 15)]
    assert difference(second, second) == []
    assert {name for name, _, _ in difference(Tuning(), second)} == {
        "detector.ratio",
        "approval.auto_approve",
        "planning.review_minutes",
    }
