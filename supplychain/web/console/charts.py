"""Charts as ECharts options: orders over time, what was expected, spikes and slots of the run of show as bands.

Colours sit in the middle of the scale, so that one set works on light and dark ground.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from supplychain.domain.units import MINUTE, SECOND, floor_to
from supplychain.web.console.texts import Say

ACCENT: Final = "#5b76e0"
QUIET: Final = "#8b95a5"
SPIKE: Final = "#d9822b"
_GRID: Final = "rgba(139,149,165,.22)"
_SPIKE_BAND: Final = "rgba(217,130,43,.16)"
_SLOT_BANDS: Final[Mapping[str, str]] = {"pitch": "rgba(139,149,165,.13)", "flash_offer": "rgba(91,118,224,.13)"}

_LABELS: Final = 6
"""More bands than this are drawn without names, which would cover each other."""
_STEP: Final = 30 * SECOND
_PER_MINUTE: Final = MINUTE // _STEP

Row = Mapping[str, Any]


def local(at: int, zone: ZoneInfo) -> str:
    """Return a moment as the chart's time axis wants it: wall text of the business zone, without an offset."""
    return f"{datetime.fromtimestamp(at / SECOND, zone):%Y-%m-%dT%H:%M:%S}"


def points(rows: Sequence[Row], field: str, zone: ZoneInfo) -> list[list[Any]]:
    """Return one series; a value that is not known leaves a gap."""
    return [[local(row["at"], zone), row[field]] for row in rows]


def even(rows: Sequence[Row], until: int) -> list[dict[str, Any]]:
    """Return rates per minute for every half minute up to `until`: where no row is, nothing was sold.

    >>> even([{"at": 0, "orders": 3, "units": 4, "viewers": 9}], 60_000)[1]
    {'at': 30000, 'orders': 0, 'viewers': None}
    """
    if not rows:
        return []
    known = {row["at"]: row for row in rows}
    found = []
    for at in range(rows[0]["at"], max(rows[-1]["at"] + 1, floor_to(until, _STEP)), _STEP):
        row = known.get(at)
        orders = row["orders"] * _PER_MINUTE if row else 0
        found.append({"at": at, "orders": orders, "viewers": row["viewers"] if row else None})
    return found


def spark(zone: ZoneInfo) -> dict[str, Any]:
    """Return a small chart without axes, for a card; `spark_data` fills it."""
    return {
        "animation": False,
        "grid": {"left": 2, "right": 2, "top": 6, "bottom": 2},
        "xAxis": {"type": "time", "show": False},
        "yAxis": {"type": "value", "show": False, "min": 0},
        "series": [
            {
                "type": "line",
                "showSymbol": False,
                "silent": True,
                "lineStyle": {"width": 1.6, "color": ACCENT},
                "areaStyle": {"color": ACCENT, "opacity": 0.10},
                "data": [],
                "markPoint": {
                    "silent": True,
                    "symbol": "circle",
                    "symbolSize": 8,
                    "itemStyle": {"color": SPIKE},
                    "data": [],
                },
                "markArea": {"silent": True, "itemStyle": {"color": _SPIKE_BAND}, "data": []},
            }
        ],
    }


def spark_data(options: dict[str, Any], rows: Sequence[Row], spikes: Sequence[Row], now: int, zone: ZoneInfo) -> None:
    """Put rates and spikes into a small chart."""
    rows = even(rows, now)
    series = options["series"][0]
    series["data"] = points(rows, "orders", zone)
    first = rows[0]["at"] if rows else now
    series["markArea"]["data"] = _bands(spikes, first, now, zone)
    by_time = {row["at"]: row["orders"] for row in rows}
    marks = []
    for spike in spikes:
        near = [at for at in by_time if at <= spike["started_at"]]
        if near and spike["started_at"] >= first:
            marks.append({"coord": [local(max(near), zone), by_time[max(near)]]})
    series["markPoint"]["data"] = marks


def rates(say: Say) -> dict[str, Any]:
    """Return the chart of a room: orders per minute, viewers behind, bands for spikes and slots; `rates_data` fills it."""
    axis = {"axisLine": {"show": False}, "axisTick": {"show": False}, "axisLabel": {"color": QUIET, "fontSize": 11}}
    return {
        "animation": False,
        "textStyle": {"fontFamily": "inherit"},
        "grid": {"left": 44, "right": 56, "top": 34, "bottom": 26},
        "legend": {
            "top": 0,
            "left": 0,
            "itemWidth": 14,
            "itemHeight": 8,
            "textStyle": {"color": QUIET, "fontSize": 11.5},
        },
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {"type": "time", "splitLine": {"show": False}, **axis, "axisLine": {"lineStyle": {"color": _GRID}}},
        "yAxis": [
            {"type": "value", "min": 0, "splitLine": {"lineStyle": {"color": _GRID}}, **axis},
            {"type": "value", "min": 0, "splitLine": {"show": False}, **axis},
        ],
        "series": [
            {
                "name": say("rate"),
                "type": "line",
                "showSymbol": False,
                "z": 3,
                "lineStyle": {"width": 1.8, "color": ACCENT},
                "itemStyle": {"color": ACCENT},
                "data": [],
            },
            {
                "name": say("viewers"),
                "type": "line",
                "yAxisIndex": 1,
                "showSymbol": False,
                "connectNulls": True,
                "lineStyle": {"width": 1, "color": QUIET, "type": "dashed"},
                "itemStyle": {"color": QUIET},
                "data": [],
            },
            _band_series(say("spike"), _SPIKE_BAND, SPIKE),
            *(_band_series(say(kind), colour, QUIET) for kind, colour in _SLOT_BANDS.items()),
        ],
    }


def rates_data(
    options: dict[str, Any], rows: Sequence[Row], spikes: Sequence[Row], slots: Sequence[Row], now: int, zone: ZoneInfo
) -> None:
    """Put rates, spikes and the run of show into the chart of a room."""
    rows = even(rows, now)
    series = options["series"]
    series[0]["data"] = points(rows, "orders", zone)
    series[1]["data"] = points(rows, "viewers", zone)
    first, last = (rows[0]["at"], rows[-1]["at"]) if rows else (now, now)
    series[2]["markArea"]["data"] = _bands(spikes, first, max(now, last), zone)
    for band, kind in enumerate(_SLOT_BANDS, start=3):
        mine = [
            {"started_at": slot["starts_at"], "ended_at": min(slot["ends_at"], max(now, last)), "label": slot["sku"]}
            for slot in slots
            if slot["kind"] == kind and slot["starts_at"] <= max(now, last) and slot["ends_at"] >= first
        ]
        if len(mine) > _LABELS:
            mine = [{**one, "label": None} for one in mine]
        series[band]["markArea"]["data"] = _bands(mine, first, max(now, last), zone)


def fan(say: Say) -> dict[str, Any]:
    """Return a chart of what a session will still sell: P10 to P90 as a band around P50; `fan_data` fills it."""
    axis = {"axisLine": {"show": False}, "axisTick": {"show": False}, "axisLabel": {"color": QUIET, "fontSize": 11}}
    band = {
        "type": "line",
        "stack": "band",
        "showSymbol": False,
        "silent": True,
        "lineStyle": {"opacity": 0},
        "data": [],
    }
    return {
        "animation": False,
        "grid": {"left": 44, "right": 16, "top": 10, "bottom": 26},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {"type": "time", "splitLine": {"show": False}, **axis},
        "yAxis": {"type": "value", "min": 0, "splitLine": {"lineStyle": {"color": _GRID}}, **axis},
        "series": [
            {**band, "name": "P10"},
            {**band, "name": "P90 − P10", "areaStyle": {"color": ACCENT, "opacity": 0.15}},
            {
                "name": "P50",
                "type": "line",
                "showSymbol": False,
                "lineStyle": {"width": 1.8, "color": ACCENT},
                "itemStyle": {"color": ACCENT},
                "data": [],
            },
        ],
    }


def fan_data(options: dict[str, Any], rows: Sequence[Row], zone: ZoneInfo) -> None:
    """Put the forecasts of one item into the fan."""
    low, wide, mid = options["series"]
    low["data"] = [[local(row["as_of"], zone), row["rest_p10"]] for row in rows]
    wide["data"] = [[local(row["as_of"], zone), row["p90"] - row["rest_p10"]] for row in rows]
    mid["data"] = [[local(row["as_of"], zone), row["rest_p50"]] for row in rows]


def _band_series(name: str, colour: str, edge: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "line",
        "data": [],
        "symbol": "rect",
        "itemStyle": {"color": edge},
        "lineStyle": {"color": edge},
        "markArea": {
            "silent": True,
            "itemStyle": {"color": colour},
            "label": {"color": edge, "fontSize": 10, "position": "insideTop"},
            "data": [],
        },
    }


def _bands(spans: Sequence[Row], first: int, last: int, zone: ZoneInfo) -> list[Any]:
    found = []
    for span in spans:
        start, end = max(first, span["started_at"]), span["ended_at"] or last
        if end >= first:
            label = span.get("label")
            edge = {"xAxis": local(start, zone), **({"name": label} if label else {})}
            found.append([edge, {"xAxis": local(min(end, last), zone)}])
    return found
