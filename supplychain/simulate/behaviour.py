"""How buyers, hosts and senders behave in a simulated evening: every number that is chosen and not in the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite

from supplychain.domain.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Shares are of paid order lines unless said otherwise; times in seconds unless the name says otherwise.

    The default shares of cancelled, refunded and returned lines add up to 41 %, inside the 30 to 60 % of gross that live
    rooms lose; each item has its own around them.
    """

    item_surprise: float = 0.22
    """Coefficient of variation of an item's appeal against its plan."""
    room_surprise: float = 0.08
    clumping: float = 5.0
    """Size of the negative binomial of orders per bin; smaller clumps more."""
    region_certainty: float = 150.0
    """Weight of the usual regional shares against an item's own."""
    slot_delay: float = 8.0
    """The most that a host is late with a planned slot, which ends on time all the same."""
    slot_overrun: float = 0.0
    """The most that a slot goes on after its planned end; without a signal of the room it looks like a burst."""
    joined_lines: float = 0.08
    """Share of lines that belong to the order before them."""

    bursts_least: int = 2
    bursts_most: int = 4
    burst_factor_low: float = 3.0
    burst_factor_high: float = 8.0
    burst_minutes_low: float = 3.0
    burst_minutes_high: float = 10.0
    burst_rate_least: float = 2.0
    """Orders per minute an item must be planned to sell before it can burst."""

    cancelled: float = 0.20
    refunded: float = 0.03
    returned: float = 0.18
    cancel_minutes: float = 18.0
    """Median time from payment to cancellation."""
    refund_minutes: float = 300.0
    return_days: float = 5.0
    earlier_returns: float = 0.012
    """Returns of earlier evenings that come in during this one."""

    duplicates: float = 0.004
    late_inside: float = 0.003
    late_beyond: float = 0.0006
    malformed: float = 0.0004
    impossible: float = 0.0004
    unknown: float = 0.0006
    """Unknown SKUs and unknown regions, half each."""
    late_inside_seconds: tuple[float, float] = (3.0, 100.0)
    late_beyond_seconds: tuple[float, float] = (180.0, 900.0)

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if not all(isfinite(number) and number >= 0 for number in numbers):
                detail = f"behaviour.{item.name} is {value!r}"
                raise InvalidInputError(detail, way_out="give a number that is not negative", field=item.name)
        if self.cancelled + self.refunded + self.returned > 0.95:
            detail = "cancelled, refunded and returned lines add up to more than 95 %"
            raise InvalidInputError(detail, way_out="lower one of them", field="cancelled")
        if self.bursts_least > self.bursts_most or not self.clumping > 0:
            detail = "bursts_least is above bursts_most, or clumping is zero"
            raise InvalidInputError(detail, way_out="order the bounds", field="bursts_least")

    @classmethod
    def clean(cls) -> Behaviour:
        """Return buyers as usual and senders without a fault: no duplicate, late, broken or unknown event."""
        return cls(duplicates=0, late_inside=0, late_beyond=0, malformed=0, impossible=0, unknown=0)
