"""Slots and leases of scheduled jobs, and the pruning of what has served its time. Times are UTC milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, case, delete, func, or_, select, tuple_, update

from supplychain.storage.engine import Database
from supplychain.storage.tables import (
    active,
    audience,
    forecasts,
    inbox,
    item_clicks,
    job_runs,
    leases,
    outbox,
    priors,
    requests,
    seen_blocks,
    shelf_forecasts,
    show_events,
    signals,
    windows,
)
from supplychain.storage.upserts import insert_new

_ROWS_AT_ONCE: Final = 2_000
"""Rows that go in one transaction: other writers wait for milliseconds only."""


class SqlJobs:
    """The tables `job_runs` and `leases`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim_slot(self, job: str, slot: int, wall: int) -> bool:
        """Claim one run of a job; False when anybody has claimed it before."""
        row = {"job": job, "slot": slot, "state": "running", "detail": "", "started_wall": wall}
        with self._database.write() as connection:
            return insert_new(connection, job_runs, [row]) == 1

    def finish_slot(self, job: str, slot: int, wall: int, *, failed: bool = False, detail: str = "") -> None:
        """Write down how a claimed run ended."""
        values = {"state": "failed" if failed else "done", "detail": detail[:2_000], "ended_wall": wall}
        with self._database.write() as connection:
            connection.execute(update(job_runs).where(job_runs.c.job == job, job_runs.c.slot == slot).values(**values))

    def runs(self, limit: int = 50) -> list[dict[str, Any]]:
        """Return the latest runs, newest first."""
        newest = select(job_runs).order_by(job_runs.c.started_wall.desc(), job_runs.c.job).limit(limit)
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(newest).mappings()]

    def lease(self, name: str, holder: str, ttl_ms: int, wall: int) -> bool:
        """Take a lease or renew one's own; False while somebody else holds it. A new holder raises the epoch."""
        fresh = {"lease": name, "holder": holder, "epoch": 1, "expires_wall": wall + ttl_ms}
        mine = leases.c.holder == holder
        free = or_(mine, leases.c.expires_wall <= wall)
        values = {
            "holder": holder,
            "epoch": case((mine, leases.c.epoch), else_=leases.c.epoch + 1),
            "expires_wall": wall + ttl_ms,
        }
        with self._database.write() as connection:
            if insert_new(connection, leases, [fresh]):
                return True
            taken = connection.execute(update(leases).where(leases.c.lease == name, free).values(**values))
            return taken.rowcount == 1

    def release(self, name: str, holder: str, wall: int) -> None:
        """Give back one's own lease."""
        mine = (leases.c.lease == name, leases.c.holder == holder)
        with self._database.write() as connection:
            connection.execute(update(leases).where(*mine).values(expires_wall=wall))

    def prune(self, before: int, before_wall: int) -> dict[str, int]:
        """Delete what nobody reads any more and fold old windows; return rows by table.

        Parameters
        ----------
        before, before_wall
            Rows go when they ended before this moment of business time, or of wall time where that stamped them.
            Plans, lines, revisions, the audit trail, stock movements, dead letters and counts stay: the books must
            add up for good.
        """
        running = select(active.c.version).where(active.c.kind == "prior")
        models = select(priors.c.version).where(priors.c.created_wall < before_wall, priors.c.version.not_in(running))
        old: list[tuple[Table, ColumnElement[bool]]] = [
            (shelf_forecasts, shelf_forecasts.c.model.in_(models)),
            (priors, priors.c.version.in_(models)),
            (outbox, (outbox.c.state == "delivered") & (outbox.c.delivered_wall < before_wall)),
            (inbox, (inbox.c.state != "open") & (inbox.c.applied_wall < before_wall)),
            (job_runs, job_runs.c.started_wall < before_wall),
            (signals, signals.c.handled_wall < before_wall),
            (requests, requests.c.done_wall < before_wall),
            (seen_blocks, seen_blocks.c.hour < before),
            (audience, audience.c.bin_start < before),
            (item_clicks, item_clicks.c.bin_start < before),
            (show_events, show_events.c.at < before),
            (forecasts, (forecasts.c.ends_at < before) & (forecasts.c.as_of < before)),
        ]
        gone = {table.name: self._delete(table, where) for table, where in old}
        gone[windows.name] = self._fold_windows(before)
        return gone

    def _delete(self, table: Table, where: ColumnElement[bool]) -> int:
        keys = list(table.primary_key)
        some = select(*keys).where(where).limit(_ROWS_AT_ONCE)
        total = 0
        while True:
            with self._database.write() as connection:
                rows = connection.execute(delete(table).where(tuple_(*keys).in_(some))).rowcount
            total += rows
            if rows < _ROWS_AT_ONCE:
                return total

    def _fold_windows(self, before: int) -> int:
        """Merge the bins of old sales into one row each; sums by session, SKU, region, channel and due hour stay."""
        sales = (windows.c.session, windows.c.sku, windows.c.region, windows.c.channel, windows.c.due)
        old = (windows.c.bin_start < before, windows.c.known_bin < before, windows.c.due < before)
        several = select(*sales).where(*old).group_by(*sales).having(func.count() > 1).limit(_ROWS_AT_ONCE // 10)
        total = 0
        while True:
            with self._database.write() as connection:
                keys = connection.execute(several).all()
                for key in keys:
                    same = [column == value for column, value in zip(sales, key, strict=True)]
                    total += _fold(connection, [*same, *old])
            if not keys:
                return total


def _fold(connection: Connection, where: Sequence[ColumnElement[bool]]) -> int:
    """Replace the rows by their sum, known since the last of them was; return how many fewer there are.

    Their bin becomes the last one, so when old pieces were paid is known from then on to that.
    """
    rows = connection.execute(select(windows).where(*where)).mappings().all()
    key = {name: rows[0][name] for name in ("session", "sku", "region", "channel", "due")}
    sums = {
        name: sum(row[name] for row in rows)
        for name in ("orders", "gross", "cancelled", "refunded", "returned", "revenue_minor")
    }
    last = {name: max(row[name] for row in rows) for name in ("bin_start", "known_bin")}
    connection.execute(delete(windows).where(*where))
    connection.execute(windows.insert().values(**key, **last, **sums))
    return len(rows) - 1
