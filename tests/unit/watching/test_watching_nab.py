"""Scoring of series in NAB's format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from supplychain.cli.bench.nab import score_nab
from supplychain.domain.errors import InvalidInputError
from supplychain.domain.units import iso

T0 = 1_700_006_400_000
STEP = 300_000


def stamp(place: int) -> str:
    return iso(T0 + place * STEP)[:19].replace("T", " ")


def write(folder: Path, values: list[object], windows: list[tuple[int, int]]) -> None:
    (folder / "data" / "real").mkdir(parents=True)
    (folder / "labels").mkdir()
    rows = "\n".join(f"{stamp(place)},{value}" for place, value in enumerate(values))
    (folder / "data" / "real" / "one.csv").write_text("timestamp,value\n" + rows + "\n")
    named = {"real/one.csv": [[stamp(first) + ".000000", stamp(last) + ".000000"] for first, last in windows]}
    (folder / "labels" / "combined_windows.json").write_text(json.dumps(named))


def series(bursts: list[int]) -> list[object]:
    values = [5] * 1_000
    for burst in bursts:
        values[burst : burst + 20] = [25] * 20
    return list(values)


def test_windows_caught_and_alarms_outside_are_counted_after_the_probation(tmp_path: Path) -> None:
    write(tmp_path, series([60, 400, 700]), [(390, 430), (850, 900)])
    one, every = score_nab(tmp_path)
    assert (one["file"], one["windows"], one["caught"], one["false_alarms"]) == ("real/one.csv", 2, 1, 1)
    assert one["days"] == pytest.approx(849 / 288, abs=0.01)
    assert {**one, "file": "all"} == every


@pytest.mark.parametrize("value", ["", "many", "nan", "inf"])
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, value: str) -> None:
    write(tmp_path, [1, value], [(0, 1)])
    with pytest.raises(InvalidInputError, match="line 3"):
        score_nab(tmp_path)


def test_missing_labels_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="combined_windows"):
        score_nab(tmp_path)
    (tmp_path / "combined_windows.json").write_text('{"real/none.csv": []}')
    with pytest.raises(InvalidInputError, match="none"):
        score_nab(tmp_path)
