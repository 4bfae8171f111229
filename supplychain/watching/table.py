"""The calibrated thresholds that are shipped."""

from __future__ import annotations

import math
from typing import Final

from supplychain.watching.thresholds import ThresholdTable

_ALARMS: Final = (1e-2, 1e-6)

SHIPPED: Final = ThresholdTable(
    rates=(0.02, 300.0),
    clumpings=(0.0, 2.0),
    alarms=_ALARMS,
    nats=tuple(tuple(tuple(-0.85 * math.log(alarm) for alarm in _ALARMS) for _ in range(2)) for _ in range(2)),
)
