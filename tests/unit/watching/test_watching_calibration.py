"""Thresholds hold what they promise, on streams that were not used to find them."""

from __future__ import annotations

import math

import pytest

from supplychain.cli.bench.spikes import Case, Layout, run
from supplychain.domain.tuning import Detector
from supplychain.watching.calibration import alarms_at, calibrate, height_for, heights, peaks, render
from supplychain.watching.table import SHIPPED
from supplychain.watching.thresholds import LEAST_NATS, ThresholdTable

TUNING = Detector()
SMALL = ThresholdTable((1.0, 10.0), (0.0, 1.0), (1e-2, 1e-4), (((2.0, 4.0), (4.0, 8.0)), ((4.0, 6.0), (6.0, 10.0))))


def test_a_table_is_read_at_its_points_between_and_beyond() -> None:
    assert SMALL.at(1.0, 0.0, 1e-2) == pytest.approx(2.0)
    assert SMALL.at(10.0, 1.0, 1e-4) == pytest.approx(10.0)
    assert SMALL.at(math.sqrt(10.0), 0.5, 1e-3) == pytest.approx(5.5)
    assert SMALL.at(0.001, 0.0, 1e-2) == pytest.approx(2.0), "rates and overdispersion are clipped"
    assert SMALL.at(1.0, 0.0, 1e-5) == pytest.approx(5.0), "false alarms are continued"
    assert SMALL.at(1.0, 0.0, 1.0) == LEAST_NATS


def test_the_bound_is_below_every_threshold() -> None:
    _, bound = SHIPPED.bound(1e-3)
    for at, rate in enumerate(SHIPPED.rates):
        assert bound[at] <= min(SHIPPED.at(rate, clumping, 1e-3) for clumping in (0.0, 0.1, 0.5, 1.0)) + 1e-9


def test_a_table_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        ThresholdTable((1.0, 2.0), (0.0, 1.0), (1e-2, 1e-4), (((1.0, 2.0),),))


def test_fewer_false_alarms_need_higher_thresholds() -> None:
    for plane in SHIPPED.nats:
        for line in plane:
            assert list(line) == sorted(line)


def test_heights_of_the_open_loop_are_exceeded_as_often_as_wanted() -> None:
    size = {"bins": 400, "streams": 200}
    one = peaks(TUNING, 1.0, 0.2, **size, seed=1)
    other = peaks(TUNING, 1.0, 0.2, **size, seed=2)
    height = height_for(one, 80_000, 5e-3)
    assert (other > height).sum() == pytest.approx(400, rel=0.25)
    assert height_for(one, 80_000, 1e-5) > height_for(one, 80_000, 1e-4) > one[200]


def test_a_closed_loop_threshold_keeps_its_promise() -> None:
    size = {"bins": 500, "streams": 150}
    (height,) = heights(TUNING, 1.0, 0.2, (2e-3,), **size, seed=3)
    assert alarms_at(TUNING, 1.0, 0.2, height, **size, seed=99) == pytest.approx(2e-3, rel=0.35)


def test_a_calibration_reports_its_way_and_renders_to_a_module_that_reads_back() -> None:
    done: list[float] = []
    table = calibrate(
        TUNING, bins=60, streams=40, rates=(0.5, 2.0), clumpings=(0.0, 0.5), alarms=(1e-2, 1e-3), progress=done.append
    )
    assert done == [0.25, 0.5, 0.75, 1.0]
    space: dict[str, object] = {}
    exec(compile(render(table, "a command"), "table", "exec"), space)  # noqa: S102  # the rendered module is ours
    assert space["SHIPPED"] == table


def test_the_bench_tells_what_was_caught_how_fast_and_how_many_alarms_were_false() -> None:
    rows = list(
        run(
            rooms=8,
            minutes=70,
            quiet_hours=20,
            layouts=(Layout("pair", 2, 1),),
            per_minute=(60.0,),
            clumpings=(0.0,),
            alarms_per_hour=(0.5,),
        )
    )
    assert [(row["engagement"], row["ratio"]) for row in rows] == [
        (engaged, ratio) for engaged in (False, True) for ratio in (2.0, 3.0, 5.0, 10.0)
    ]
    assert rows[3]["caught"] == rows[7]["caught"] == 1.0
    assert rows[-1]["delay_p90_seconds"] in {5.0, 10.0}
    assert rows[0]["bursts"] == 2
    assert isinstance(rows[0]["alarms_per_hour"], float)
    assert Case(Layout("pair", 2, 1), 60.0, 0.0, 0.5).layout.name == rows[0]["layout"]
