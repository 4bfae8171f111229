"""What past sessions have taught, as one record: it is stored in versions, read by the stream, and explained from.

Numbers are rounded to six digits when they are learned, so that the record is the same bytes wherever it is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from supplychain.forecasting.audience import TRUST
from supplychain.forecasting.exposure import AS_PLANNED, ExposureEffects
from supplychain.forecasting.newcomers import Pool, pool_names
from supplychain.forecasting.returns import LossModel, loss_document, losses_from
from supplychain.forecasting.tempering import Tempering

VERSION = 1
ALL = ""
"""The key of what holds for every category, product or host that is not named."""


@dataclass(frozen=True, slots=True)
class Basket:
    """Pieces per order: their mean over the planned one, and their mean square over their squared mean."""

    size: float = 1.0
    spread: float = 1.25


@dataclass(frozen=True, slots=True)
class SessionLessons:
    """Learned from past sessions; every mapping falls back to `ALL`.

    Parameters
    ----------
    effects
        Multipliers of exposure by pitch, offer, price, audience and part of the session.
    errors
        Standard errors of the log effects, by name.
    rates, hosts
        Realised over planned orders by SKU, and each host's factor on it.
    pools
        The same for items that no past session sold, by category and price band, and what such an item sells in a session.
    tempering, unheard
        By category: where the audience so far is known, and where it is not and the same sales tell less.
    baskets
        By category.
    audience
        Usual audience by equal parts of a session over the planned one; empty when it was never sampled.
    trust
        How much of an audience over its plan stays.
    evenings, evening_power
        Factor on what announced sessions are expected to sell, by session, from what the priors of room and host say of their
        days; and the share of that word that came true on past evenings.
    sessions, orders
        How much was seen.
    """

    effects: ExposureEffects = AS_PLANNED
    errors: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    hosts: Mapping[str, float] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)
    tempering: Mapping[str, Tempering] = field(default_factory=dict)
    unheard: Mapping[str, Tempering] = field(default_factory=dict)
    baskets: Mapping[str, Basket] = field(default_factory=dict)
    audience: tuple[float, ...] = ()
    trust: float = TRUST
    evenings: Mapping[str, float] = field(default_factory=dict)
    evening_power: float = 0.0
    sessions: int = 0
    orders: int = 0

    def rate(self, sku: str, host: str, category: str = ALL, price_minor: int = 0) -> float:
        """Realised over planned orders that is expected of an item with a host; a new item is taken to be like its kind."""
        usual = self._pool(category, price_minor).rate if self.pools else self.rates.get(ALL, 1.0)
        return self.rates.get(sku, usual) * self.hosts.get(host, 1.0)

    def expected(self, sku: str, planned: float, host: str, category: str = ALL, price_minor: int = 0) -> float:
        """Orders expected of an item in a whole session; where the plan says nothing, as many as its kind sells."""
        if planned > 0.0:
            return planned * self.rate(sku, host, category, price_minor)
        return self._pool(category, price_minor).orders * self.hosts.get(host, 1.0)

    def _pool(self, category: str, price_minor: int) -> Pool:
        return next((self.pools[name] for name in pool_names(category, price_minor) if name in self.pools), Pool())

    def tempered(self, category: str, *, heard: bool) -> Tempering | None:
        """Tempering of a category, None when none was learned."""
        known = self.tempering if heard else self.unheard
        return known.get(category, known.get(ALL))

    def basket(self, category: str) -> Basket:
        """Basket of a category."""
        return self.baskets.get(category, self.baskets.get(ALL, Basket()))


@dataclass(frozen=True, slots=True)
class Lessons:
    """Session effects and losses, learned together and activated together."""

    session: SessionLessons
    losses: LossModel

    def to_json(self) -> bytes:
        """Canonical JSON with its version: equal lessons give equal bytes."""
        document = {"version": VERSION, "session": asdict(self.session), "losses": loss_document(self.losses)}
        return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def lessons_from_json(text: bytes | str) -> Lessons:
    """Read stored lessons.

    Raises
    ------
    ValueError
        When the text is no record of a version this code can read.
    """
    data: Any = json.loads(text)
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise ValueError("not lessons of a version this code can read")
    session = dict(data["session"])
    effects = dict(session.pop("effects"))
    return Lessons(
        SessionLessons(
            effects=ExposureEffects(**{**effects, "slots": tuple(effects["slots"])}),
            tempering={name: _tempering(row) for name, row in session.pop("tempering").items()},
            unheard={name: _tempering(row) for name, row in session.pop("unheard", {}).items()},
            pools={name: Pool(**row) for name, row in session.pop("pools", {}).items()},
            baskets={name: Basket(**row) for name, row in session.pop("baskets").items()},
            audience=tuple(session.pop("audience")),
            **session,
        ),
        losses_from(data["losses"]),
    )


def _tempering(row: Mapping[str, Any]) -> Tempering:
    widths = tuple((float(elapsed), float(factor)) for elapsed, factor in row.get("widths", ()))
    return Tempering(**{**row, "widths": widths})


def rounded(value: float) -> float:
    """Return six significant digits."""
    return float(f"{value:.6g}")
