"""`supplychain forecast`: learn, show and draw, try a tuning, go back."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from supplychain.cli.app import app
from supplychain.cli.forecast_plot import draw
from supplychain.domain.errors import SupplyChainError
from supplychain.storage.engine import Database
from supplychain.storage.store import SqlStore
from tests.unit.planning.small_trade import open_trade, tune_to


@pytest.fixture
def folder(migrated_file: Path, tmp_path: Path) -> Path:
    """A data directory with the small trade and nine weeks of a shelf."""
    path = tmp_path / "data"
    path.mkdir()
    shutil.copyfile(migrated_file, path / "supplychain.db")
    database = Database(f"sqlite:///{path}/supplychain.db")
    store = SqlStore(database)
    open_trade(store)
    tune_to(store, {"forecast": {"item_trees": 10, "item_least_rows": 10, "min_history_days": 365}})
    rng = np.random.default_rng(5)
    rows = [
        ((date(2025, 10, 1) + timedelta(days=day)).isoformat(), sku, region, "shelf", 1 + int(rng.poisson(6)))
        for day in range(63)
        for sku in ("A", "C")
        for region in ("CN-GD", "CN-ZJ")
    ]
    with store.write() as tx:
        tx.versions.add_history(rows, synthetic=True)
    database.close()
    return path


def said(folder: Path, *words: object) -> Any:
    """What a command says in JSON."""
    command = ["forecast", *(str(word) for word in words), "--data-dir", str(folder), "--json"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_from_history_to_a_picture_and_back(folder: Path, tmp_path: Path) -> None:
    made = said(folder, "refit")
    assert made["version"] == 1
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        picture = tmp_path / f"a.{kind}"
        report = said(folder, "show", "A", "--region", "CN-ZJ", "--plot", picture)
        assert picture.read_bytes().startswith(start)
    assert report["method"] == made["method"]
    assert len(report["days"]) == 21
    assert {"components", "drivers", "show", "gaps", "segment", "backtest", "measured"} <= report.keys()
    tuning = tmp_path / "try.toml"
    tuning.write_text("[forecast]\nmin_history_days = 30\n")
    tried = said(folder, "backtest", "--tuning", tuning, "--origins", 1, "--series", 4)
    assert [row["name"] for row in tried["changes"]] == ["forecast.min_history_days"]
    assert said(folder, "measured") == []
    assert said(folder, "measured", "--sessions") == []
    said(folder, "rollback", 1, "--reason", "nothing newer is better")
    assert [row["active"] for row in said(folder, "models")] == [True]
    for words in (("show", "A", "--region", "CN-ZJ"), ("models",), ("measured",)):
        plain = CliRunner().invoke(app, ["forecast", *words, "--data-dir", str(folder)], catch_exceptions=False)
        assert plain.exit_code == 0


def refused(folder: Path, *words: object) -> SupplyChainError:
    """What a command refuses, with the way out."""
    command = ["forecast", *(str(word) for word in words), "--data-dir", str(folder)]
    fault = CliRunner().invoke(app, command).exception
    assert isinstance(fault, SupplyChainError)
    return fault


def test_what_was_mistyped_is_named_with_a_way_out(folder: Path, tmp_path: Path) -> None:
    said(folder, "refit")
    for words, names in (
        (("show", "AA", "--region", "CN-ZJ"), ("unknown SKU 'AA'", "A")),
        (("show", "A", "--region", "CN-ZZ"), ("unknown region 'CN-ZZ'", "CN-ZJ")),
        (("show", "A", "--region", "CN-ZJ", "--plot", tmp_path / "none" / "a.png"), ("no folder", "--plot")),
        (("backtest", "--tuning", tmp_path), ("there is no file", "tuning.toml")),
        (("backtest", "--set", "forecast.item_trees=-3"), ("-3, outside 10 to 1000 trees", "bounds")),
        (("backtest", "--set", "forecast.prior_shape=high"), ("not a number", "give a number between 0.1 and 1000")),
        (("rollback", 9, "--reason", "why not"), ("no model 9", "models")),
    ):
        fault = refused(folder, *words)
        assert names[0] in str(fault)
        assert names[1] in (fault.way_out or "")


def test_the_last_day_that_was_learned_is_a_day(folder: Path) -> None:
    said(folder, "refit")
    shown = CliRunner().invoke(app, ["forecast", "models", "--data-dir", str(folder)], catch_exceptions=False)
    assert "2025-12-02" in shown.stdout
    assert "08:00" not in shown.stdout


def test_another_picture_than_png_or_svg_is_refused(folder: Path, tmp_path: Path) -> None:
    said(folder, "refit")
    words = ["forecast", "show", "A", "--region", "CN-ZJ", "--plot", str(tmp_path / "a.gif"), "--data-dir", str(folder)]
    refused = CliRunner().invoke(app, words)
    assert "neither .png nor .svg" in str(refused.exception)


def test_goods_of_sessions_are_drawn_by_their_slots(tmp_path: Path) -> None:
    slot = {"starts_at": 1_700_000_000_000, "planned": "pitch x3", "mean": 5.0, "q10": 2.0, "q50": 4.0, "q90": 9.0}
    report: dict[str, Any] = {
        "sku": "A",
        "region": "CN-ZJ",
        "model": None,
        "method": "sessions",
        "degraded": "",
        "days": [],
    }
    pictures = []
    for name, slots in (("one", [slot]), ("two", [slot, {**slot, "mean": 50.0}])):
        draw({**report, "slots": slots}, tmp_path / f"{name}.svg")
        pictures.append((tmp_path / f"{name}.svg").read_text())
    assert all(picture.startswith("<?xml") for picture in pictures)
    assert "pieces per slot, gross" in pictures[0]
    assert pictures[0] != pictures[1]
