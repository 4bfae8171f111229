"""What the stand-in decides, from a seed and the id of the thing: never from the order in which things arrive.

So two runs of one evening get the same answers, whichever order reached the supplier first.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.units import MINUTE, SECOND
from supplychain.messages.v1 import LineAnswer, OrderLine

_REASONS = ("material is short", "line is taken until tomorrow", "machine is in repair", "two workers are ill")


@dataclass(frozen=True, slots=True)
class Temper:
    """How partners behave; shares of order lines, the rest is accepted; times in milliseconds of business time.

    Answers take at least a minute: a plan made in the meantime must live with an order that nobody has confirmed yet.
    """

    short: float = 0.15
    refuse: float = 0.10
    answer_least: int = 60 * SECOND
    answer_most: int = 4 * MINUTE
    receipt_delay: int = 10 * MINUTE
    shipment_delay: int = 2 * MINUTE
    damaged: float = 0.04

    def __post_init__(self) -> None:
        if min(self.short, self.refuse) < 0 or self.short + self.refuse > 1:
            raise InvalidInputError("shares of short and refused lines do not fit into one", field="short")
        if not MINUTE <= self.answer_least <= self.answer_most:
            raise InvalidInputError("an answer takes at least a minute of business time", field="answer_least")


def share(seed: int, *names: str) -> float:
    """Return a number in [0, 1) that only the seed and the names decide."""
    digest = blake2b("\x1f".join((str(seed), *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64


def between(seed: int, low: int, high: int, *names: str) -> int:
    """Return a whole number in [low, high] that only the seed and the names decide."""
    return low + int(share(seed, *names) * (high - low + 1))


def answer_line(line: OrderLine, temper: Temper, seed: int, multiple: int) -> LineAnswer:
    """Return the answer to one line; a short one promises whole multiples, at least one and fewer than ordered."""
    drawn = share(seed, "verdict", line.plan_line_id)
    reason = _REASONS[between(seed, 0, len(_REASONS) - 1, "reason", line.plan_line_id)]
    if drawn < temper.refuse:
        return LineAnswer(line.plan_line_id, "refuse", 0, reason=reason)
    if drawn < temper.refuse + temper.short:
        batches = line.pieces // max(1, multiple)
        promised = int(batches * (0.35 + 0.55 * share(seed, "short", line.plan_line_id))) * max(1, multiple)
        if 0 < promised < line.pieces:
            return LineAnswer(line.plan_line_id, "short", promised, reason=reason)
    return LineAnswer(line.plan_line_id, "accept", line.pieces)


def damaged_pieces(pieces: int, temper: Temper, seed: int, identity: str) -> int:
    """Return how many of the received pieces cannot be sold."""
    if share(seed, "damaged", identity) >= temper.damaged:
        return 0
    return min(pieces, 1 + pieces // 100)
