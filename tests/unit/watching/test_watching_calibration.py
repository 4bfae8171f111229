"""Thresholds hold what they promise, on streams that were not used to find them."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from supplychain.cli.bench.spikes import Case, Layout, Size, arena, run
from supplychain.domain.tuning import Detector
from supplychain.watching.arena import START, Lift
from supplychain.watching.calibration import alarms_at, calibrate, height_for, heights, peaks, render
from supplychain.watching.crowd import Sample
from supplychain.watching.detector import shape_of
from supplychain.watching.restore import detector_state
from supplychain.watching.spikes import Verdicts
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
            Size(rooms=10, minutes=70, quiet_hours=20.0),
            layouts=(Layout("pair", 2, 1),),
            per_minute=(60.0,),
            clumpings=(0.0,),
            alarms_per_hour=(0.5,),
        )
    )
    assert [(row["engagement"], row["ratio"]) for row in rows] == [
        (engaged, ratio) for engaged in ("none", "clicks") for ratio in (2.0, 3.0, 5.0, 10.0)
    ]
    assert rows[3]["caught"] == rows[7]["caught"] == 1.0
    assert rows[-1]["delay_p90_seconds"] in {5.0, 10.0}
    assert rows[0]["bursts"] == 3
    assert rows[0]["alarms_seen"] == pytest.approx(rows[0]["alarms_per_hour"] * 7.0, abs=0.01)


@pytest.mark.parametrize("heard", ["none", "comments", "clicks"])
def test_the_detector_of_simulations_is_the_one_that_judges_real_sales(heard: str) -> None:
    """The arena hands whole bins over as arrays; the same bins, record by record, give the same spikes and the same state."""
    case = Case(Layout("few", 5, 2), 12.0, 0.2, 6.0, heard)
    quick, slow = (arena(case, SHIPPED, rooms=4, minutes=50, seed=8) for _ in range(2))
    lift = Lift(1, 6.0, START + 30 * 60_000, 120_000)
    found = quick.run([lift])
    verdicts = Verdicts()
    for at in range(slow.bins):
        now = START + at * slow.bin_ms
        lifted = np.ones((4, 5))
        lifted[1, 0] = 6.0 if lift.start <= now < lift.start + lift.length_ms else 1.0
        counts = slow.null.draw(at, lifted.ravel())
        shown = slow.show(counts)
        for place in np.flatnonzero(counts).tolist():
            slow.watch.count(slow.keys[place], now, int(counts[place]))
        for room in np.flatnonzero(shown.came).tolist() if shown is not None else ():
            assert shown is not None
            clicks = {f"S{item}": int(n) for item, n in enumerate(shown.clicks[room]) if n} if slow.by_item else {}
            slow.watch.crowd.hear(f"L{room}", now, Sample(int(shown.talk[room]), int(shown.viewers[room]), clicks))
        slow.watch.advance(now + slow.bin_ms + slow.watch.grace_ms, verdicts)
    assert len(found.spikes) > 1
    assert verdicts == found
    # Simulations are too short for streams to be forgotten.
    quick.watch.swept = slow.watch.swept
    assert msgspec.msgpack.encode(detector_state(slow.watch)) == msgspec.msgpack.encode(detector_state(quick.watch))


def test_a_table_survives_its_document() -> None:
    assert ThresholdTable.of(SHIPPED.document()) == SHIPPED


def test_thresholds_hold_for_a_shape_and_not_for_a_number_of_alarms() -> None:
    assert shape_of(TUNING) == shape_of(Detector(false_alarms_per_hour=3.0, bin_seconds=10, half_life_seconds=360))
    assert shape_of(TUNING) != shape_of(Detector(ratio=3.0))
