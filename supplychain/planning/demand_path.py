"""One demand path per item, region and due period: accepted orders, the rest of running sessions, announced sessions, shelf.

Everything is net of expected cancellations. Accepted orders are dated by their promised ship-by and may be late at a
cost; only future demand can be lost. Moments of several rooms are added before they become quantiles. Announced and
running sessions are no part of the shelf baseline, and what a session has sold already is accepted, not forecast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from supplychain.domain.network import Channel, Session, SessionItem
from supplychain.domain.units import DAY, MINUTE
from supplychain.forecasting.moments import Moments
from supplychain.planning.calendar import Axis
from supplychain.planning.view import View

Key = tuple[str, str, int]
"""Item, region, due period."""


@dataclass(slots=True)
class DemandPath:
    """The demand of some items along an axis. Pieces; moments are of net demand.

    `accepted` are open pieces of orders paid (net), `live` and `shelf` the future by channel. `gross` and `lost` keep what
    was taken off, per key, for the explanation. `inflow` are expected sellable returns by (item, region, period).
    """

    accepted: dict[Key, float] = field(default_factory=lambda: defaultdict(float))
    live: dict[Key, Moments] = field(default_factory=dict)
    shelf: dict[Key, Moments] = field(default_factory=dict)
    gross: dict[Key, float] = field(default_factory=lambda: defaultdict(float))
    returns: dict[Key, float] = field(default_factory=lambda: defaultdict(float))

    def add_future(self, key: Key, channel: Channel, gross: Moments, kept: float) -> None:
        """Add future gross demand of which the share `kept` remains after cancellations."""
        part = self.live if channel is Channel.LIVE else self.shelf
        part[key] = part.get(key, Moments(0.0, 0.0)) + gross.scaled(kept)
        self.gross[key] += gross.mean


def demand_path(view: View, grid: Axis, baseline: Mapping[tuple[str, str], float]) -> DemandPath:
    """Build the path of every item of a view.

    Parameters
    ----------
    baseline
        Expected gross pieces per day on the shelf by (SKU, region), sessions taken out.
    """
    path = DemandPath()
    _accepted(view, grid, path)
    _running(view, grid, path)
    _announced(view, grid, path)
    _shelf(view, grid, path, baseline)
    return path


def _accepted(view: View, grid: Axis, path: DemandPath) -> None:
    """Open orders: paid less cancelled less shipped (oldest due first), less the cancellations still expected."""
    tuning = view.tuning.forecast
    shipped = dict(view.shipped)
    for row in sorted(view.accepted, key=lambda r: (r.due, r.session, r.sku, r.region, r.channel)):
        seen = row.cancelled / row.gross if row.gross else 0.0
        ahead = max(0.0, tuning.cancelled_share - seen) / max(1e-9, 1.0 - min(seen, 0.99))
        for item, pieces in _parts(view, row.sku, row.gross - row.cancelled):
            gone = min(pieces, shipped.get((item, row.region), 0))
            shipped[item, row.region] = shipped.get((item, row.region), 0) - gone
            if pieces - gone <= 0:
                continue
            key = (item, row.region, min(grid.period(row.due), grid.periods - 1))
            path.accepted[key] += (pieces - gone) * (1.0 - min(1.0, ahead))
            path.gross[key] += pieces - gone
        for item, pieces in _parts(view, row.sku, row.gross):
            _returning(view, grid, path, (item, row.region), float(pieces), row.due)


def _returning(view: View, grid: Axis, path: DemandPath, place: tuple[str, str], gross: float, due: int) -> None:
    tuning = view.tuning.forecast
    period = grid.period(due + tuning.return_days * DAY)
    if 0 < period < grid.periods:
        path.returns[*place, period] += gross * tuning.returned_share * tuning.resellable_share


def _running(view: View, grid: Axis, path: DemandPath) -> None:
    """What running sessions will still sell: moments per region from the stream, added over rooms."""
    kept = 1.0 - view.tuning.forecast.cancelled_share
    for forecast in view.forecasts:
        if forecast.ends_at <= view.cut:
            continue
        session = view.catalogue.sessions.get(forecast.session)
        item = session.item(forecast.sku) if session else None
        lag = (item.ship_within_minutes if item else 48 * 60) * MINUTE
        period = min(grid.period((view.cut + forecast.ends_at) // 2 + lag), grid.periods - 1)
        # orders between the forecast and the cut are accepted already: only what is left of its time is still to come
        left = min(1.0, (forecast.ends_at - view.cut) / max(1, forecast.ends_at - forecast.as_of))
        for region, (mean, variance) in forecast.rest.items():
            for part, pieces in _shares(view, forecast.sku):
                gross = Moments(left * mean * pieces, left * variance * pieces * pieces)
                path.add_future((part, region, period), Channel.LIVE, gross, kept)


def _announced(view: View, grid: Axis, path: DemandPath) -> None:
    """Later sessions of the schedule, and running ones that have sold nothing yet, from their prior."""
    tuning = view.tuning.forecast
    weights = {code: region.weight for code, region in sorted(view.catalogue.regions.items())}
    whole = sum(weights.values()) or 1.0
    seen = {(forecast.session, forecast.sku) for forecast in view.forecasts}
    for session, item in _ahead(view, grid):
        if (session.session, item.sku) in seen:
            continue
        left = min(1.0, max(0.0, (session.ends_at - view.cut) / max(1, session.ends_at - session.starts_at)))
        mean = item.expected_orders * item.basket * left
        middle = (max(session.starts_at, view.cut) + session.ends_at) // 2
        period = min(grid.period(middle + item.ship_within_minutes * MINUTE), grid.periods - 1)
        for region, weight in weights.items():
            share = mean * weight / whole
            gross = Moments(share, tuning.dispersion * share + share * share / tuning.prior_shape)
            for part, pieces in _shares(view, item.sku):
                key = (part, region, period)
                path.add_future(key, Channel.LIVE, gross.scaled(pieces), 1.0 - tuning.cancelled_share)


def _ahead(view: View, grid: Axis) -> Iterator[tuple[Session, SessionItem]]:
    wanted = set(view.skus)
    for session in sorted(view.catalogue.sessions.values(), key=lambda s: (s.starts_at, s.session)):
        if view.cut < session.ends_at and session.starts_at < grid.end:
            yield from ((session, item) for item in session.items if item.sku in wanted)


def _shelf(view: View, grid: Axis, path: DemandPath, baseline: Mapping[tuple[str, str], float]) -> None:
    """The shelf: the prior's pieces per day spread over the periods by their length."""
    tuning = view.tuning.forecast
    wanted = set(view.skus)
    for (sku, region), per_day in sorted(baseline.items()):
        if sku not in wanted or per_day <= 0:
            continue
        for period in range(grid.periods):
            length = (grid.boundaries[period + 1] - grid.boundaries[period]) / DAY
            mean = per_day * length
            for part, pieces in _shares(view, sku):
                gross = Moments(mean * pieces, tuning.dispersion * mean * pieces * pieces)
                path.add_future((part, region, period), Channel.SHELF, gross, 1.0 - tuning.cancelled_share)


def _parts(view: View, sku: str, pieces: int) -> Iterable[tuple[str, int]]:
    return [(part.sku, part.pieces * pieces) for part in view.catalogue.exploded(sku)]


def _shares(view: View, sku: str) -> Iterable[tuple[str, int]]:
    return [(part.sku, part.pieces) for part in view.catalogue.exploded(sku)]
