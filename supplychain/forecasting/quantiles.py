"""From moments to a distribution of counts: quantiles, expected sales under a cap, shortage tranches.

A demand with a variance above its mean is negative binomial, otherwise Poisson. Beyond `GAMMA_FROM` pieces the gamma
distribution with the same moments is indistinguishable and cheaper. All functions take arrays and broadcast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from supplychain.forecasting.moments import Moments

Floats = NDArray[np.float64]

GAMMA_FROM = 5_000.0  # pieces; above it one piece is finer than any decision taken on the quantile
LARGEST = 2.0**53  # beyond it a float no longer counts pieces


def quantiles(mean: ArrayLike, variance: ArrayLike, probability: ArrayLike) -> Floats:
    """Quantiles of a count with these moments: the smallest whole number reached with the wanted probability.

    Parameters
    ----------
    mean, variance
        Moments, finite and not negative. Variance below the mean is read as Poisson.
    probability
        In [0, 1). The three broadcast against each other.

    Returns
    -------
    Floats
        Whole numbers, of the broadcast shape; never negative, and growing with the probability.

    Raises
    ------
    ValueError
        On NaN, infinite or negative moments, or a probability outside [0, 1).
    """
    m, v, q = np.broadcast_arrays(
        np.asarray(mean, dtype=np.float64), np.asarray(variance, np.float64), np.asarray(probability, np.float64)
    )
    _check(m, v)
    if not bool(np.all((q >= 0.0) & (q < 1.0))):
        raise ValueError("a probability is in [0, 1)")
    shape = m.shape
    m, v, q = m.ravel(), np.maximum(v, m).ravel(), q.ravel()
    out = np.zeros(m.size)
    large = m > GAMMA_FROM
    out[large] = np.ceil(_gamma_quantile(m[large], v[large], q[large]))
    small = (m > 0.0) & ~large
    out[small] = _count_quantile(m[small], v[small], q[small])
    return np.minimum(out, LARGEST).reshape(shape)


def distribution(mean: ArrayLike, variance: ArrayLike, count: ArrayLike) -> Floats:
    """Probability that the demand is at most `count`, broadcast; zero below zero."""
    m, v, x = np.broadcast_arrays(
        np.asarray(mean, dtype=np.float64), np.asarray(variance, np.float64), np.asarray(count, np.float64)
    )
    _check(m, v)
    return np.asarray(_cdf(m, np.maximum(v, m), np.floor(x)))


def expected_sales(mean: ArrayLike, variance: ArrayLike, cap: ArrayLike) -> Floats:
    """Expected part of the demand that `cap` pieces can serve, E[min(D, cap)].

    Used for sale caps and for the value of one more batch.

    Source
    ------
    Partial expectation of the negative binomial: E[D; D <= k] = mean * F(k - 1) of the size-plus-one distribution.
    """
    m, v, c = np.broadcast_arrays(
        np.asarray(mean, dtype=np.float64), np.asarray(variance, np.float64), np.asarray(cap, np.float64)
    )
    _check(m, v)
    v = np.maximum(v, m)
    c = np.maximum(np.floor(c), 0.0)
    below = _partial_mean(m, v, c - 1.0)
    served = below + c * (1.0 - _cdf(m, v, c - 1.0))
    return np.asarray(np.clip(served, 0.0, np.minimum(m, c)))


@dataclass(frozen=True, slots=True)
class Tranche:
    """A slice of uncertain demand: the pieces from one level to the next and how likely they are to be wanted.

    `chance` is the mean probability over the slice, so that `pieces * chance` is its expected demand.
    """

    pieces: int
    chance: float


def shortage_tranches(moments: Moments, levels: Sequence[float] = (0.5, 0.8, 0.95)) -> tuple[Tranche, ...]:
    """Cut a demand at its quantiles, so that a planner can price the shortage of each slice by its chance.

    Parameters
    ----------
    moments
        The demand.
    levels
        Probabilities of the cuts, growing, each in (0, 1). Demand above the last cut is left out.

    Returns
    -------
    tuple of Tranche
        From the surest to the least sure; empty slices are dropped; chances never grow.
    """
    if list(levels) != sorted(levels) or not all(0.0 < level < 1.0 for level in levels):
        raise ValueError(f"levels must grow inside (0, 1): {levels}")
    cuts = np.concatenate(([0.0], quantiles(moments.mean, moments.variance, np.asarray(levels, np.float64))))
    served = expected_sales(moments.mean, moments.variance, cuts)
    slices = []
    for low, high, sold in zip(cuts[:-1], cuts[1:], np.diff(served), strict=True):
        if high > low:
            slices.append(Tranche(int(high - low), float(min(1.0, max(0.0, sold / (high - low))))))
    return tuple(slices)


def capped(moments: Moments, cap: int) -> Moments:
    """Moments of a demand that a sale cap of `cap` pieces cuts off.

    The second moment is summed over the distribution's own steps: E[min(D, c)^2] = sum (2k + 1) P(D > k) for k < c.
    """
    if cap <= 0:
        return Moments(0.0, 0.0)
    reach = float(quantiles(moments.mean, moments.variance, 1.0 - 1e-9))
    if cap >= reach:
        return moments
    steps = np.unique(np.floor(np.linspace(0.0, cap, min(cap, 512) + 1)))
    mean = float(expected_sales(moments.mean, moments.variance, float(cap)))
    middle = (steps[:-1] + steps[1:] - 1.0) / 2.0
    tail = 1.0 - distribution(moments.mean, moments.variance, middle)
    square = float(np.sum((steps[1:] ** 2 - steps[:-1] ** 2) * tail))
    return Moments(mean, max(0.0, min(square - mean * mean, moments.variance)))


def _check(mean: Floats, variance: Floats) -> None:
    if not bool(np.all(np.isfinite(mean) & np.isfinite(variance) & (mean >= 0.0) & (variance >= 0.0))):
        raise ValueError("moments must be finite and not negative")


def _gamma_quantile(mean: Floats, variance: Floats, probability: Floats) -> Floats:
    scale = variance / np.maximum(mean, 1e-300)
    return np.asarray(special.gammaincinv(mean / scale, probability) * scale)


def _size(mean: Floats, variance: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Size of the negative binomial, and where the variance is so near the mean that Poisson is meant."""
    excess = variance - mean
    poisson = excess <= 1e-9 * np.maximum(mean, 1e-12)
    size = np.where(poisson, 1.0, mean * mean / np.where(poisson, 1.0, excess))
    return size, poisson | (size > 1e8)


def _cdf(mean: Floats, variance: Floats, count: Floats) -> Floats:
    size, poisson = _size(mean, variance)
    k = np.maximum(count, 0.0)
    by_poisson = special.pdtr(k, mean)
    success = np.clip(mean / np.maximum(variance, 1e-300), 1e-300, 1.0)
    by_binomial = special.betainc(np.maximum(size, 1e-12), k + 1.0, success)
    value = np.where(mean <= 0.0, 1.0, np.where(poisson, by_poisson, by_binomial))
    return np.where(count < 0.0, 0.0, value)


def _partial_mean(mean: Floats, variance: Floats, count: Floats) -> Floats:
    """E[D; D <= count]."""
    size, poisson = _size(mean, variance)
    k = np.maximum(count - 1.0, 0.0)
    success = np.clip(mean / np.maximum(variance, 1e-300), 1e-300, 1.0)
    inside = np.where(poisson, special.pdtr(k, mean), special.betainc(size + 1.0, k + 1.0, success))
    return np.where(count < 1.0, 0.0, mean * inside)


def _count_quantile(mean: Floats, variance: Floats, probability: Floats) -> Floats:
    """Bisection on the exact distribution; about log2 of the bracket evaluations for the whole array."""
    near = _gamma_quantile(mean, variance, np.minimum(probability, 1.0 - 1e-12))
    reach = 2.0 + 0.05 * np.sqrt(variance)
    low = np.maximum(np.floor(near - reach), -1.0)
    low = np.where(_cdf(mean, variance, low) < probability, low, -1.0)  # F(low) < probability, except for probability 0
    high = np.ceil(near + reach)
    for _ in range(60):
        short = _cdf(mean, variance, high) < probability
        if not bool(short.any()):
            break
        high = np.where(short, high * 2.0 + 1.0, high)
    while bool(np.any(high - low > 1.0)):
        middle = np.floor((low + high) / 2.0)
        enough = _cdf(mean, variance, middle) >= probability
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle)
    return np.maximum(high, 0.0)
