"""The metrics page: names, units, no labels without bound, and the figures of the database."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from supplychain import telemetry

_STORED = telemetry.StoredFigures(
    spike_to_plan_seconds=[0.2, 0.6, 4.0, 90.0],
    plan_lines={"proposed": 3, "released": 2},
    outbox_pending=4,
    outbox_parked=1,
    outbox_oldest_seconds=2.5,
)


def _samples(page: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def test_the_headline_is_a_histogram_of_stored_latencies() -> None:
    got = _samples(telemetry.render(_STORED))
    name = "supplychain_spike_to_plan_seconds"
    assert got[f"{name}_count", ()] == 4
    assert got[f"{name}_sum", ()] == pytest.approx(94.8)
    assert got[f"{name}_bucket", (("le", "0.25"),)] == 1
    assert got[f"{name}_bucket", (("le", "5.0"),)] == 3
    assert got[f"{name}_bucket", (("le", "+Inf"),)] == 4


def test_stored_figures_stand_on_the_page() -> None:
    got = _samples(telemetry.render(_STORED))
    assert got["supplychain_plan_lines", (("state", "proposed"),)] == 3
    assert got["supplychain_outbox_pending", ()] == 4
    assert got["supplychain_outbox_oldest_seconds", ()] == 2.5


def test_names_and_labels_keep_the_house_rules() -> None:
    families = list(text_string_to_metric_families(telemetry.render(_STORED).decode()))
    names = [family.name for family in families]
    assert len(names) == len(set(names)) >= 15
    for family in families:
        assert family.name.startswith("supplychain_")
        assert not family.name.endswith(("_ms", "_milliseconds", "_percent", "_minutes"))
        for sample in family.samples:
            assert not {"sku", "order", "line", "plan", "supplier", "message"} & set(sample.labels)


def test_without_the_database_the_page_still_comes() -> None:
    assert b"supplychain_spike_to_plan" not in telemetry.render()
    assert b"supplychain_compute_restarts_total" in telemetry.render()


def test_one_page_covers_all_processes(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    count = "from supplychain import telemetry; telemetry.JOB_RUNS.labels('prune', 'done').inc()"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", count], env=environment, check=True)
    show = "import sys; from supplychain import telemetry; sys.stdout.buffer.write(telemetry.render())"
    page = subprocess.run([sys.executable, "-c", show], env=environment, check=True, capture_output=True).stdout
    assert _samples(page)["supplychain_job_runs_total", (("job", "prune"), ("outcome", "done"))] == 2
