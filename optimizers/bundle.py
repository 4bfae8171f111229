"""Next prices of what items share, from the last few sweeps together rather than from the last one alone.

Each sweep bounds the cost of any plan at any prices by a linear function: what it found, and the use of each limit as its
slope. The next prices are the highest point of the lowest of these functions near the best prices so far. Prices by the
sign of the last over-use alone swing around the best ones: they took twice the sweeps to the same bound.

Source: Lemaréchal, Nemirovskii and Nesterov, "New variants of bundle methods", Mathematical Programming 69 (1995); the
weights by Nesterov's accelerated gradient with projection on the simplex.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizers.kernel import kernel
from optimizers.milp import Floats

CUTS = 13
"""Most functions kept; older ones hardly ever carried weight."""
REACH, LONGER, SHORTER, WELL, ENOUGH = 0.15, 1.5, 0.6, 0.5, 0.1
"""First reach of a step, its changes, and the shares of the expected gain that make a step good or count at all."""
EXCESS = 0.1
"""At a reach of one, use above a limit by this share of it moves a price by its first step."""
REFITS, DESCENTS = 6, 300


@dataclass(slots=True)
class Bundle:
    """What the last sweeps found, and the best prices among them.

    most : (k,) highest prices. scale : (k,) price per unit of over-use at a reach of one. slopes : (CUTS, k) over-use of what
    is shared, and `own` (CUTS, j) of what belongs to one item. offsets : (CUTS,) value at prices of zero. weights : (CUTS,)
    of the functions in the last choice. centre : (k,) best prices, worth `value`.
    """

    most: Floats
    scale: Floats
    slopes: Floats
    own: Floats
    offsets: Floats
    weights: Floats
    centre: Floats
    value: float = -np.inf
    expected: float = 0.0
    reach: float = REACH
    count: int = 0


def empty_bundle(first: Floats, limits: Floats, most: Floats, own: int) -> Bundle:
    """Nothing known. first, limits, most : (k,) first step, limit and highest price of everything shared."""
    count = len(most)
    return Bundle(
        most, first / (EXCESS * np.maximum(limits, 1.0)), np.zeros((CUTS, count)), np.zeros((CUTS, own)), np.zeros(CUTS),
        np.zeros(CUTS), np.zeros(count),
    )  # fmt: skip


def learn(bundle: Bundle, found: float, prices: Floats, own: Floats, excess: Floats, own_excess: Floats) -> None:
    """Take in a sweep: what it found at prices of what is shared (k,) and of one item's own (j,), and the over-use there."""
    gain = found - bundle.value
    if bundle.count == 0 or gain >= ENOUGH * bundle.expected:
        longer = bundle.count > 0 and gain > WELL * bundle.expected
        bundle.reach *= LONGER if longer else 1.0
        bundle.centre, bundle.value = prices, found
    elif gain < -bundle.expected:
        bundle.reach *= SHORTER
    at = bundle.count if bundle.count < CUTS else int(np.argmin(bundle.weights))
    bundle.slopes[at], bundle.own[at] = excess, own_excess
    bundle.offsets[at] = found - _dot(excess, prices) - _dot(own_excess, own)
    bundle.weights[at] = 1.0
    bundle.count = min(bundle.count + 1, CUTS)


def next_prices(bundle: Bundle, own: Floats) -> Floats:
    """Where the lowest of all functions is highest, less the squared distance from the best prices over the reach."""
    count, scale = bundle.count, bundle.reach * bundle.scale
    slopes, weights = bundle.slopes[:count], bundle.weights[:count] / bundle.weights[:count].sum()
    offsets = bundle.offsets[:count] + np.einsum("ik,k->i", bundle.own[:count], own)
    for _ in range(REFITS):
        wished = bundle.centre + scale * np.einsum("i,ik->k", weights, slopes)
        inside = (wished > 0) & (wished < bundle.most)
        resting = np.where(inside, bundle.centre, np.clip(wished, 0.0, bundle.most))
        scaled = slopes * np.sqrt(scale * inside)
        weights = lightest(
            np.einsum("ik,jk->ij", scaled, scaled), offsets + np.einsum("ik,k->i", slopes, resting), weights
        )
    prices = np.clip(bundle.centre + scale * np.einsum("i,ik->k", weights, slopes), 0.0, bundle.most)
    bundle.weights[:count] = weights
    bundle.expected = max(float((offsets + np.einsum("ik,k->i", slopes, prices)).min()) - bundle.value, 0.0)
    return np.asarray(prices)


def _dot(one: Floats, other: Floats) -> float:
    """Sum of products in a fixed order: a linear algebra library adds in another one with other threads."""
    return float(np.einsum("k,k->", one, other))


def lightest(quadratic: Floats, linear: Floats, start: Floats) -> Floats:
    """Weights that sum to one with the least ``w Q w / 2 + q w``."""
    found, spare = start.copy(), np.zeros((3, len(start)))
    _descend(quadratic, linear, found, spare)
    return found


@kernel
def _descend(quadratic: Floats, linear: Floats, here: Floats, spare: Floats) -> None:
    count, steep, pace = len(here), 1e-9, 1.0
    ahead, moved, ranked = spare[0], spare[1], spare[2]
    for i in range(count):
        ahead[i], across = here[i], 0.0
        for j in range(count):
            across += abs(quadratic[i, j])
        steep = max(steep, across)
    for _ in range(DESCENTS):
        for i in range(count):
            slope = linear[i]
            for j in range(count):
                slope += quadratic[i, j] * ahead[j]
            moved[i] = ahead[i] - slope / steep
        _to_simplex(moved, ranked)
        quicker = (1.0 + np.sqrt(1.0 + 4.0 * pace * pace)) / 2.0
        for i in range(count):
            ahead[i] = moved[i] + (pace - 1.0) / quicker * (moved[i] - here[i])
            here[i] = moved[i]
        pace = quicker


@kernel
def _to_simplex(point: Floats, ranked: Floats) -> None:
    """Move to the nearest weights that sum to one."""
    count, total, level = len(point), 0.0, 0.0
    for i in range(count):
        at = i
        while at > 0 and ranked[at - 1] < point[i]:
            ranked[at] = ranked[at - 1]
            at -= 1
        ranked[at] = point[i]
    for i in range(count):
        total += ranked[i]
        if ranked[i] > (total - 1.0) / (i + 1):
            level = (total - 1.0) / (i + 1)
    for i in range(count):
        point[i] = max(point[i] - level, 0.0)
