"""What a running session will still sell of one item, per region and period: the tempered gamma-Poisson forecaster.

This runs inside the stream, once per item and chunk, so it is closed form, allocation-light and resumable. How to call it::

    curve = exposure_curve(run_of_show, sku, effects)              # once per session and item (module `exposure`)
    prior = SessionPrior(rate=orders_expected / curve.total, shape=1.5, kappa=0.5, dispersion=2.0,
                         regions=("CN-ZJ", "CN-GD"), shares=(0.6, 0.4))
    item = SessionForecaster(prior, curve)
    item.advance(now_ms, pace=room.now)                            # exposure has passed (pace: audience over plan)
    item.observe("CN-ZJ", orders=3, units=4)                       # paid, gross
    item.stock_out(now_ms) / item.restocked(now_ms)                # censors the minutes between
    left = item.forecast(now_ms, pace_ahead=room.ahead(), lifts=(spike_lift,))
    left.units                                                     # Moments: mean and variance of remaining pieces
    left.regions()                                                 # {"CN-ZJ": Moments, ...}
    left.periods(edges_ms, due_lag_ms=0)                           # {"CN-ZJ": (Moments per period of T+1 edges), ...}
    state = item.snapshot(); SessionForecaster.resume(prior, curve, state)

Before the first sale `forecast(start_ms)` is the prior of an announced session, offers included. Quantiles come from
`quantiles.quantiles(moments.mean, moments.variance, q)`; rooms are added with `moments.total`. Everything is gross;
`returns` makes it net.

Source
------
Gamma-Poisson learning of demand (Bitran and Wadhwa 1996); sales censored by stock-out (Berk, Gürler and Levine 2007). With
A and B the exposure past and ahead at the prior rate, n orders so far, and tempering kappa:
E[R] = B (a + kappa n) / (a + kappa A), and R is negative binomial of size a + kappa n.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from supplychain.forecasting.exposure import ExposureCurve, SpikeLift
from supplychain.forecasting.moments import Moments

STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class SessionPrior:
    """What is believed of one item before its session opens.

    Parameters
    ----------
    rate
        Expected orders per unit of exposure.
    shape
        Shape of the gamma prior on the item's appeal in this session; its coefficient of variation is `shape ** -0.5`.
    kappa
        Tempering in [0, 1]: the weight of one observed order. 0 never learns; 1 trusts each order as independent.
    dispersion
        Variance over mean of orders in a short slot beyond what appeal explains, at least 1.
    future_cv
        Coefficient of variation of the exposure of a whole session ahead (audience, changes of the run of show); it shrinks with
        the root of the share that is left.
    widths
        (elapsed share of the session, factor on the variance of what is left), growing; between them in a straight line.
    basket_mean, basket_square
        Mean and mean square of pieces per order.
    basket_weight
        Orders the basket prior counts for.
    regions, shares, region_weight
        Regions with their expected shares (normalised here) and the orders those shares count for.

    Raises
    ------
    ValueError
        When a number is outside its range, or regions and shares differ in length.
    """

    rate: float
    shape: float = 1.5
    kappa: float = 0.5
    dispersion: float = 1.0
    future_cv: float = 0.0
    widths: tuple[tuple[float, float], ...] = ()
    basket_mean: float = 1.0
    basket_square: float = 1.0
    basket_weight: float = 20.0
    regions: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    region_weight: float = 50.0

    def __post_init__(self) -> None:
        in_range = (
            0.0 <= self.rate < math.inf
            and 0.0 < self.shape < math.inf
            and 0.0 <= self.kappa <= 1.0
            and 1.0 <= self.dispersion < math.inf
            and 0.0 <= self.future_cv < math.inf
            and all(0.0 < factor < math.inf for _, factor in self.widths)
            and 0.0 < self.basket_mean <= self.basket_square**0.5 * (1.0 + 1e-9) < math.inf
            and self.basket_weight > 0.0
            and self.region_weight > 0.0
        )
        if not in_range:
            raise ValueError(f"a number of the session prior is outside its range: {self}")
        if len(self.regions) != len(self.shares) or len(set(self.regions)) != len(self.regions):
            raise ValueError("regions are distinct and have one share each")
        if self.shares:
            whole = sum(self.shares)
            if not (all(share >= 0.0 for share in self.shares) and 0.0 < whole < math.inf):
                raise ValueError("region shares are not negative and not all zero")
            object.__setattr__(self, "shares", tuple(share / whole for share in self.shares))

    def width(self, elapsed: float) -> float:
        """Factor on the variance when a share of the session is over."""
        before, factor = self.widths[0] if self.widths else (0.0, 1.0)
        for at, after in self.widths:
            if elapsed < at:
                return factor + (after - factor) * (elapsed - before) / (at - before) if at > before else factor
            before, factor = at, after
        return factor


def remaining_orders(past: float, rest: float, sold: float, elapsed: float, prior: SessionPrior) -> Moments:
    """Moments of the orders still to come.

    Parameters
    ----------
    past, rest
        Expected orders at the prior rate over the uncensored past, and over what is left.
    sold
        Orders seen in the uncensored past.
    elapsed
        Share of the session that is over.

    Source
    ------
    Module docstring; the variance adds minute dispersion and the uncertainty of the exposure ahead to the negative binomial.
    """
    mean, relative = _posterior(past, rest, sold, prior)
    return Moments(mean, prior.width(elapsed) * (prior.dispersion * mean + relative * mean * mean))


def _posterior(past: float, rest: float, sold: float, prior: SessionPrior) -> tuple[float, float]:
    """Mean of the remaining orders and the squared coefficient of variation that all of them share."""
    size = prior.shape + prior.kappa * sold
    mean = rest * size / (prior.shape + prior.kappa * past)
    ahead = prior.future_cv * prior.future_cv * rest / max(past + rest, 1e-12)
    return mean, (1.0 + 1.0 / size) * (1.0 + ahead) - 1.0


@dataclass(frozen=True, slots=True)
class SessionForecast:
    """Orders and pieces a session is still to sell of one item, gross.

    `regions` and `periods` split the same total: means add up to it exactly; variances do not, since the item's appeal is
    common to all regions and periods.
    """

    at_ms: int
    orders: Moments
    units: Moments
    _shared: float
    _dispersion: float
    _basket: tuple[float, float]
    _names: tuple[str, ...]
    _shares: tuple[float, ...]
    _concentration: float
    _rest: float
    _curve: ExposureCurve
    _lifts: tuple[SpikeLift, ...]

    def regions(self) -> dict[str, Moments]:
        """Remaining pieces per region."""
        return {
            name: self._in_region(self.orders, share) for name, share in zip(self._names, self._shares, strict=True)
        }

    def periods(self, edges_ms: Sequence[int], due_lag_ms: int = 0) -> dict[str, tuple[Moments, ...]]:
        """Remaining pieces per region and period.

        Parameters
        ----------
        edges_ms
            T+1 UTC boundaries of the planning periods.
        due_lag_ms
            From a sale to the time its pieces are due (promised ship-by).

        Returns
        -------
        dict
            Region to T moments. What falls outside the boundaries is left out.
        """
        by_period = [self._orders_between(a - due_lag_ms, b - due_lag_ms) for a, b in pairwise(edges_ms)]
        return {
            name: tuple(self._in_region(orders, share) for orders in by_period)
            for name, share in zip(self._names, self._shares, strict=True)
        }

    def _orders_between(self, start_ms: int, end_ms: int) -> Moments:
        start_ms = max(start_ms, self.at_ms)
        exposure = self._curve.between(start_ms, end_ms) if end_ms > start_ms else 0.0
        for lift in self._lifts:
            exposure += lift.ahead(self._curve, start_ms, end_ms, self.at_ms) if end_ms > start_ms else 0.0
        mean = self.orders.mean * exposure / self._rest if self._rest > 0.0 else 0.0
        return Moments(mean, self._dispersion * mean + self._shared * mean * mean)

    def _in_region(self, orders: Moments, share: float) -> Moments:
        """Moments of the pieces of a region: `Moments.thinned` by an uncertain share, then `compounded`, in one step."""
        mean, variance, other = orders.mean, orders.variance, share * (1.0 - share)
        pairs = max(0.0, variance + mean * mean - mean)
        thinned = share * share * variance + other * (mean + pairs / (self._concentration + 1.0))
        size, square = self._basket
        within = max(0.0, square - size * size)
        return Moments(share * mean * size, share * mean * within + thinned * size * size)


@dataclass(frozen=True, slots=True)
class SessionState:
    """What is kept of one item of one session: five numbers and a count per region, well under a kilobyte."""

    version: int
    seen_ms: int
    in_stock: bool
    past_exposure: float
    orders: int
    units: int
    basket_orders: int
    by_region: tuple[int, ...]


class SessionForecaster:
    """One item of one running session. Mutable, single-threaded, resumable from `snapshot`."""

    __slots__ = (
        "_by_region",
        "_index",
        "basket_orders",
        "curve",
        "in_stock",
        "orders",
        "past_exposure",
        "prior",
        "seen_ms",
        "units",
    )

    def __init__(self, prior: SessionPrior, curve: ExposureCurve) -> None:
        self.prior = prior
        self.curve = curve
        self.seen_ms = curve.edges_ms[0]
        self.in_stock = True
        self.past_exposure = 0.0
        self.orders = 0
        self.units = 0
        self.basket_orders = 0
        self._by_region = [0] * len(prior.regions)
        self._index = {name: i for i, name in enumerate(prior.regions)}

    def advance(self, at_ms: int, pace: float = 1.0) -> None:
        """Let business time pass to `at_ms`; exposure counts only while there was stock. Going back changes nothing.

        Parameters
        ----------
        pace
            Realised over planned audience effect since the last call, finite and not negative.
        """
        if at_ms <= self.seen_ms:
            return
        if not 0.0 <= pace < math.inf:
            raise ValueError(f"pace is finite and not negative: {pace}")
        if self.in_stock:
            self.past_exposure += pace * self.curve.between(self.seen_ms, at_ms)
        self.seen_ms = at_ms

    def observe(self, region: str, orders: int, units: int) -> bool:
        """Count paid orders with their pieces. False when the region is not one of the prior's: counted without a region.

        Orders taken while out of stock (pre-sale, back-order) teach baskets and regions but not the rate, since their
        minutes are not in the exposure either.
        """
        if orders < 0 or units < 0:
            raise ValueError("gross counts only grow: cancellations are learned elsewhere")
        if self.in_stock:
            self.orders += orders
        self.basket_orders += orders
        self.units += units
        index = self._index.get(region)
        if index is None:
            return False
        self._by_region[index] += orders
        return True

    def stock_out(self, at_ms: int, pace: float = 1.0) -> None:
        """From `at_ms` on nothing could be bought: the minutes teach nothing until `restocked`."""
        self.advance(at_ms, pace)
        self.in_stock = False

    def restocked(self, at_ms: int) -> None:
        """The item can be bought again from `at_ms` on."""
        self.advance(at_ms)
        self.in_stock = True

    def advance_past(self, at_ms: int, pace: float, empty: Sequence[tuple[int, int]]) -> None:
        """Let business time pass to `at_ms` as `advance` does, with the stretches in which nothing could be bought left out.

        Parameters
        ----------
        empty
            (from, to), in order of time; they may overlap.
        """
        for start, end in empty:
            if end > self.seen_ms and start < at_ms:
                self.stock_out(start, pace)
                self.restocked(min(end, at_ms))
        self.advance(at_ms, pace)

    def forecast(self, at_ms: int, pace_ahead: float = 1.0, lifts: Sequence[SpikeLift] = ()) -> SessionForecast:
        """Demand from `at_ms` to the end of the session, stock or no stock.

        Parameters
        ----------
        pace_ahead
            Expected over planned audience effect for the rest.
        lifts
            Spikes of this item: they explain past sales by an event and raise the next minutes while they run.
        """
        prior, curve = self.prior, self.curve
        past = self.past_exposure
        rest = curve.between(at_ms, curve.edges_ms[-1])
        for lift in lifts:
            past += lift.past(curve, at_ms)
            rest += lift.ahead(curve, at_ms, curve.edges_ms[-1], at_ms)
        mean, shared = _posterior(prior.rate * past, prior.rate * pace_ahead * rest, self.orders, prior)
        start, end = curve.edges_ms[0], curve.edges_ms[-1]
        width = prior.width((at_ms - start) / (end - start))
        shared, dispersion = width * shared, width * prior.dispersion
        orders = Moments(mean, dispersion * mean + shared * mean * mean)
        basket = self._basket()
        shares, concentration = self._shares()
        return SessionForecast(
            at_ms,
            orders,
            orders.compounded(*basket),
            shared,
            dispersion,
            basket,
            prior.regions,
            shares,
            concentration,
            rest,
            curve,
            tuple(lifts),
        )

    def _basket(self) -> tuple[float, float]:
        """Mean and mean square of pieces per order; the coefficient of variation stays the prior's."""
        prior = self.prior
        mean = (prior.basket_weight * prior.basket_mean + self.units) / (prior.basket_weight + self.basket_orders)
        ratio = mean / prior.basket_mean
        return mean, prior.basket_square * ratio * ratio

    def _shares(self) -> tuple[tuple[float, ...], float]:
        """Expected regional shares and how many orders they rest on: tempered Dirichlet counts on the prior's shares."""
        prior = self.prior
        weight, kappa = prior.region_weight, prior.kappa
        whole = weight + kappa * sum(self._by_region)
        seen = zip(prior.shares, self._by_region, strict=True)
        return tuple((weight * share + kappa * count) / whole for share, count in seen), whole

    def snapshot(self) -> SessionState:
        """The state to be stored with the offset of the chunk that made it."""
        return SessionState(
            STATE_VERSION,
            self.seen_ms,
            self.in_stock,
            self.past_exposure,
            self.orders,
            self.units,
            self.basket_orders,
            tuple(self._by_region),
        )

    @classmethod
    def resume(cls, prior: SessionPrior, curve: ExposureCurve, state: SessionState) -> SessionForecaster:
        """The forecaster as it was at `snapshot`.

        Raises
        ------
        ValueError
            When the state is of another version or of other regions than the prior's.
        """
        if state.version != STATE_VERSION or len(state.by_region) != len(prior.regions):
            raise ValueError("the stored session state does not fit this prior")
        item = cls(prior, curve)
        item.seen_ms, item.in_stock, item.past_exposure = state.seen_ms, state.in_stock, state.past_exposure
        item.orders, item.units, item.basket_orders = state.orders, state.units, state.basket_orders
        item._by_region = list(state.by_region)
        return item
