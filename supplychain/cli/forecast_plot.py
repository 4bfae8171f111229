"""Draw a forecast with its past: a PNG or SVG for people who explain a plan in a meeting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from supplychain.domain.errors import InvalidInputError

KINDS = {".png", ".svg"}


def draw(report: dict[str, Any], file: Path) -> None:
    """Write the picture of what `judge_forecast.show` returns.

    Raises
    ------
    InvalidInputError
        If the file name ends in neither .png nor .svg.
    """
    if file.suffix.lower() not in KINDS:
        detail = f"{file} is neither .png nor .svg"
        raise InvalidInputError(detail, way_out="end the file name in .png or .svg", field="plot")
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "supplychain"  # the same forecast draws the same file
    from matplotlib import pyplot

    past, ahead = (np.array([row["day"] for row in report[name]], dtype="datetime64[D]") for name in ("recent", "days"))
    figure, axes = pyplot.subplots(figsize=(9.0, 4.0), layout="constrained")
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
    degraded = f", degraded: {report['degraded']}" if report["degraded"] else ""
    axes.set_title(f"{report['sku']} in {report['region']}, model {report['model']} ({report['method']}{degraded})")
    axes.set_ylabel("pieces per day, gross")
    axes.set_ylim(bottom=0.0)
    axes.tick_params(axis="x", labelrotation=30)
    axes.legend(frameon=False)
    figure.savefig(file, dpi=120, metadata={"Date": None} if file.suffix.lower() == ".svg" else None)
    pyplot.close(figure)
