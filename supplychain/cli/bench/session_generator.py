"""Synthetic live sessions of single items, for `bench session` alone: seeded, compact, with effects the forecaster must learn.

Every session has a host, a product, an appeal of its own, three eight-minute pitches, in three of five cases a five-minute
flash offer, an audience that wanders off its plan, and overdispersed minutes. Between 30 and 60 % of what is paid is lost
again, more with some hosts, prices and sessions than with others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supplychain.forecasting.exposure import MINUTE_MS, FlashOffer, Pitch, RunOfShow
from supplychain.forecasting.exposure_learning import AFTERGLOW, AUDIENCE, OFFER, PITCH, PRICE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MINUTES = 120
NAMES = (AUDIENCE, PITCH, OFFER, PRICE, AFTERGLOW, "slot1", "slot2")
TRUE_LOG = np.array([0.9, np.log(6.0), np.log(2.6), 1.6, np.log(1.4), 0.15, 0.3])
AFTERGLOW_MINUTES = 2
CLUMPING = 5.0  # size of the negative binomial of a minute
LOSS_MINUTES = 25.0  # mean age at which a lost order is cancelled
CANCELLED_SHARE = 0.6  # of the lost; the rest is returned after shipment
START_MS = 1_790_000_000_000


@dataclass(frozen=True, slots=True)
class Evenings:
    """S synthetic sessions.

    `covariates` is S x T x F as it happened, `planned` the same with the planned audience, `viewers` the audience over plan.
    `cells` are (category, price band, host).
    """

    shows: tuple[RunOfShow, ...]
    products: tuple[str, ...]
    hosts: tuple[str, ...]
    cells: tuple[tuple[str, str, str], ...]
    covariates: Floats
    planned: Floats
    viewers: Floats
    orders: Ints
    true_rate: Floats
    loss_risk: Floats


def evenings(count: int, seed: int, world_seed: int = 11) -> Evenings:
    """Draw sessions; `world_seed` fixes products and hosts, so that training and test sessions share them."""
    world, rng = np.random.default_rng(world_seed), np.random.default_rng(seed)
    base, host_factor = world.lognormal(-0.9, 0.5, 60), world.lognormal(0.0, 0.25, 12)
    host_risk, category_loss = world.lognormal(0.0, 0.3, 12), world.uniform(0.33, 0.55, 6)
    product, host = rng.integers(0, 60, count), rng.integers(0, 12, count)
    band = product % 3
    shows, planned = _shows(count, rng)
    wander = np.cumsum(rng.normal(0.0, 0.05, (count, MINUTES)), axis=1) + rng.normal(0.0, 0.2, (count, 1))
    viewers = np.exp(wander)
    covariates = planned.copy()
    covariates[..., 0] += wander
    appeal = rng.gamma(2.0, 0.5, count)
    rate = base[product] * host_factor[host]
    mean = (rate * appeal)[:, None] * np.exp(covariates @ TRUE_LOG)
    orders = rng.negative_binomial(CLUMPING, CLUMPING / (CLUMPING + mean))
    spread = rng.gamma(8.0, 1.0 / 8.0, count)
    risk = -np.log1p(-category_loss[product % 6]) * np.array([0.75, 1.0, 1.3])[band] * host_risk[host] * spread
    names = [(f"category{p % 6}", f"band{p % 3}", f"host{h}") for p, h in zip(product, host, strict=True)]
    return Evenings(
        shows,
        tuple(f"product{p}" for p in product),
        tuple(f"host{h}" for h in host),
        tuple(names),
        covariates,
        planned,
        viewers,
        orders.astype(np.int64),
        rate,
        risk,
    )


def _shows(count: int, rng: np.random.Generator) -> tuple[tuple[RunOfShow, ...], Floats]:
    """Runs of show with their planned covariates."""
    minute = np.arange(MINUTES)
    planned = np.zeros((count, MINUTES, len(NAMES)))
    planned[:, :, 5] = (minute >= 40) & (minute < 80)
    planned[:, :, 6] = minute >= 80
    shows = []
    for s in range(count):
        peak, height = rng.uniform(30, 90), rng.uniform(0.2, 0.6)
        curve = 0.7 + height * np.exp(-(((minute - peak) / 30.0) ** 2))
        planned[s, :, 0] = np.log(curve)
        starts = [
            int(a) for a in np.sort(rng.choice(np.arange(0, MINUTES - 8, 10), 3, replace=False)) + rng.integers(0, 3, 3)
        ]
        pitches = tuple(Pitch("item", _ms(a), _ms(a + 8)) for a in starts)
        for a in starts:
            planned[s, a : a + 8, 1] = 1.0
        offers: tuple[FlashOffer, ...] = ()
        if rng.random() < 0.6:
            a, ratio = int(rng.integers(5, MINUTES - 6)), float(rng.uniform(0.5, 0.9))
            offers = (FlashOffer("item", _ms(a), _ms(a + 5), ratio),)
            planned[s, a : a + 5, 2] = 1.0
            planned[s, a : a + 5, 3] = -np.log(ratio)
        busy = (planned[s, :, 1] > 0) | (planned[s, :, 2] > 0)
        for back in range(1, AFTERGLOW_MINUTES + 1):
            planned[s, back:, 4] = np.maximum(planned[s, back:, 4], busy[:-back])
        planned[s, busy, 4] = 0.0
        audience = tuple((_ms(m), float(curve[m])) for m in range(MINUTES))
        shows.append(RunOfShow(_ms(0), _ms(MINUTES), pitches, offers, audience))
    return tuple(shows), planned


def _ms(minute: float) -> int:
    return START_MS + round(minute * MINUTE_MS)


@dataclass(frozen=True, slots=True)
class Lines:
    """One entry per order: its session, minute of payment, minutes until cancellation and days until return; -1 for never."""

    session: Ints
    minute: Ints
    cancelled_after: Floats
    returned_after: Floats


def lines_of(evening: Evenings, seed: int) -> Lines:
    """What becomes of each order: lost with the session's risk, early cancellations first, returns after a few days."""
    rng = np.random.default_rng(seed)
    session, minute = np.nonzero(evening.orders)
    repeat = evening.orders[session, minute]
    session, minute = np.repeat(session, repeat), np.repeat(minute, repeat)
    risk = evening.loss_risk[session]
    cancelled = rng.random(len(session)) > np.exp(-risk * CANCELLED_SHARE)
    returned = ~cancelled & (rng.random(len(session)) > np.exp(-risk * (1.0 - CANCELLED_SHARE)))
    return Lines(
        session.astype(np.int64),
        minute.astype(np.int64),
        np.where(cancelled, rng.exponential(LOSS_MINUTES, len(session)), -1.0),
        np.where(returned, rng.uniform(3.0, 12.0, len(session)), -1.0),
    )
