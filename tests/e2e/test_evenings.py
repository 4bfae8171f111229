"""Whole evenings in one process tree, as a user runs them: the books close, and the same evening gives the same plans."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.deep, pytest.mark.timeout(1_800)]


def _run(*words: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "supplychain", *(str(word) for word in words), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-3_000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _books_close(summary: dict[str, Any]) -> None:
    buckets = ("sales_counted", "cancellations", "returns", "corrections", "duplicates", "excluded", "dead_letters")
    assert summary["events_in"] == sum(summary[name] for name in buckets)
    assert sum(summary["excluded_by_reason"].values()) == summary["excluded"]
    assert sum(summary["dead_letters_by_reason"].values()) == summary["dead_letters"]
    assert summary["orders_released"] == summary["orders_received"] + summary["orders_undelivered"]
    answers = ("orders_accepted", "orders_short", "orders_refused", "orders_open")
    assert summary["orders_received"] == sum(summary[name] for name in answers)
    assert summary["orders_undelivered"] == 0
    assert summary["allocations_released"] == summary["allocations_received"]


def _widest_gap(folder: Path) -> float:
    with closing(sqlite3.connect(folder / "supplychain.db")) as stored:
        return float(stored.execute("select max(gap) from plans").fetchone()[0])


def test_an_evening_closes_its_books_and_gives_the_same_plans_again(tmp_path: Path) -> None:
    first = _run("demo", "--seed", 11, "--headless", "--data-dir", tmp_path / "first")
    _books_close(first)
    assert first["spikes"] > 0
    assert first["orders_released"] > 0
    assert first["orders_short"] > 0
    assert first["shorts_covered"] > 0, "what a supplier leaves short is planned again"
    assert first["role_restarts"] == 0
    assert _widest_gap(tmp_path / "first") < 0.1, "real groups are planned closely: two percent is usual"
    again = _run("demo", "--seed", 11, "--headless", "--data-dir", tmp_path / "again")
    assert again["plan_digest"] == first["plan_digest"]


def test_a_kept_evening_is_replayed_with_every_event_in_one_bucket(tmp_path: Path) -> None:
    kept = _run("simulate", tmp_path / "evening.jsonl", "--seed", 11, "--scale", 0.2)
    replayed = _run("replay", tmp_path / "evening.jsonl", "--format", "events", "--data-dir", tmp_path / "data")
    _books_close(replayed)
    assert replayed["events_in"] == kept["sales.v1"]
    assert replayed["engagement_events"] == kept["engagement.v1"]
    assert replayed["plans"] > 0
    assert [row["elapsed"] for row in replayed["sessions"]] == [0.1, 0.25, 0.5, 0.75]
    assert all(row["wql"] > 0.0 and 0.0 < row["coverage80"] <= 1.0 for row in replayed["sessions"])
    assert "before" not in replayed


def test_a_change_is_tried_on_a_kept_evening_beside_the_evening_as_it_was(tmp_path: Path) -> None:
    _run("simulate", tmp_path / "evening.jsonl", "--seed", 11, "--scale", 0.1)
    replayed = _run("replay", tmp_path / "evening.jsonl", "--set", "forecast.tempering=0.0")
    assert replayed["changes"] == [{"name": "forecast.tempering", "old": 0.6, "new": 0.0}]
    before = replayed["before"]
    _books_close(before)
    assert before["events_in"] == replayed["events_in"]
    assert before["sessions"] != replayed["sessions"]
