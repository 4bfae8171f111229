"""Is it worth a plan? Signals become requests at cuts that every partition has passed.

Everything here is a function of business time and of rows known by the cut, looked at in order of time: so a replay asks for
the same plans at any speed, and nothing depends on which partition was faster. Business time waits for an open solve.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from supplychain.domain.errors import ConflictError, NotFoundError
from supplychain.domain.events import PlanRequest, Signal, SignalKind
from supplychain.domain.forecast import SessionForecast
from supplychain.domain.ids import derive
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import Tuning
from supplychain.domain.units import MINUTE, SECOND, ceil_to, floor_to
from supplychain.messages.topics import TICKED
from supplychain.planning.acknowledge import apply_due
from supplychain.planning.ports import Actor, GroupCut, Store, Tx, WallClock


def safe_cut(watermarks: dict[tuple[str, int], int], grid: int) -> int | None:
    """Return the last cut that every partition of every ticked topic has passed; None before all have."""
    wanted = [(topic.name, number) for topic in TICKED for number in range(topic.partitions)]
    if any(watermarks.get(partition, -1) < 0 for partition in wanted):
        return None
    return floor_to(min(watermarks[partition] for partition in wanted), grid)


def business_now(store: Store) -> int | None:
    """Return business time: the cut that everything was looked at for."""
    with store.read() as tx:
        return tx.signals.planned_through()


def advance(store: Store, wall: WallClock) -> bool:
    """Look at the next cut where something is due; tell whether there was one.

    Call it again while it returns True. It does nothing while a request is open.
    """
    with store.read() as tx:
        _, tuning = tx.versions.tuning()
        safe = safe_cut(tx.signals.watermarks(), tuning.planning.cut_seconds * SECOND)
        through = tx.signals.planned_through()
        if safe is None or (through is not None and safe <= through) or tx.signals.pending_request():
            return False
    with store.write() as tx:
        tx.signals.alone()
        through = tx.signals.planned_through()
        if through is None:
            tx.signals.set_planned_through(safe)
            return False
        if safe <= through or tx.signals.pending_request():
            return False
        return _next_cut(tx, tuning, through, safe, wall())


@dataclass(frozen=True, slots=True)
class _Due:
    at: int
    signals: tuple[Signal, ...]


def _next_cut(tx: Tx, tuning: Tuning, through: int, safe: int, wall: int) -> bool:
    """Handle the earliest cut in (through, safe] at which something happens."""
    _, catalogue = tx.versions.network()
    grid = tuning.planning.cut_seconds * SECOND
    turn = _review_turn(tuning)
    review = floor_to(through, turn) + turn
    moments = [review, tx.bridge.next_letter_at(), tx.bridge.next_stock_event_at()]
    cut = min([safe, *(max(through + grid, ceil_to(at, grid)) for at in moments if at is not None)])
    due = _due(tx, tuning, cut)
    if due is not None:  # before the forecasts are looked at: those after it are compared with what it will be based on
        cut = min(cut, max(due.at, through + grid))
    cut = _moved(tx, catalogue, tuning, through, cut)
    apply_due(tx, catalogue, cut, wall)
    due = _due(tx, tuning, cut)
    taken = due.signals if due and due.at <= cut else ()
    urgent = {signal.group for signal in taken if signal.kind is SignalKind.SPIKE}
    others = {signal.group for signal in taken} - urgent
    reviewed = _reviewed(tx, catalogue, tuning, cut) - urgent if cut == review else set()
    for rank, groups in enumerate((urgent, others | reviewed)):
        if groups:
            mine = [signal for signal in taken if signal.group in groups]
            reasons = sorted({f"{signal.kind}: {signal.subject or signal.group}" for signal in mine})
            reasons += ["review"] if groups & (reviewed - others) else []
            _ask(tx, tuning, cut, rank, sorted(groups), reasons, mine, wall)
    tx.signals.set_planned_through(cut)
    return cut < safe or bool(urgent or others or reviewed)


_REVIEW_TURNS = 10
"""Groups take turns within the time between two reviews, so that a review never holds a spike up for long."""


def _review_turn(tuning: Tuning) -> int:
    """Time between two turns, on the grid of the cuts."""
    grid = tuning.planning.cut_seconds * SECOND
    return max(grid, floor_to(tuning.planning.review_minutes * MINUTE // _REVIEW_TURNS, grid))


def _due(tx: Tx, tuning: Tuning, through: int) -> _Due | None:
    """The earliest cut at which open signals are due, and the signals due then; a group rests between two plans."""
    signals = tx.signals.open(through)
    if not signals:
        return None
    grid, planning = tuning.planning.cut_seconds * SECOND, tuning.planning
    cuts = tx.signals.group_cuts({signal.group for signal in signals})

    def due_at(signal: Signal) -> int:
        rest = planning.moved_rest_seconds if signal.kind is SignalKind.MOVED else planning.debounce_seconds
        last = cuts[signal.group].cut + rest * SECOND if signal.group in cuts else 0
        return ceil_to(max(signal.at, last), grid)

    first = min(due_at(signal) for signal in signals)
    planned = {
        signal.group for signal in signals if due_at(signal) <= first
    }  # a plan answers all that its group has asked
    return _Due(first, tuple(signal for signal in signals if signal.group in planned and signal.at <= first))


def _moved(tx: Tx, catalogue: Catalogue, tuning: Tuning, through: int, cut: int) -> int:
    """Turn forecasts that moved enough since the basis of the group's last plan into signals; return the first cut."""
    grid = tuning.planning.cut_seconds * SECOND
    forecasts = tx.world.forecasts_between(through, cut)
    groups = {catalogue.group_of[f.sku] for f in forecasts if f.sku in catalogue.group_of}
    basis = {group: last.basis for group, last in tx.signals.group_cuts(groups).items()}
    for forecast in forecasts:
        if forecast.as_of > cut:
            break
        group = catalogue.group_of.get(forecast.sku)
        if group is None or not _has_moved(catalogue, tuning, forecast, basis.get(group, {})):
            continue
        signal = Signal(
            signal=derive("signal", SignalKind.MOVED, forecast.session, forecast.sku, forecast.as_of),
            kind=SignalKind.MOVED,
            group=group,
            at=forecast.as_of,
            subject=f"{forecast.sku} in {forecast.session}",
        )
        tx.signals.add([signal])
        cut = min(cut, max(through + grid, ceil_to(forecast.as_of, grid)))
    return cut


def _has_moved(catalogue: Catalogue, tuning: Tuning, forecast: SessionForecast, basis: Mapping[str, float]) -> bool:
    known = basis.get(f"{forecast.session}|{forecast.sku}")
    if known is None:
        session = catalogue.sessions.get(forecast.session)
        item = session.item(forecast.sku) if session else None
        known = item.expected_orders * item.basket if item else 0.0
    change = abs(forecast.total - known)
    return change >= max(tuning.forecast.moved_pieces, tuning.forecast.moved_share * max(known, 1.0))


def _reviewed(tx: Tx, catalogue: Catalogue, tuning: Tuning, cut: int) -> set[str]:
    """Groups that are looked at at a review: those of the sessions on air that no other reason has planned since the last."""
    if not tuning.planning.review_on_air:
        return set()
    on_air = {
        catalogue.group_of[item.sku]
        for session in catalogue.sessions.values()
        if session.starts_at <= cut < session.ends_at
        for item in session.items
        if item.sku in catalogue.group_of
    }
    since = cut - tuning.planning.review_minutes * MINUTE
    turn = cut // _review_turn(tuning) % _REVIEW_TURNS
    mine = {group for group in on_air if int(derive("review", group)[:8], 16) % _REVIEW_TURNS == turn}
    return mine - {group for group, last in tx.signals.group_cuts(mine).items() if last.cut > since}


def _ask(
    tx: Tx,
    tuning: Tuning,
    cut: int,
    rank: int,
    groups: Sequence[str],
    reasons: Sequence[str],
    signals: Iterable[Signal],
    wall: int,
) -> PlanRequest:
    """Store a request, bind its signals to it and remember what its groups were planned on."""
    names = tuple(sorted(signal.signal for signal in signals))
    name = f"{rank}-{derive('request', cut, *groups, *reasons)}"  # of one cut, the lower rank is answered first
    request = PlanRequest(name, cut, tuple(groups), tuple(reasons), names)
    tx.signals.add_request(request, wall)
    tx.signals.handled(names, request.request, wall)
    _, catalogue = tx.versions.network()
    for group in groups:
        rows = tx.world.forecasts(catalogue.groups.get(group, ()), cut)
        basis = {f"{row.session}|{row.sku}": round(row.total, 3) for row in rows if row.ends_at > cut}
        tx.signals.set_group_cut(group, GroupCut(cut, basis))
    return request


def ask(store: Store, *, groups: Sequence[str] | None, actor: Actor, reason: str, wall: WallClock) -> PlanRequest:
    """Ask for a plan now, at the cut everything was looked at for; all groups when none is named.

    Raises
    ------
    NotFoundError
        If a group or SKU is unknown.
    ConflictError
        If nothing was ever received, so that there is no cut to plan at.
    """
    with store.write() as tx:
        tx.signals.alone()
        _, catalogue = tx.versions.network()
        cut = tx.signals.planned_through()
        if cut is None:
            raise ConflictError("no business time yet: no partition has been read", way_out="start `supplychain serve`")
        chosen = sorted({group_of(catalogue, name) for name in groups} if groups else set(catalogue.groups))
        request = PlanRequest(
            derive("request", "manual", cut, wall(), *chosen), cut, tuple(chosen), (f"manual: {reason or actor.name}",)
        )
        tx.signals.add_request(request, wall())
        tx.audit.append(
            actor=actor.name,
            action="plan.request",
            subject=request.request,
            at=cut,
            wall=wall(),
            reason=reason,
            detail={"groups": len(chosen)},
        )
        return request


def group_of(catalogue: Catalogue, name: str) -> str:
    """Return the planning group of a SKU; raises `NotFoundError` for one that is unknown."""
    if name not in catalogue.group_of:
        raise NotFoundError(f"unknown SKU {name!r}", way_out="`supplychain network show` lists them", sku=name)
    return catalogue.group_of[name]
