"""What was learned: stored models, their forecasts of the shelf, the days sold since, and how true the forecasts came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, func, insert, select

from supplychain.domain.forecast import RegionOutlook, ShelfForecast, ShelfScore
from supplychain.domain.past import RoomDay
from supplychain.planning.ports import DaySold, ModelVersion
from supplychain.storage.tables import (
    active,
    history,
    priors,
    room_days,
    shelf_forecasts,
    shelf_scores,
    spikes,
    windows,
)
from supplychain.storage.upserts import put

_AT_ONCE = 500


class SqlLearning:
    """Learned models and forecasts in SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def model(self) -> int | None:
        """Return the number of the active model, None when there is none."""
        return self._connection.execute(select(active.c.version).where(active.c.kind == "prior")).scalar()

    def models(self, limit: int = 20) -> list[ModelVersion]:
        """Return what is known of the stored models without their bodies, newest first."""
        names = ("version", "degraded", "fitted_through", "created_wall")
        rows = self._connection.execute(
            select(*(priors.c[name] for name in names)).order_by(priors.c.version.desc()).limit(limit)
        )
        running = self.model()
        return [
            ModelVersion(row.version, row.degraded, row.fitted_through, row.created_wall, row.version == running)
            for row in rows
        ]

    def put_shelf(self, model: int, forecasts: Iterable[ShelfForecast]) -> None:
        """Store the forecasts of a model; the same model stored again changes nothing."""
        known = select(func.count()).select_from(shelf_forecasts).where(shelf_forecasts.c.model == model)
        if self._connection.execute(known).scalar_one():
            return
        rows = [
            {
                "model": model,
                "sku": forecast.sku,
                "first_day": forecast.first_day,
                "regions": {region: _packed(outlook) for region, outlook in sorted(forecast.regions.items())},
                "method": forecast.method,
                "tuning_version": forecast.tuning_version,
            }
            for forecast in forecasts
        ]
        for start in range(0, len(rows), _AT_ONCE):
            self._connection.execute(insert(shelf_forecasts), rows[start : start + _AT_ONCE])

    def shelf(self, skus: Sequence[str] | None = None, model: int | None = None) -> list[ShelfForecast]:
        """Return the forecasts of the active model (or a named one), of some SKUs or of all, by SKU."""
        wanted = self.model() if model is None else model
        if wanted is None:
            return []
        query = select(shelf_forecasts).where(shelf_forecasts.c.model == wanted).order_by(shelf_forecasts.c.sku)
        if skus is not None:
            query = query.where(shelf_forecasts.c.sku.in_(list(skus)))
        return [
            ShelfForecast(
                sku=row.sku,
                first_day=row.first_day,
                regions={region: _unpacked(values) for region, values in sorted(row.regions.items())},
                method=row.method,
                model_version=f"prior-{wanted}",
                tuning_version=row.tuning_version,
            )
            for row in self._connection.execute(query)
        ]

    def last_day(self) -> str | None:
        """Return the last day (ISO) of the sales history."""
        return self._connection.execute(select(func.max(history.c.day))).scalar()

    def first_sale(self) -> int | None:
        """Return the start of the first window that is kept."""
        return self._connection.execute(select(func.min(windows.c.bin_start))).scalar()

    def sold(self, start: int, end: int) -> list[DaySold]:
        """Return gross pieces and orders sold in [start, end), by session, SKU, region and channel."""
        keys = (windows.c.session, windows.c.sku, windows.c.region, windows.c.channel)
        rows = self._connection.execute(
            select(*keys, func.sum(windows.c.gross), func.sum(windows.c.orders))
            .where(windows.c.bin_start >= start, windows.c.bin_start < end)
            .group_by(*keys)
            .order_by(*keys)
        )
        return [DaySold(*row[:4], pieces=int(row[4]), orders=int(row[5])) for row in rows]

    def spike_excess(self, start: int, end: int) -> dict[tuple[str, str], float]:
        """Return the orders beyond what was expected that spikes begun in [start, end) explain, by session and SKU."""
        rows = self._connection.execute(
            select(spikes.c.session, spikes.c.sku, func.sum(spikes.c.observed - spikes.c.expected))
            .where(spikes.c.started_at >= start, spikes.c.started_at < end, spikes.c.observed > spikes.c.expected)
            .group_by(spikes.c.session, spikes.c.sku)
        )
        return {(row[0], row[1]): float(row[2]) for row in rows}

    def put_days(self, rows: Iterable[tuple[str, str, str, str, int]]) -> None:
        """Write finished days of the sales history: day (ISO), SKU, region, channel, units; a day written again is replaced."""
        names = ("day", "sku", "region", "channel", "units")
        put(self._connection, history, [dict(zip(names, row, strict=True)) | {"synthetic": False} for row in rows])

    def put_rooms(self, rows: Iterable[RoomDay]) -> None:
        """Write finished days of rooms and hosts; a day written again is replaced."""
        put(self._connection, room_days, [row._asdict() for row in rows])

    def rooms(self) -> list[RoomDay]:
        """Return the finished days of rooms and hosts, by day, room and host."""
        names = RoomDay._fields
        rows = self._connection.execute(
            select(*(room_days.c[name] for name in names)).order_by(*(room_days.c[name] for name in names[:3]))
        )
        return [RoomDay(*row) for row in rows]

    def put_scores(self, scores: Iterable[ShelfScore]) -> None:
        """Write how true finished days came; a day written again is replaced."""
        names = ("day", "segment", "model", "series", "inside", "pieces", "expected", "error", "loss")
        put(self._connection, shelf_scores, [{name: getattr(score, name) for name in names} for score in scores])

    def scores(self, since_day: str) -> list[ShelfScore]:
        """Return the scores of the days from `since_day` (ISO) on, by day and segment."""
        rows = self._connection.execute(
            select(shelf_scores)
            .where(shelf_scores.c.day >= since_day)
            .order_by(shelf_scores.c.day, shelf_scores.c.segment)
        )
        return [ShelfScore(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented way to a mapping


def _packed(outlook: RegionOutlook) -> list[object]:
    days = [list(values) for values in zip(outlook.mean, outlook.variance, outlook.low, outlook.high, strict=True)]
    return [days, outlook.segment, outlook.degraded]


def _unpacked(values: list[object]) -> RegionOutlook:
    days, segment, degraded = values
    columns = zip(*days, strict=True) if isinstance(days, list) and days else ((), (), (), ())
    mean, variance, low, high = (tuple(float(value) for value in column) for column in columns)
    return RegionOutlook(mean, variance, low, high, str(segment), str(degraded))
