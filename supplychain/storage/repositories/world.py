"""What was known at a cut, read back from rows that carry when they became known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, func, select

from supplychain.domain.forecast import SessionForecast
from supplychain.domain.network import Catalogue
from supplychain.domain.past import SoldMinute
from supplychain.domain.position import StockLevel
from supplychain.domain.units import MINUTE
from supplychain.planning.ports import Accepted
from supplychain.storage.tables import audience, forecasts, spikes, stock_log, windows


class SqlWorld:
    """The world at a cut in SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def stock(self, catalogue: Catalogue, skus: Sequence[str], cut: int) -> list[StockLevel]:
        """Return sellable pieces by warehouse: the last snapshot up to the cut plus what happened after it."""
        wanted = set(skus)
        opening = {(row.warehouse, row.sku): row for row in catalogue.stock if row.sku in wanted}
        levels: dict[tuple[str, str], tuple[int, int]] = {key: (row.on_hand, 0) for key, row in opening.items()}
        rows = self._connection.execute(
            select(stock_log)
            .where(stock_log.c.sku.in_(sorted(wanted)), stock_log.c.as_of <= cut)
            .order_by(stock_log.c.as_of, stock_log.c.warehouse, stock_log.c.sequence)
        )
        for row in rows:
            key = (row.warehouse, row.sku)
            pieces, as_of = levels.get(key, (0, 0))
            levels[key] = (row.sellable if row.kind == "snapshot" else pieces + row.sellable, max(as_of, row.as_of))
        return [
            StockLevel(
                warehouse=warehouse,
                sku=sku,
                on_hand=pieces,
                as_of=as_of,
                fenced_live=opening[warehouse, sku].fenced_live if (warehouse, sku) in opening else 0,
                fenced_shelf=opening[warehouse, sku].fenced_shelf if (warehouse, sku) in opening else 0,
            )
            for (warehouse, sku), (pieces, as_of) in sorted(levels.items())
        ]

    def accepted(self, skus: Sequence[str], cut: int, bin_ms: int) -> list[Accepted]:
        """Return sums of windows known by the cut, by session, SKU, region, channel and due hour."""
        keys = (windows.c.session, windows.c.sku, windows.c.region, windows.c.channel, windows.c.due)
        names = ("orders", "gross", "cancelled", "refunded", "returned")
        sums = [func.sum(windows.c[name]).label(name) for name in names]
        before = func.sum((windows.c.due - windows.c.bin_start) * windows.c.gross).label("before")
        rows = self._connection.execute(
            select(*keys, *sums, before)
            .where(windows.c.sku.in_(list(skus)), windows.c.known_bin <= cut - bin_ms)
            .group_by(*keys)
            .order_by(*keys)
        )
        return [
            Accepted(
                r.session,
                r.sku,
                r.region,
                r.channel,
                r.due,
                orders=int(r.orders),
                gross=int(r.gross),
                cancelled=int(r.cancelled),
                refunded=int(r.refunded),
                returned=int(r.returned),
                paid_ms=r.due - int(r.before) // int(r.gross) if r.gross > 0 else None,
            )
            for r in rows
        ]

    def shipped(self, skus: Sequence[str], cut: int) -> dict[tuple[str, str], int]:
        """Return the pieces that left for buyers up to the cut, by SKU and region."""
        rows = self._connection.execute(
            select(stock_log.c.sku, stock_log.c.region, func.sum(stock_log.c.pieces).label("pieces"))
            .where(
                stock_log.c.kind == "shipment",
                stock_log.c.region.is_not(None),
                stock_log.c.sku.in_(list(skus)),
                stock_log.c.as_of <= cut,
            )
            .group_by(stock_log.c.sku, stock_log.c.region)
        )
        return {(row.sku, row.region): int(row.pieces) for row in rows}

    def forecasts(self, skus: Sequence[str], cut: int) -> list[SessionForecast]:
        """Return the newest forecast up to the cut of each session and SKU."""
        newest = (
            select(forecasts.c.session, forecasts.c.sku, func.max(forecasts.c.as_of).label("as_of"))
            .where(forecasts.c.sku.in_(list(skus)), forecasts.c.as_of <= cut)
            .group_by(forecasts.c.session, forecasts.c.sku)
            .subquery()
        )
        joined = and_(*(forecasts.c[name] == newest.c[name] for name in ("session", "sku", "as_of")))
        rows = self._connection.execute(
            select(forecasts).join(newest, joined).order_by(forecasts.c.session, forecasts.c.sku)
        )
        return [forecast_of(row) for row in rows]

    def forecasts_between(self, after: int, through: int) -> list[SessionForecast]:
        """Return every forecast with after < as_of <= through, in order of time."""
        rows = self._connection.execute(
            select(forecasts)
            .where(forecasts.c.as_of > after, forecasts.c.as_of <= through)
            .order_by(forecasts.c.as_of, forecasts.c.session, forecasts.c.sku)
        )
        return [forecast_of(row) for row in rows]

    def spikes(self, skus: Sequence[str], after: int, through: int) -> list[dict[str, Any]]:
        """Return the spikes judged in (after, through] of the SKUs, in order of time."""
        rows = self._connection.execute(
            select(spikes)
            .where(spikes.c.sku.in_(list(skus)), spikes.c.judged_at > after, spikes.c.judged_at <= through)
            .order_by(spikes.c.judged_at, spikes.c.spike)
        )
        return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented way to a mapping

    def minutes(self, session: str, until: int, sku: str | None = None) -> list[SoldMinute]:
        """Return what happened to each SKU of a session, or to one, in each minute known up to `until`."""
        minute = windows.c.bin_start - windows.c.bin_start % MINUTE
        names = ("orders", "gross", "cancelled", "refunded", "returned")
        sums = [func.sum(windows.c[name]).label(name) for name in names]
        query = select(windows.c.sku, minute.label("minute"), *sums).where(
            windows.c.session == session, windows.c.known_bin < until
        )
        if sku is not None:
            query = query.where(windows.c.sku == sku)
        rows = self._connection.execute(query.group_by(windows.c.sku, minute).order_by(windows.c.sku, minute))
        return [SoldMinute(row.sku, int(row.minute), *(int(getattr(row, name)) for name in names)) for row in rows]

    def gross(self, session: str) -> dict[tuple[str, str], int]:
        """Return the gross pieces that a session sold, by SKU and region."""
        rows = self._connection.execute(
            select(windows.c.sku, windows.c.region, func.sum(windows.c.gross).label("gross"))
            .where(windows.c.session == session)
            .group_by(windows.c.sku, windows.c.region)
        )
        return {(row.sku, row.region): int(row.gross) for row in rows}

    def viewers(self, room: str, start: int, end: int) -> list[tuple[int, float]]:
        """Return the mean viewers of a room in each minute of [start, end) that was sampled."""
        minute = audience.c.bin_start - audience.c.bin_start % MINUTE
        rows = self._connection.execute(
            select(
                minute.label("minute"),
                func.sum(audience.c.viewers).label("viewers"),
                func.sum(audience.c.samples).label("samples"),
            )
            .where(audience.c.room == room, audience.c.bin_start >= start, audience.c.bin_start < end)
            .group_by(minute)
            .order_by(minute)
        )
        return [(int(row.minute), float(row.viewers) / max(1.0, float(row.samples))) for row in rows]

    def receipts(self, sku: str, after: int, until: int) -> list[tuple[int, int]]:
        """Return when warehouses received a SKU with after < as_of <= until, and the sellable pieces, in order of time."""
        rows = self._connection.execute(
            select(stock_log.c.as_of, func.sum(stock_log.c.sellable))
            .where(
                stock_log.c.sku == sku,
                stock_log.c.kind == "receipt",
                stock_log.c.as_of > after,
                stock_log.c.as_of <= until,
            )
            .group_by(stock_log.c.as_of)
            .order_by(stock_log.c.as_of)
        )
        return [(int(row[0]), int(row[1])) for row in rows]

    def stock_as_of(self) -> dict[str, int]:
        """Return the newest stamp that each warehouse reported."""
        rows = self._connection.execute(
            select(stock_log.c.warehouse, func.max(stock_log.c.as_of).label("as_of")).group_by(stock_log.c.warehouse)
        )
        return {row.warehouse: row.as_of for row in rows}


def forecast_of(row: Any) -> SessionForecast:
    """Return a forecast from its row; `regions` is {region: [so far, mean, variance]}."""
    return SessionForecast(
        session=row.session,
        sku=row.sku,
        as_of=row.as_of,
        ends_at=row.ends_at,
        so_far={region: int(values[0]) for region, values in sorted(row.regions.items())},
        rest={region: (float(values[1]), float(values[2])) for region, values in sorted(row.regions.items())},
        prior_rest=row.prior_rest,
        tuning_version=row.tuning_version,
        model_version=row.model_version,
        degraded=row.degraded,
    )
