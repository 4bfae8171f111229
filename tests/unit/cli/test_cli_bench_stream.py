"""The stream benchmark at its smallest: every key that the documents quote is there, and every event is accounted for."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from supplychain.cli.app import app
from supplychain.cli.bench.stream_world import START, World

QUOTED = {
    "ratio_to_raw",
    "ratio_to_raw_full",
    "ratio_to_faust",
    "ratio_many_keys",
    "bin_to_spike_seconds",
    "recovery_seconds",
    "memory_mb",
}


@pytest.mark.parametrize("keys", [100, 3_000, 300_000])
def test_a_world_has_at_least_the_keys_asked_for(keys: int) -> None:
    world = World.of(keys)
    assert keys <= world.keys <= keys * 1.5 + 1_000
    sales = list(world.sales(20, seed=1))
    assert {partition for partition, _, _ in sales} <= {0, 1, 2, 3}
    assert len({json.loads(value)["event_id"] for _, _, value in sales}) == 20
    assert len(world.catalogue(START, 1).sessions) == world.rooms


@pytest.mark.deep
@pytest.mark.timeout(900)
def test_a_small_run_prints_one_object_with_every_quoted_key() -> None:
    small = "--events 2000 --plain-events 300 --few-keys 120 --many-keys 600 --state-keys 600 --ids 2000 --seconds 15"
    done = CliRunner().invoke(app, ["bench", "stream", "--json", *small.split()])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found.keys() >= QUOTED
    assert all(found[name] > 0 for name in QUOTED)


def test_an_unknown_part_is_named() -> None:
    done = CliRunner().invoke(app, ["bench", "stream", "--part", "colour"])
    assert done.exit_code != 0
    assert "colour" in str(done.exception or done.output)
