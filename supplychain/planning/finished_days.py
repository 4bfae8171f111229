"""Finished business days of the streams become rows of the sales history, and are held against what was forecast for them.

A day is finished when business time has passed its end and the allowed lateness. Spikes of the shelf are tagged: the pieces beyond
what was expected go to a channel of their own, which next week's baseline leaves out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from supplychain.domain.forecast import ShelfForecast, ShelfScore
from supplychain.domain.units import SECOND, millis
from supplychain.forecasting.shelf_frame import SHELF, SPIKE
from supplychain.forecasting.trade_calendar import day_number, day_of_iso
from supplychain.planning.ports import DaySold, Store
from supplychain.planning.schedule import known_schedule, room_days

Row = tuple[str, str, str, str, int]
_LEVELS = (0.1, 0.9)


def take_in(store: Store) -> int:
    """Write the days that finished since the last one of the history, with their scores; return how many."""
    with store.read() as tx:
        through, last, first_sale = tx.signals.planned_through(), tx.learning.last_day(), tx.learning.first_sale()
        _, catalogue = tx.versions.network()
        _, tuning = tx.versions.tuning()
        sessions = known_schedule(tx).sessions.values()
    if through is None or first_sale is None:
        return 0
    zone = ZoneInfo(catalogue.zone)
    passed = through - tuning.detector.lateness_seconds * SECOND
    first = date.fromisoformat(last) + timedelta(days=1) if last else _local_day(first_sale, zone)
    first = max(first, _local_day(first_sale, zone))
    days = 0
    for day in _days(first, _local_day(passed, zone)):
        start, end = (_midnight(day + timedelta(days=ahead), zone) for ahead in (0, 1))
        with store.write() as tx:
            sold = tx.learning.sold(start, end)
            rows = history_rows(day.isoformat(), sold, tx.learning.spike_excess(start, end))
            tx.learning.put_days(rows)
            tx.learning.put_rooms(room_days(day.isoformat(), start, end, sessions, sold))
            if rows:
                tx.learning.put_scores(scores_of(day.isoformat(), rows, tx.learning.shelf()))
                days += 1
    return days


def history_rows(day: str, sold: Sequence[DaySold], excess: dict[tuple[str, str], float]) -> list[Row]:
    """Rows of one day; the share of a shelf's orders that a spike explains is taken as the share of its pieces.

    Parameters
    ----------
    excess
        Orders beyond what was expected, by session and SKU.
    """
    orders: dict[tuple[str, str], int] = defaultdict(int)
    for part in sold:
        orders[part.session, part.sku] += part.orders
    sums: dict[tuple[str, str, str], float] = defaultdict(float)
    for part in sold:
        sums[part.sku, part.region, part.channel] += part.pieces
        whole = orders[part.session, part.sku]
        if part.channel == SHELF and whole:
            beyond = min(1.0, excess.get((part.session, part.sku), 0.0) / whole)
            sums[part.sku, part.region, SPIKE] += part.pieces * beyond
    return [(day, *key, round(pieces)) for key, pieces in sorted(sums.items()) if round(pieces) > 0]


def scores_of(day: str, rows: Sequence[Row], forecasts: Sequence[ShelfForecast]) -> list[ShelfScore]:
    """Hold one day against the forecasts that stood for it, per segment; days the forecast does not hold have no score."""
    sold: dict[tuple[str, str], float] = defaultdict(float)
    for _, sku, region, channel, units in rows:
        sold[sku, region] += units * {SHELF: 1, SPIKE: -1}.get(channel, 0)
    found: dict[str, list[tuple[float, float, float, float]]] = defaultdict(list)
    model = 0
    for forecast in forecasts:
        place = day_of_iso(day) - forecast.first_day
        model = int(forecast.model_version.removeprefix("prior-"))
        for region, outlook in forecast.regions.items():
            if 0 <= place < len(outlook.mean):
                actual = max(0.0, sold.get((forecast.sku, region), 0.0))
                entry = (actual, outlook.mean[place], outlook.low[place], outlook.high[place])
                found[outlook.segment].append(entry)
                found["all"].append(entry)
    return [_score(day, segment, model, entries) for segment, entries in sorted(found.items())]


def _score(day: str, segment: str, model: int, entries: list[tuple[float, float, float, float]]) -> ShelfScore:
    loss = sum(
        (actual - end) * level if actual >= end else (end - actual) * (1.0 - level)
        for actual, _, low, high in entries
        for level, end in zip(_LEVELS, (low, high), strict=True)
    )
    return ShelfScore(
        day=day,
        segment=segment,
        model=model,
        series=len(entries),
        inside=sum(low <= actual <= high for actual, _, low, high in entries),
        pieces=sum(actual for actual, *_ in entries),
        expected=sum(mean for _, mean, *_ in entries),
        error=sum(abs(actual - mean) for actual, mean, *_ in entries),
        loss=loss,
    )


def _days(first: date, stop: date) -> Iterator[date]:
    for number in range(day_number(first), day_number(stop)):
        yield date(1970, 1, 1) + timedelta(days=number)


def _local_day(at: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at / SECOND, zone).date()


def _midnight(day: date, zone: ZoneInfo) -> int:
    return millis(datetime(day.year, day.month, day.day, tzinfo=zone))
