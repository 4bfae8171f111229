"""`supplychain calibrate spikes` and `bench spikes` from the command line; stored thresholds are those that streams use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from streams.agents.versions import Current
from supplychain.cli.app import app
from supplychain.domain.errors import ForbiddenError, InvalidInputError
from supplychain.domain.tuning import Detector, parse
from supplychain.planning.calibrate import store_thresholds
from supplychain.planning.ports import Actor
from supplychain.planning.tune import activate
from supplychain.storage.engine import Database
from supplychain.storage.store import SqlStore
from supplychain.watching.detector import shape_of
from supplychain.watching.table import SHIPPED
from supplychain.watching.thresholds import ThresholdTable
from tests.unit.planning.small_trade import WALL, open_trade

TABLE = ThresholdTable((1.0, 10.0), (0.0, 1.0), (1e-2, 1e-4), (((2.0, 4.0), (4.0, 8.0)), ((4.0, 6.0), (6.0, 10.0))))
OPERATOR = Actor("op", frozenset({"operator"}))


@pytest.fixture
def folder(migrated_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    shutil.copyfile(migrated_file, path / "supplychain.db")
    return path


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)


def test_a_calibration_is_stored_for_its_shape_and_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supplychain.watching.calibration.calibrate", lambda *_, **__: TABLE)
    for step in ("rehearsal.rehearse", "seldom.rehearse_seldom"):
        monkeypatch.setattr(f"supplychain.watching.{step}", lambda _, table, **__: table)
    given = ("calibrate", "spikes", "--streams", 50, "--jobs", 1, "--data-dir", folder, "--json")
    said = json.loads(call(*given, "--set", "detector.ratio=3", "--reason", "bigger bursts").stdout)
    assert said["thresholds"] == 1
    assert said["shape"].startswith("ratio 3, ")
    assert ThresholdTable.of(said["table"]) == TABLE
    assert all(row["alarms"] >= 0 and row["wanted"] == 1.0 for row in said["check"])
    assert "thresholds" not in json.loads(call(*given, "--dry-run").stdout)


def test_a_calibration_runs_and_renders_a_module(folder: Path, tmp_path: Path) -> None:
    module = tmp_path / "table.py"
    given = (
        "calibrate",
        "spikes",
        "--streams",
        50,
        "--bins",
        200,
        "--jobs",
        1,
        "--quick",
        "--data-dir",
        folder,
        "--json",
    )
    said = json.loads(call(*given, "--module", module).stdout)
    space: dict[str, Any] = {}
    exec(compile(module.read_text(), "table", "exec"), space)  # noqa: S102  # the rendered module is ours
    assert space["SHIPPED"] == ThresholdTable.of(said["table"])


def test_a_calibration_without_a_reason_is_refused_before_it_begins(folder: Path) -> None:
    found = call("calibrate", "spikes", "--data-dir", folder)
    assert isinstance(found.exception, InvalidInputError)
    assert "reason" in str(found.exception)


def test_streams_use_the_newest_thresholds_of_the_active_shape(database: Database) -> None:
    store = SqlStore(database)
    open_trade(store)
    services: Any = SimpleNamespace(store=store)
    assert Current(services).get().thresholds is SHIPPED
    other = parse({"detector": {"ratio": 3.0}}).detector
    assert store_thresholds(store, other, TABLE, actor=OPERATOR, reason="try", wall=lambda: WALL) == 1
    assert Current(services).get().thresholds is SHIPPED, "another shape"
    activate(store, {"detector": {"ratio": 3.0}}, actor=OPERATOR, reason="try", wall=lambda: WALL)
    found = Current(services).get()
    assert (found.thresholds, found.thresholds_version) == (TABLE, 1)
    with store.read() as tx:
        assert tx.versions.thresholds(shape_of(Detector())) is None


def test_only_operators_store_thresholds_and_say_why(database: Database) -> None:
    store = SqlStore(database)
    with pytest.raises(ForbiddenError, match="may not"):
        store_thresholds(store, Detector(), TABLE, actor=Actor("p", frozenset({"planner"})), reason="x", wall=lambda: 1)
    with pytest.raises(InvalidInputError, match="reason"):
        store_thresholds(store, Detector(), TABLE, actor=OPERATOR, reason=" ", wall=lambda: 1)


def test_the_bench_refuses_engagement_it_does_not_know() -> None:
    found = call("bench", "spikes", "--engagement", "telepathy")
    assert isinstance(found.exception, InvalidInputError)
    assert "clicks" in found.exception.way_out
