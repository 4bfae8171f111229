"""Signals, plan requests and cuts in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection, func, or_, select, update

from supplychain.domain.events import PlanRequest, Signal, SignalKind
from supplychain.planning.ports import GroupCut
from supplychain.storage.tables import facts, group_cuts, partitions, requests, signals
from supplychain.storage.upserts import insert_new, put

_THROUGH = "planned_through"


class SqlSignals:
    """Signals and requests in SQL."""

    def __init__(self, connection: Connection, alone: Callable[[], None]) -> None:
        self._connection = connection
        self._alone = alone

    def alone(self) -> None:
        """Make this transaction the only one that looks at cuts: two coordinators wait for each other."""
        self._alone()

    def watermarks(self) -> dict[tuple[str, int], int]:
        """Return the watermark of every partition that has one."""
        rows = self._connection.execute(select(partitions.c.topic, partitions.c.partition, partitions.c.watermark))
        return {(row.topic, row.partition): row.watermark for row in rows}

    def planned_through(self) -> int | None:
        """Return the last cut that everything was looked at for."""
        value = self._connection.execute(select(facts.c.value).where(facts.c.name == _THROUGH)).scalar()
        return None if value is None else int(value)

    def set_planned_through(self, cut: int) -> None:
        """Remember the last cut looked at."""
        put(self._connection, facts, [{"name": _THROUGH, "value": cut}])

    def add(self, signals_: Iterable[Signal]) -> int:
        """Store signals that are not there yet; return how many were new."""
        return insert_new(
            self._connection,
            signals,
            [
                {
                    "signal": s.signal,
                    "kind": s.kind.value,
                    "plan_group": s.group,
                    "at": s.at,
                    "subject": s.subject,
                    "committed_wall": s.committed_wall,
                }
                for s in signals_
            ],
        )

    def open(self, through: int) -> list[Signal]:
        """Return the signals up to a cut that no request has taken, in order of time and id."""
        wanted = select(signals).where(signals.c.request.is_(None), signals.c.at <= through)
        return [
            Signal(r.signal, SignalKind(r.kind), r.plan_group, r.at, r.subject, r.committed_wall)
            for r in self._connection.execute(wanted.order_by(signals.c.at, signals.c.signal))
        ]

    def next_at(self) -> int | None:
        """Return the moment of the earliest open signal."""
        return self._connection.execute(select(func.min(signals.c.at)).where(signals.c.request.is_(None))).scalar()

    def handled(self, names: Iterable[str], request: str, wall: int) -> None:
        """Bind signals to the request that answers them ('' when no plan was needed)."""
        done = None if request else wall
        for name in names:
            self._connection.execute(
                update(signals).where(signals.c.signal == name).values(request=request, handled_wall=done)
            )

    def add_request(self, request: PlanRequest, wall: int) -> bool:
        """Store a request; False when it is there already."""
        row = {
            "request": request.request,
            "cut": request.cut,
            "groups": list(request.groups),
            "reasons": list(request.reasons),
            "state": "pending",
            "attempts": 0,
            "created_wall": wall,
        }
        return insert_new(self._connection, requests, [row]) == 1

    def pending_request(self) -> bool:
        """Tell whether a request is not finished yet."""
        wanted = select(requests.c.request).where(requests.c.state.in_(("pending", "claimed"))).limit(1)
        return self._connection.execute(wanted).first() is not None

    def claim_request(self, holder: str, now_wall: int, lease_ms: int) -> PlanRequest | None:
        """Claim the oldest request that is free or whose lease has run out; only the oldest may run."""
        oldest = self._connection.execute(
            select(requests)
            .where(requests.c.state.in_(("pending", "claimed")))
            .order_by(requests.c.cut, requests.c.request)
            .limit(1)
            .with_for_update()  # waits: who skipped the locked oldest would run the second oldest beside it
        ).first()
        if oldest is None or (oldest.lease_wall or 0) > now_wall:
            return None
        values = {
            "state": "claimed",
            "claimed_by": holder,
            "lease_wall": now_wall + lease_ms,
            "attempts": oldest.attempts + 1,
        }
        free = or_(requests.c.lease_wall.is_(None), requests.c.lease_wall <= now_wall)
        claimed = self._connection.execute(
            update(requests).where(requests.c.request == oldest.request, free).values(**values)
        )
        if claimed.rowcount != 1:
            return None
        names = self._connection.execute(select(signals.c.signal).where(signals.c.request == oldest.request)).scalars()
        return PlanRequest(
            oldest.request, oldest.cut, tuple(oldest.groups), tuple(oldest.reasons), tuple(sorted(names))
        )

    def finish_request(self, request: str, plan: str | None, wall: int, error: str | None = None) -> None:
        """Mark a request as done, with its plan or the error that ended it, and its signals as handled."""
        state = "failed" if error else "done"
        self._connection.execute(
            update(requests)
            .where(requests.c.request == request)
            .values(state=state, plan=plan, error=error, done_wall=wall, lease_wall=None)
        )
        self._connection.execute(update(signals).where(signals.c.request == request).values(handled_wall=wall))

    def retry_request(self, request: str, wall: int, error: str) -> None:
        """Give a request back, to be claimed again from `wall` on."""
        self._connection.execute(
            update(requests).where(requests.c.request == request).values(state="pending", error=error, lease_wall=wall)
        )

    def attempts(self, request: str) -> int:
        """Return how often a request was claimed."""
        return int(
            self._connection.execute(select(requests.c.attempts).where(requests.c.request == request)).scalar_one()
        )

    def group_cuts(self, groups: Iterable[str]) -> dict[str, GroupCut]:
        """Return when groups were planned last, and on which session totals."""
        rows = self._connection.execute(select(group_cuts).where(group_cuts.c.plan_group.in_(list(groups))))
        return {row.plan_group: GroupCut(row.cut, row.basis) for row in rows}

    def set_group_cut(self, group: str, cut: GroupCut) -> None:
        """Remember when a group was planned last."""
        put(self._connection, group_cuts, [{"plan_group": group, "cut": cut.cut, "basis": dict(cut.basis)}])

    def latencies(self) -> list[float]:
        """Return the seconds of wall time from the commit of each spike to the commit of its answer, sorted."""
        wanted = select(signals.c.handled_wall - signals.c.committed_wall).where(
            signals.c.kind == SignalKind.SPIKE.value, signals.c.handled_wall.is_not(None)
        )
        return sorted(max(0, value) / 1_000 for value in self._connection.execute(wanted).scalars())
