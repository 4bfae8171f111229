"""Draw a forecast with its past: a PNG or SVG for people who explain a plan in a meeting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from supplychain.cli.output import moment
from supplychain.domain.errors import InvalidInputError, NotFoundError

KINDS = {".png", ".svg"}


def draw(report: dict[str, Any], file: Path) -> None:
    """Write the picture of what `judge_forecast.show` returns.

    Raises
    ------
    InvalidInputError
        If the file name ends in neither .png nor .svg.
    NotFoundError
        If its folder does not exist.
    """
    if file.suffix.lower() not in KINDS:
        detail = f"{file} is neither .png nor .svg"
        raise InvalidInputError(detail, way_out="end the file name in .png or .svg", field="plot")
    if not file.parent.is_dir():
        raise NotFoundError(f"there is no folder {file.parent}", way_out="make it, or give another --plot")
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "supplychain"  # the same forecast draws the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9.0, 4.0), layout="constrained")
    if report["days"]:
        _days(axes, report)
    else:
        _slots(axes, report["slots"])
    degraded = f", degraded: {report['degraded']}" if report["degraded"] else ""
    model = f"model {report['model']} ({report['method']}{degraded})" if report["model"] else f"by {report['method']}"
    axes.set_title(f"{report['sku']} in {report['region']}, {model}")
    axes.set_ylim(bottom=0.0)
    axes.tick_params(axis="x", labelrotation=30)
    axes.legend(frameon=False)
    figure.savefig(file, dpi=120, metadata={"Date": None} if file.suffix.lower() == ".svg" else None)
    pyplot.close(figure)


def _days(axes: Any, report: dict[str, Any]) -> None:
    past, ahead = (np.array([row["day"] for row in report[name]], dtype="datetime64[D]") for name in ("recent", "days"))
    if len(past):
        axes.plot(
            past,
            [row["pieces"] for row in report["recent"]],
            color="0.45",
            linewidth=1.0,
            label="sold, spikes taken out",
        )
    axes.fill_between(
        ahead,
        [row["low"] for row in report["days"]],
        [row["high"] for row in report["days"]],
        color="tab:blue",
        alpha=0.2,
        linewidth=0,
        label="80 % interval",
    )
    axes.plot(ahead, [row["mean"] for row in report["days"]], color="tab:blue", label="mean")
    axes.set_ylabel("pieces per day, gross")


def _slots(axes: Any, slots: list[dict[str, Any]]) -> None:
    """One bar per slot of the sessions ahead: goods that no shelf sells have no days."""
    names = [f"{moment(row['starts_at'])[5:16]}\n{row['planned']}".strip() for row in slots]
    low, middle, high = (np.array([row[name] for row in slots]) for name in ("q10", "q50", "q90"))
    axes.bar(range(len(slots)), [row["mean"] for row in slots], color="tab:blue", alpha=0.4, label="mean")
    ends = np.stack([middle - low, high - middle])
    axes.errorbar(range(len(slots)), middle, ends, fmt="o", color="0.3", capsize=3, label="median, 80 % interval")
    axes.set_xticks(range(len(slots)), names)
    axes.set_ylabel("pieces per slot, gross")
