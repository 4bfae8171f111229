"""One demand path per item, region and due period: accepted orders, the rest of running sessions, announced sessions, shelf.

Everything is net of expected losses. Accepted orders are dated by their promised ship-by and may be late at a cost; only
future demand can be lost. Moments of several rooms are added before they become quantiles. Announced and running sessions
are no part of the shelf baseline, and what a session has sold already is accepted, not forecast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from supplychain.domain.network import Channel, Session, SessionItem
from supplychain.domain.units import DAY
from supplychain.forecasting.exposure import ExposureCurve
from supplychain.forecasting.moments import NOTHING, Moments
from supplychain.forecasting.quantiles import capped
from supplychain.forecasting.session_model import SessionModel
from supplychain.planning.baseline import Baseline
from supplychain.planning.calendar import Axis, business_day
from supplychain.planning.net_demand import NetDemand
from supplychain.planning.open_orders import OpenOrder, open_orders
from supplychain.planning.view import View

Key = tuple[str, str, int]
"""Item, region, due period."""


@dataclass(slots=True)
class DemandPath:
    """The demand of some items along an axis. Pieces; moments are of net demand.

    `accepted` are open pieces of orders paid (net), `live` and `shelf` the future by channel. `gross` keeps what the losses
    were taken off, per key, for the explanation. `returns` are expected sellable returns by (item, region, period).
    """

    accepted: dict[Key, float] = field(default_factory=lambda: defaultdict(float))
    live: dict[Key, Moments] = field(default_factory=dict)
    shelf: dict[Key, Moments] = field(default_factory=dict)
    gross: dict[Key, float] = field(default_factory=lambda: defaultdict(float))
    returns: dict[Key, float] = field(default_factory=lambda: defaultdict(float))

    def add_future(self, key: Key, channel: Channel, gross: Moments, net: Moments) -> None:
        """Add future demand, gross and net of losses."""
        part = self.live if channel is Channel.LIVE else self.shelf
        part[key] = part.get(key, NOTHING) + net
        self.gross[key] += gross.mean

    def whole_returns(self) -> dict[tuple[str, int], int]:
        """Return whole sellable pieces back by item and period, over all regions: a fraction waits for its period."""
        sums: dict[tuple[str, int], float] = defaultdict(float)
        for (item, _region, period), pieces in self.returns.items():
            sums[item, period] += pieces
        found: dict[tuple[str, int], int] = {}
        carry: dict[str, float] = defaultdict(float)
        for (item, period), pieces in sorted(sums.items()):
            exact = carry[item] + pieces
            if exact >= 1.0:
                found[item, period] = int(exact)
            carry[item] = exact - int(exact)
        return found


@dataclass(frozen=True, slots=True)
class _Making:
    """A path under construction with what it is made from."""

    view: View
    grid: Axis
    path: DemandPath
    net: NetDemand
    model: SessionModel
    orders: list[OpenOrder]


def demand_path(view: View, grid: Axis, baseline: Baseline) -> DemandPath:
    """Build the path of every item of a view.

    Parameters
    ----------
    baseline
        Expected gross pieces per business day on the shelf by (SKU, region), sessions taken out.
    """
    taught = view.lessons.session if view.lessons else None
    model = SessionModel(view.catalogue, view.tuning.forecast, taught)
    making = _Making(view, grid, DemandPath(), NetDemand(view), model, open_orders(view.accepted))
    _accepted(making)
    _running(making)
    _announced(making)
    _shelf(making, baseline)
    return making.path


def _accepted(making: _Making) -> None:
    """Open orders: paid less cancelled less shipped (oldest due first), less the cancellations still expected."""
    view, grid, path = making.view, making.grid, making.path
    shipped = dict(view.shipped)
    for order in making.orders:
        kept = making.net.accepted(order)
        for item, pieces in _parts(view, order.sku, order.open):
            gone = min(pieces, shipped.get((item, order.region), 0))
            shipped[item, order.region] = shipped.get((item, order.region), 0) - gone
            if pieces - gone <= 0:
                continue
            key = (item, order.region, min(grid.period(order.due), grid.periods - 1))
            path.accepted[key] += (pieces - gone) * kept
            path.gross[key] += pieces - gone
        leaving = order.out * (kept if order.due > view.cut else 1.0)
        _returning(making, order.sku, order.session, order.region, leaving, order.due)


def _returning(making: _Making, sku: str, session_id: str, region: str, pieces: float, shipped: int) -> None:
    """Sellable pieces expected back, from pieces that leave or have left at a moment."""
    if pieces <= 0.0:
        return
    for period, per_piece in making.net.coming_back(sku, session_id, shipped, making.grid.boundaries):
        for item, parts in _shares(making.view, sku):
            making.path.returns[item, region, period] += pieces * per_piece * parts


def _running(making: _Making) -> None:
    """What running sessions will still sell: moments per region from the stream, dated by the run of show that is left."""
    view = making.view
    for forecast in view.forecasts:
        if forecast.ends_at <= view.cut:
            continue
        planned = making.model.plan(forecast.session, forecast.sku)
        # orders between the forecast and the cut are accepted already: only what is left of its time is still to come
        if planned is not None and planned[1].between(forecast.as_of, forecast.ends_at) > 0.0:
            slots = _slots(making, planned[1], forecast.as_of, forecast.sku, forecast.session)
        else:
            middle = (view.cut + forecast.ends_at) // 2 + making.net.ship_within(forecast.sku, forecast.session)
            left = min(1.0, (forecast.ends_at - view.cut) / max(1, forecast.ends_at - forecast.as_of))
            slots = [(min(making.grid.period(middle), making.grid.periods - 1), left)]
        rest = {region: Moments(*moments) for region, moments in forecast.rest.items()}
        _live(making, forecast.session, forecast.sku, rest, slots)


def _announced(making: _Making) -> None:
    """Later sessions of the schedule, and running ones that have sold nothing yet, from their prior.

    Orders accepted for a session before it opens (pre-sale) use up its forecast.
    """
    view = making.view
    seen = {(forecast.session, forecast.sku) for forecast in view.forecasts}
    for session, item in _ahead(making):
        if (session.session, item.sku) in seen:
            continue
        planned = making.model.plan(session.session, item.sku)
        opening = making.model.forecast(session.session, item.sku, session.starts_at)
        if planned is None or opening is None or opening.units.mean <= 0.0:
            continue
        unsold = max(0.0, 1.0 - _sold(making, session.session, item.sku) / opening.units.mean)
        rest = {region: moments.scaled(unsold) for region, moments in opening.regions().items()}
        slots = _slots(making, planned[1], session.starts_at, item.sku, session.session)
        _live(making, session.session, item.sku, rest, slots)


def _sold(making: _Making, session_id: str, sku: str) -> int:
    return sum(order.gross for order in making.orders if order.session == session_id and order.sku == sku)


def _slots(making: _Making, curve: ExposureCurve, start: int, sku: str, session_id: str) -> list[tuple[int, float]]:
    """Due periods and the share of the exposure from `start` to the end that falls on each, after the cut."""
    grid, wait = making.grid, making.net.ship_within(sku, session_id)
    whole = curve.between(start, curve.edges_ms[-1])
    if whole <= 0.0:
        return []
    last = grid.periods - 1
    first = grid.period(max(making.view.cut, start) + wait)
    shares: dict[int, float] = defaultdict(float)
    for period in range(min(first, last), grid.periods):
        low = max(making.view.cut, start, grid.boundaries[period] - wait if period > first else start)
        high = curve.edges_ms[-1] if period == last else min(curve.edges_ms[-1], grid.boundaries[period + 1] - wait)
        if high > low:
            shares[period] += curve.between(low, high) / whole
        if high >= curve.edges_ms[-1]:
            break
    return sorted((period, share) for period, share in shares.items() if share > 0.0)


def _live(
    making: _Making, session_id: str, sku: str, rest: Mapping[str, Moments], slots: list[tuple[int, float]]
) -> None:
    """Add what a session still sells: regions times slots, within its cap, net of losses, with what comes back of it."""
    view = making.view
    keep_mean, keep_variance = _within_cap(making, session_id, sku, rest)
    for region, moments in sorted(rest.items()):
        for period, share in slots:
            part = Moments(moments.mean * keep_mean, moments.variance * keep_variance).part(share)
            net = making.net.future(part, sku, session_id)
            for item, pieces in _shares(view, sku):
                key = (item, region, period)
                making.path.add_future(key, Channel.LIVE, part.scaled(pieces), net.scaled(pieces))
            _returning(making, sku, session_id, region, net.mean, making.grid.boundaries[period + 1])


def _within_cap(making: _Making, session_id: str, sku: str, rest: Mapping[str, Moments]) -> tuple[float, float]:
    """Factors on mean and variance that a sale cap leaves of the demand."""
    session = making.view.catalogue.sessions.get(session_id)
    item = session.item(sku) if session else None
    record = making.view.catalogue.skus.get(sku)
    caps = [cap for cap in (item.cap if item else None, record.sale_cap_session if record else None) if cap is not None]
    mean, variance = (sum(getattr(moments, name) for moments in rest.values()) for name in ("mean", "variance"))
    if not caps or mean <= 0.0 or variance <= 0.0:
        return 1.0, 1.0
    cut = capped(Moments(mean, variance), max(0, min(caps) - _sold(making, session_id, sku)))
    return cut.mean / mean, cut.variance / variance


def _ahead(making: _Making) -> Iterator[tuple[Session, SessionItem]]:
    view, wanted = making.view, set(making.view.skus)
    for session in sorted(view.catalogue.sessions.values(), key=lambda s: (s.starts_at, s.session)):
        if view.cut < session.ends_at and session.starts_at < making.grid.end:
            yield from ((session, item) for item in session.items if item.sku in wanted)


def _shelf(making: _Making, baseline: Baseline) -> None:
    """The shelf: the forecast of each day spread over its periods by their length.

    What a day varies beyond Poisson is common to all its hours, so it falls with the square of a period's share.
    """
    view, grid = making.view, making.grid
    wanted = set(view.skus)
    today = business_day(view.cut, view.catalogue.zone)
    lengths = [(end - start) / DAY for start, end in pairwise(grid.boundaries)]
    for (sku, region), demand in sorted(baseline.items()):
        if sku not in wanted:
            continue
        days = [demand.on(today + day) for day in range(max(grid.day, default=-1) + 1)]
        shares = _shares(view, sku)
        for period, length in enumerate(lengths):
            day = days[grid.day[period]]
            if day.mean <= 0.0:
                continue
            mean = day.mean * length
            gross = Moments(mean, mean + max(0.0, day.variance - day.mean) * length * length)
            net = making.net.future(gross, sku)
            for part, pieces in shares:
                making.path.add_future((part, region, period), Channel.SHELF, gross.scaled(pieces), net.scaled(pieces))


def _parts(view: View, sku: str, pieces: int) -> Iterable[tuple[str, int]]:
    return [(part.sku, part.pieces * pieces) for part in view.catalogue.exploded(sku)]


def _shares(view: View, sku: str) -> Iterable[tuple[str, int]]:
    return [(part.sku, part.pieces) for part in view.catalogue.exploded(sku)]
