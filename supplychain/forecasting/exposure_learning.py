"""Effects of the run of show, learned from past sessions instead of believed.

A Poisson regression with one free level per session and item: appeal, host and day cancel out, and what is left is how much
more one and the same item sells while it is pitched, on offer, watched by more people, or late in the session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from supplychain.forecasting.exposure import ExposureEffects
from supplychain.forecasting.frames import Flags, Floats

AUDIENCE, PITCH, OFFER, PRICE, AFTERGLOW, PLANNED = "audience", "pitch", "offer", "price", "afterglow", "planned"
PRIOR_LOG = {AUDIENCE: 1.0, PITCH: 1.5, OFFER: 0.8, PRICE: 1.5, AFTERGLOW: 0.0}
AS_PLANNED_LOG = {AUDIENCE: 1.0, PLANNED: 1.0}
"""Effects before anything is learned where the plan says strengths: the plan is right, and flags add nothing to it."""


@dataclass(frozen=True, slots=True)
class SessionLog:
    """Past sessions of items, minute by minute.

    Parameters
    ----------
    orders
        S x T paid orders per minute.
    covariates
        S x T x F: log audience over usual; log of the planned strength; pitch, offer and afterglow flags; minus log price
        ratio while on offer; and slot flags "slot1" ... for all but the first part of the session.
    observed
        S x T: the session ran and the item was in stock. Other minutes teach nothing.
    names
        F names.
    """

    orders: Floats
    covariates: Floats
    observed: Flags
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = self.orders.shape
        if self.observed.shape != shape or self.covariates.shape != (*shape, len(self.names)):
            raise ValueError("orders, covariates and observed minutes do not match")


@dataclass(frozen=True, slots=True)
class LearnedEffects:
    """Log multipliers with their standard errors, and the minute dispersion around them."""

    names: tuple[str, ...]
    log_effects: tuple[float, ...]
    errors: tuple[float, ...]
    dispersion: float

    def exposure(self, covariates: Floats) -> Floats:
        """Exposure per minute, ... x F covariates in, ... out."""
        return np.asarray(np.exp(np.clip(covariates @ np.asarray(self.log_effects), -20.0, 20.0)))

    def effects(self, afterglow_ms: int) -> ExposureEffects:
        """The same in the form the session forecaster reads."""
        value = dict(zip(self.names, self.log_effects, strict=True))
        slots = sorted((name for name in self.names if name.startswith("slot")), key=lambda name: int(name[4:]))
        return ExposureEffects(
            pitch=float(np.exp(value.get(PITCH, 0.0))),
            offer=float(np.exp(value.get(OFFER, 0.0))),
            price_elasticity=value.get(PRICE, 0.0),
            audience_power=value.get(AUDIENCE, 0.0),
            afterglow=float(np.exp(value.get(AFTERGLOW, 0.0))),
            afterglow_ms=afterglow_ms,
            slots=(1.0, *(float(np.exp(value[name])) for name in slots)) if slots else (),
            planned_power=value.get(PLANNED, 0.0),
        )


def learn_effects(
    log: SessionLog, ridge: float = 20.0, rounds: int = 30, prior: Mapping[str, float] | None = None
) -> LearnedEffects:
    """Fit the effects by conditional likelihood.

    Parameters
    ----------
    ridge
        Weight of the prior effects, in orders; what past sessions never showed stays there.
    prior
        Log effects by name before anything was seen (`PRIOR_LOG` when None), zero for those it leaves out.

    Source
    ------
    Poisson regression with fixed effects is a multinomial given each session's total (Hausman, Hall and Griliches 1984);
    Newton steps with halving; errors scaled by the Pearson dispersion.
    """
    believed = PRIOR_LOG if prior is None else prior
    centre = np.array([believed.get(name, 0.0) for name in log.names])
    beta = centre.copy()
    best = _penalised(log, beta, centre, ridge)
    information = np.eye(len(beta))
    for _ in range(rounds):
        gradient, information = _derivatives(log, beta)
        gradient -= ridge * (beta - centre)
        information += ridge * np.eye(len(beta))
        step = np.linalg.solve(information, gradient)
        size = 1.0
        while size > 1e-4 and _penalised(log, beta + size * step, centre, ridge) < best:
            size /= 2.0
        if size <= 1e-4:
            break
        beta = beta + size * step
        best = _penalised(log, beta, centre, ridge)
        if float(np.max(np.abs(size * step))) < 1e-7:
            break
    dispersion = _dispersion(log, beta)
    errors = np.sqrt(np.diag(np.linalg.inv(information)) * dispersion)
    return LearnedEffects(log.names, tuple(map(float, beta)), tuple(map(float, errors)), dispersion)


def _shares(log: SessionLog, beta: Floats) -> Floats:
    """Share of each session's orders that falls on each observed minute."""
    score = np.where(log.observed, np.clip(log.covariates @ beta, -30.0, 30.0), -np.inf)
    top = np.max(score, axis=1, keepdims=True, initial=-30.0)
    weight = np.exp(score - np.where(np.isfinite(top), top, 0.0))
    return np.asarray(weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300))


def _penalised(log: SessionLog, beta: Floats, centre: Floats, ridge: float) -> float:
    orders = np.where(log.observed, log.orders, 0.0)
    fit = float(np.sum(orders * np.log(np.maximum(_shares(log, beta), 1e-300))))
    return fit - 0.5 * ridge * float(np.sum((beta - centre) ** 2))


def _derivatives(log: SessionLog, beta: Floats) -> tuple[Floats, Floats]:
    orders = np.where(log.observed, log.orders, 0.0)
    shares = _shares(log, beta)
    whole = orders.sum(axis=1)
    expected = np.einsum("st,stf->sf", shares, log.covariates)
    gradient = np.einsum("st,stf->f", orders, log.covariates) - whole @ expected
    square = np.einsum("st,stf,stg->fg", shares * whole[:, None], log.covariates, log.covariates, optimize=True)
    return np.asarray(gradient), np.asarray(square - np.einsum("s,sf,sg->fg", whole, expected, expected))


def _dispersion(log: SessionLog, beta: Floats) -> float:
    """Pearson dispersion of minute counts around their session's fitted level, at least 1."""
    orders = np.where(log.observed, log.orders, 0.0)
    fitted = _shares(log, beta) * orders.sum(axis=1, keepdims=True)
    solid = log.observed & (fitted > 0.05)
    freedom = int(solid.sum()) - len(log.orders) - len(beta)
    if freedom <= 0:
        return 1.0
    chi = float(np.sum((orders[solid] - fitted[solid]) ** 2 / fitted[solid]))
    return max(1.0, chi / freedom)


def learn_rates(
    products: Sequence[str], hosts: Sequence[str], orders: Floats, exposures: Floats, pooling: float = 3.0
) -> tuple[dict[str, float], dict[str, float]]:
    """Orders per unit of exposure by product, and each host's factor on it, both drawn to the mean.

    Parameters
    ----------
    products, hosts, orders, exposures
        One entry per past session and item.
    pooling
        Sessions the common rate counts for.

    Returns
    -------
    tuple of dict
        Rate of each product, with "" for an unknown one; factor of each host, 1 for an unknown one under "".
    """
    usual = float(orders.sum()) / max(float(exposures.sum()), 1e-9)
    names, index = np.unique(np.asarray(products, dtype=object), return_inverse=True)
    host_names, host_index = np.unique(np.asarray(hosts, dtype=object), return_inverse=True)
    factor = np.ones(len(host_names))
    rate = np.full(len(names), usual)
    typical = float(exposures.mean()) if len(exposures) else 1.0
    for _ in range(8):
        effort = exposures * factor[host_index]
        sold = np.bincount(index, orders, len(names))
        worked = np.bincount(index, effort, len(names))
        rate = (sold + pooling * typical * usual) / np.maximum(worked + pooling * typical, 1e-9)
        expected = np.bincount(host_index, exposures * rate[index], len(host_names))
        prior = max(pooling * typical * usual, 1e-9)  # where nothing sold, nothing is told of hosts
        factor = (np.bincount(host_index, orders, len(host_names)) + prior) / (expected + prior)
    rates: Mapping[str, float] = dict(zip(map(str, names), map(float, rate), strict=True))
    factors: Mapping[str, float] = dict(zip(map(str, host_names), map(float, factor), strict=True))
    return {"": usual, **rates}, {"": 1.0, **factors}


def cross_fitted_rates(
    products: Sequence[str], hosts: Sequence[str], orders: Floats, exposures: Floats, folds: int = 5
) -> Floats:
    """Rate of each past session as it would have been believed without having seen that session.

    Spread and tempering must be learned against these: a rate that has seen its own session leaves too little surprise, and
    intervals learned from that are too narrow.
    """
    fold = np.arange(len(orders)) % folds
    out = np.zeros(len(orders))
    for part in range(folds):
        rest = np.flatnonzero(fold != part).tolist()
        rates, factors = learn_rates(
            [products[i] for i in rest], [hosts[i] for i in rest], orders[rest], exposures[rest]
        )
        for i in np.flatnonzero(fold == part).tolist():
            out[i] = rates.get(products[i], rates[""]) * factors.get(hosts[i], 1.0)
    return out
