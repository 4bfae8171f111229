import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from supplychain.cli.bench import bench_session, forecast
from supplychain.cli.bench.session_generator import evenings, lines_of
from supplychain.cli.bench.session_service import service_forecasts, taught_by
from supplychain.domain.errors import InvalidInputError
from supplychain.forecasting.item_record import ItemSettings

SMALL = ItemSettings(trees=10, least_rows=10, threads=1, leaves=7)


def shop(path: Path, days: int = 60) -> Path:
    """A small shop with the columns of the public data set: cancellations, corrections and postage among the sales."""
    rng = np.random.default_rng(2)
    rows = []
    for day in range(days):
        for product in range(12):
            for line in range(int(rng.poisson(3 + product))):
                at = pd.Timestamp("2011-01-03") + pd.Timedelta(days=day, minutes=int(rng.integers(480, 1_000)))
                rows.append((f"5{day:03d}{line:02d}", f"8{product:04d}", int(rng.integers(1, 13)), at, 1.0 + product))
        rows.append((f"C{day:05d}", "80001", -900, pd.Timestamp("2011-01-03"), 1.0))
        rows.append((f"6{day:05d}", "POST", 1, pd.Timestamp("2011-01-03"), 20.0))
        rows.append((f"7{day:05d}", "80001", 74_000, pd.Timestamp("2011-01-03"), 1.0))
    table = pd.DataFrame(rows, columns=["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice"])
    table.to_parquet(path)
    return path


def test_bench_forecast_rows_are_complete_and_json(tmp_path: Path) -> None:
    data = shop(tmp_path / "shop.parquet")
    done: list[float] = []
    three = ("items", "seasonal naive", "window average")
    rows, gains = forecast.run(data, origins=2, series=10, models=three, settings=SMALL, progress=done.append)
    assert done == pytest.approx([(i + 1) / 6 for i in range(6)])
    every = [row for row in rows if row["segment"] == "all"]
    assert [row["model"] for row in every] == ["items", "seasonal naive", "window average"]
    assert set(every[0]) == {"model", "segment", "wql", "wape", "mase", "bias", "coverage80", "series_per_second"}
    assert all(0.0 < row["wql"] < 1.5 for row in every)
    assert {row["model"] for row in gains} == {"seasonal naive", "window average"}
    assert all(row["low"] <= row["gain"] <= row["high"] for row in gains)
    json.dumps(rows)
    cold, _ = forecast.run(data, origins=1, series=4, models=("window average",), known_days=7, hindsight=True)
    assert {row["model"] for row in cold} == {"window average", "hindsight", "hindsight, day left out"}
    seen, left_out = (row["wql"] for row in cold if row["model"].startswith("hindsight"))
    assert seen < left_out, "a day that was seen is hit better"
    assert seen < cold[0]["wql"]


def test_the_shop_reader_leaves_out_what_is_no_sale(tmp_path: Path) -> None:
    frame = forecast.read(shop(tmp_path / "shop.parquet"), "online-retail")
    assert len(frame.keys) == 12
    assert frame.pieces.max() < 10_000


def test_a_long_file_is_read_and_faults_are_named(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"series": ["a", "b"] * 40, "day": np.repeat(pd.date_range("2026-01-01", periods=40), 2), "pieces": 3}
    )
    table.to_csv(tmp_path / "long.csv", index=False)
    rows, _ = forecast.run(tmp_path / "long.csv", "long", origins=1, series=2, models=("seasonal naive",))
    assert rows[0]["wql"] == 0.0
    table.drop(columns="day").to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(ValueError, match="columns missing"):
        forecast.run(tmp_path / "bad.csv", "long")
    with pytest.raises(ValueError, match=r"columns missing.*StockCode"):
        forecast.run(tmp_path / "long.csv", "online-retail")
    with pytest.raises(ValueError, match="unknown format"):
        forecast.read(tmp_path / "long.csv", "excel")
    with pytest.raises(ValueError, match="unknown models"):
        forecast.run(tmp_path / "long.csv", "long", origins=1, models=("oracle",))
    with pytest.raises(ValueError, match="too few days"):
        forecast.run(tmp_path / "long.csv", "long", origins=4, models=("seasonal naive",))


def test_the_refresh_row_says_how_much_faster_and_that_it_is_sound() -> None:
    done: list[float] = []
    ours, theirs = forecast.refresh(series=60, days=80, timed=2, settings=SMALL, progress=done.append)
    assert ours["sound"] is True
    assert done == [0.5, 1.0]
    assert ours["times_less_cpu"] == pytest.approx(theirs["cpu_seconds"] / ours["cpu_seconds"])
    assert ours["times_faster"] == pytest.approx(theirs["seconds"] / ours["seconds"])


def test_synthetic_evenings_follow_their_seed_and_lose_what_live_sales_lose() -> None:
    one, two = evenings(40, 3), evenings(40, 3)
    np.testing.assert_array_equal(one.orders, two.orders)
    assert not np.array_equal(one.orders, evenings(40, 4).orders)
    lost = 1.0 - np.exp(-evenings(300, 5).loss_risk)
    assert 0.3 < float(lost.mean()) < 0.6
    lines = lines_of(one, 1)
    assert len(lines.session) == one.orders.sum()


def test_bench_session_beats_prior_and_pro_rata_on_a_small_run() -> None:
    past, test = evenings(120, 7), evenings(60, 8)
    lessons = taught_by(past)
    forecasts = service_forecasts(test, lessons, bench_session.ELAPSED)
    done: list[float] = []
    rows = bench_session.remaining_rows(lessons, forecasts, test, past, done.append)
    assert done == [0.25, 0.5, 0.75, 1.0], "a bench tells how far it is"
    at_half = {row["model"]: row["wql"] for row in rows if row["elapsed"] == 0.5}
    assert at_half["learned effects"] < 0.7 * min(at_half["prior only"], at_half["pro-rata"])
    assert {row["elapsed"] for row in rows} == {0.1, 0.25, 0.5, 0.75}
    net = {row["model"]: row["wql"] for row in bench_session.net_rows(forecasts[2], past, test, 7)}
    assert net["net: learned hazards"] < net["net: flat rate per category"]
    for speed in bench_session.speed_rows((1, 3), rounds=20):
        assert speed["state_bytes"] < 1_000
    json.dumps(rows)


def test_the_audience_that_came_is_worth_hearing() -> None:
    past, test = evenings(120, 7), evenings(60, 8)
    lessons = taught_by(past)
    assert lessons.trust > 0.7, "audiences of these evenings wander and do not come back"
    told = service_forecasts(test, lessons, (0.5,), heard=True)[0]
    deaf = service_forecasts(test, lessons, (0.5,), heard=False)[0]
    actual = test.orders[:, 60:].sum(axis=1)
    assert np.abs(told[0] - actual).sum() < np.abs(deaf[0] - actual).sum()


def test_real_days_are_never_worse_than_the_prior(tmp_path: Path) -> None:
    rows = bench_session.intraday_rows(shop(tmp_path / "shop.parquet"), series=8, test_days=15)
    for elapsed in (0.1, 0.25, 0.5, 0.75):
        wql = {row["model"]: row["wql"] for row in rows if row["elapsed"] == elapsed}
        assert wql["tempered"] <= 1.02 * wql["prior only"]
        assert math.isfinite(wql["pro-rata"])
    with pytest.raises(InvalidInputError, match="unknown format"):
        bench_session.intraday_rows(tmp_path / "shop.parquet", kind="excel")
