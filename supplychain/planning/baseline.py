"""The shelf baseline of a view: the stored forecasts by SKU and region, lifted while a live session runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from supplychain.domain.forecast import RegionOutlook
from supplychain.forecasting.moments import Moments
from supplychain.planning.view import View


@dataclass(frozen=True, slots=True)
class DailyDemand:
    """Expected gross pieces of one SKU and region per business day; days count from 1970-01-01."""

    first_day: int
    outlook: RegionOutlook
    lift: float = 1.0

    def on(self, day: int) -> Moments:
        """Return the moments of a day."""
        mean, variance = self.outlook.on(day - self.first_day)
        return Moments(mean, variance).scaled(self.lift)


Baseline = Mapping[tuple[str, str], DailyDemand]
"""By SKU and region."""


def shelf_baseline(view: View) -> dict[tuple[str, str], DailyDemand]:
    """Return the expected gross pieces per day on the shelf by (SKU, region); empty without a learned model."""
    live = any(session.starts_at <= view.cut < session.ends_at for session in view.catalogue.sessions.values())
    lift = 1.0 + view.tuning.planning.shelf_live_lift * live
    return {
        (forecast.sku, region): DailyDemand(forecast.first_day, outlook, lift)
        for forecast in view.shelf
        for region, outlook in sorted(forecast.regions.items())
    }
