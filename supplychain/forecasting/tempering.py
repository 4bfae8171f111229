"""How far a running session may move its own forecast: learned on past sessions, and safe where they hold no surprise.

An untempered update trusts every order as independent news. Where orders clump it makes forecasts worse than the prior. So
shape, tempering and spread are chosen on past sessions by the loss they would have had, and a tempering that would have lost to
the prior at any checkpoint is not taken at all. What a few parameters leave of a misfit over the time of a session, a split
conformal step takes away: at each checkpoint the spread is widened or narrowed until the interval held what it promised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from supplychain.forecasting.frames import Floats
from supplychain.forecasting.losses import pinball
from supplychain.forecasting.quantiles import quantiles

LEVELS = (0.1, 0.5, 0.9)
KAPPAS = (0.0, 0.03, 0.06, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
DISPERSIONS = (1.0, 1.5, 2.5, 4.0, 7.0)
SPREADS = (0.0, 0.15, 0.3, 0.45)
PROMISE = LEVELS[-1] - LEVELS[0]
UNCORRECTED = 40.0  # past items that a width of one counts for
NARROWEST, WIDEST = 0.3, 3.0
AFFORDED = 1.02  # what honest coverage may cost of the loss
MOST_SESSIONS = 2_000  # enough to tell tempering apart; more only costs time


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Past sessions as they stood at C checkpoints, S x C each.

    Parameters
    ----------
    past, rest
        Expected orders at the prior rate over the uncensored past and over what was left.
    sold, remaining
        Orders seen by then, and those that came after.
    elapsed
        C shares of the session that were over, growing.
    """

    past: Floats
    rest: Floats
    sold: Floats
    remaining: Floats
    elapsed: tuple[float, ...]

    def __post_init__(self) -> None:
        shapes = {self.past.shape, self.rest.shape, self.sold.shape, self.remaining.shape}
        if len(shapes) != 1 or self.past.shape[1:] != (len(self.elapsed),):
            raise ValueError("checkpoints differ in shape")


@dataclass(frozen=True, slots=True)
class Tempering:
    """Learned parameters of `SessionPrior`: shape, kappa, dispersion, future_cv, widths."""

    shape: float = 1.5
    kappa: float = 0.0
    dispersion: float = 1.0
    future_cv: float = 0.0
    widths: tuple[tuple[float, float], ...] = ()

    def moments(self, past: Floats, rest: Floats, sold: Floats, elapsed: ArrayLike) -> tuple[Floats, Floats]:
        """Mean and variance of the remaining orders: the array form of `session.remaining_orders`.

        Parameters
        ----------
        elapsed
            Share of the session that is over; it broadcasts against the others.
        """
        size = self.shape + self.kappa * sold
        mean = rest * size / (self.shape + self.kappa * past)
        ahead = self.future_cv**2 * rest / np.maximum(past + rest, 1e-12)
        shared = (1.0 + 1.0 / size) * (1.0 + ahead) - 1.0
        looks, factors = (np.array(part) for part in zip(*(self.widths or ((0.0, 1.0),)), strict=True))
        width = np.interp(np.asarray(elapsed, dtype=np.float64), looks, factors)
        return mean, width * (self.dispersion * mean + shared * mean**2)


def learn_shape(expected: Floats, orders: Floats) -> float:
    """Shape of the appeal of a category by moments: a = sum m^2 / sum((N - m)^2 - m), between 0.3 and 200."""
    excess = float(np.sum((orders - expected) ** 2 - expected))
    square = float(np.sum(expected**2))
    return float(np.clip(square / excess, 0.3, 200.0)) if excess > 0.0 and square > 0.0 else 200.0


def learn_tempering(seen: Checkpoints, shape: float, dispersion: float = 1.0, caution: float = 0.998) -> Tempering:
    """Choose kappa, dispersion and future spread by weighted quantile loss on past sessions.

    Parameters
    ----------
    shape, dispersion
        Starting values: `learn_shape`, and the minute dispersion of `learn_effects`.
    caution
        An update is taken only when it would have kept the loss at every checkpoint at or below this share of prior-only's,
        which is granted its own best spread.

    Returns
    -------
    Tempering
        With kappa 0 when no update passed.
    """
    if not seen.sold.size:
        return Tempering(shape=shape, dispersion=dispersion)
    if len(seen.sold) > MOST_SESSIONS:
        some = np.arange(MOST_SESSIONS) * len(seen.sold) // MOST_SESSIONS
        seen = Checkpoints(seen.past[some], seen.rest[some], seen.sold[some], seen.remaining[some], seen.elapsed)
    start = Tempering(shape, 0.0, dispersion, 0.0)
    alone = _best_spread(seen, start)
    floor = checkpoint_losses(seen, alone)
    found, lowest = alone, float(floor.sum())
    for kappa in KAPPAS[1:]:
        candidate = _best_spread(seen, replace(alone, shape=shape, kappa=kappa))
        losses = checkpoint_losses(seen, candidate)
        if float(losses.sum()) < lowest and bool(np.all(losses <= caution * floor + 1e-12)):
            found, lowest = candidate, float(losses.sum())
    return _widened(seen, _honest(seen, found, caution * floor + 1e-12), caution * floor + 1e-12)


def checkpoint_losses(seen: Checkpoints, tempering: Tempering) -> Floats:
    """Weighted quantile loss at each checkpoint, over all sessions."""
    return _judged(seen, tempering)[0]


def _judged(seen: Checkpoints, tempering: Tempering) -> tuple[Floats, Floats]:
    """Loss and coverage of the interval between the outer levels, at each checkpoint."""
    mean, variance = tempering.moments(seen.past, seen.rest, seen.sold, seen.elapsed)
    whole = np.maximum(seen.remaining.sum(axis=0), 1e-9)
    grid = quantiles(mean[..., None], variance[..., None], np.asarray(LEVELS))
    inside = (grid[..., 0] <= seen.remaining) & (seen.remaining <= grid[..., -1])
    parts = [pinball(seen.remaining, grid[..., i], level).sum(axis=0) for i, level in enumerate(LEVELS)]
    loss = np.sum(parts, axis=0)
    return np.asarray(2.0 * loss / len(LEVELS) / whole), np.asarray(inside.mean(axis=0))


def _honest(seen: Checkpoints, found: Tempering, floor: Floats) -> Tempering:
    """Among spreads that cost next to nothing, the one whose interval covers what it promises at every checkpoint.

    The loss is flat around its minimum, coverage is not. Only a learned update is adjusted: without one the spread is the
    prior's own. `floor` is the loss at each checkpoint that must still be kept.
    """
    if found.kappa == 0.0:
        return found
    limit, covered = _judged(seen, found)
    best, nearest = found, float(np.sum((covered - PROMISE) ** 2))
    for width, ahead, shape in product((0.35, 0.5, 0.75, 1.0, 1.3), (0.0, 0.08, 0.16, 0.25), (0.7, 0.85, 1.0)):
        trial = replace(
            found,
            dispersion=max(1.0, found.dispersion * width),
            future_cv=found.future_cv + ahead,
            shape=found.shape * shape,
        )
        losses, covered = _judged(seen, trial)
        miss = float(np.sum((covered - PROMISE) ** 2))
        cheap = float(losses.sum()) <= AFFORDED * float(limit.sum()) and bool(np.all(losses <= floor))
        if miss < nearest and cheap:
            best, nearest = trial, miss
    return best


def _widened(seen: Checkpoints, found: Tempering, floor: Floats) -> Tempering:
    """Scale the variance at each checkpoint until the interval held as many past sessions as it promises.

    Few past sessions move it little. A width that would have lost to the prior is not taken.

    Source
    ------
    Split conformal prediction (Papadopoulos et al. 2002, Lei et al. 2018) with the spread as scale: the promise is kept for
    ceil((n + 1) * coverage) of n; half a standard error is added, so that few past sessions make it wide rather than narrow. Orders
    are whole, so where few are left the interval holds more than it promises or, one piece narrower, less: the narrowest that
    holds enough is taken.
    """
    if found.kappa == 0.0:
        return found
    rows = len(seen.remaining)
    enough = min(1.0, np.ceil((rows + 1) * PROMISE) / rows + 0.5 * np.sqrt(PROMISE * (1.0 - PROMISE) / rows))
    low, high = np.full(len(seen.elapsed), np.log(NARROWEST)), np.full(len(seen.elapsed), np.log(WIDEST))

    def scaled(logs: Floats) -> Tempering:
        return replace(found, widths=tuple(zip(seen.elapsed, np.exp(logs).tolist(), strict=True)))

    for _ in range(9):
        middle = (low + high) / 2.0
        holds = _judged(seen, scaled(middle))[1] >= enough
        low, high = np.where(holds, low, middle), np.where(holds, middle, high)
    chosen = scaled(high * rows / (rows + UNCORRECTED))
    return chosen if bool(np.all(checkpoint_losses(seen, chosen) <= floor)) else found


def _best_spread(seen: Checkpoints, start: Tempering) -> Tempering:
    """Coordinate search over dispersion, future spread and shape, kappa held."""
    changes: list[Callable[[Tempering], Tempering]] = [
        *(partial(replace, dispersion=value) for value in DISPERSIONS),
        *(partial(replace, future_cv=value) for value in SPREADS),
        *(partial(replace, shape=start.shape * factor) for factor in (0.5, 0.75, 1.5)),
    ]
    best, lowest = start, float(checkpoint_losses(seen, start).sum())
    for change in changes:
        trial = change(best)
        loss = float(checkpoint_losses(seen, trial).sum())
        if loss < lowest - 1e-12:
            best, lowest = trial, loss
    return best
