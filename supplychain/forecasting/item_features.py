"""What the item model sees of each series at an origin: recent levels, weekday shape, lumpiness, price, group and calendar.

Everything is divided by the series' own recent level, so that one model serves items that sell two and two thousand pieces a
day, and everything respects `known_from`: a new item, or one whose history was cut for training, shows only what was known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supplychain.forecasting.frames import DailyFrame, Floats, Ints
from supplychain.forecasting.weekday_quantiles import OrderedPast, weekday_quantiles

WINDOWS = (3, 7, 14, 28, 56, 112)
ORDER_WINDOWS = (3, 7, 14, 28, 56)
OWN_LEVELS = (0.5, 0.8, 0.9)
WEEKDAYS = (1, 2, 4, 8)
LEVEL_WINDOW = 56
POOL_DAYS = 5.0  # days of evidence the pooled level counts for

ORIGIN_FEATURES = (
    *(f"mean_{w}" for w in WINDOWS),
    "sold_share_28",
    "sold_share_112",
    "deviation_28",
    "deviation_112",
    "median_28",
    "upper_28",
    "lower_56",
    "upper_56",
    "largest_28",
    "since_sale",
    "age",
    "log_level",
    "price_ratio",
    "log_price",
    *(f"orders_{w}" for w in ORDER_WINDOWS),
    "steady_28",
    "steady_112",
    "basket",
    "group_week",
    "group_month",
    "whole_week",
    "whole_month",
    "group_size",
)
HORIZON_FEATURES = (
    "horizon",
    "weekday",
    "month_day",
    *(f"weekday_{k}" for k in WEEKDAYS),
    "weekday_largest",
    "whole_weekday",
    "group_weekday",
    "open_weekday",
    "year_ago",
    "calendar",
    *(f"own_{level}" for level in OWN_LEVELS),
    "on_air",
    "on_air_28",
    "offer_hours",
    "price_change",
    "pull",
)


@dataclass(frozen=True, slots=True)
class History:
    """Running sums of a frame under a mask of known and open days, so that any window is two look-ups."""

    frame: DailyFrame
    known_from: Ints
    sums: Floats
    squares: Floats
    counts: Floats
    sold: Floats
    steady: Floats
    orders: Floats
    totals: Floats
    group_index: Ints
    group_sums: Floats
    outlook: Floats | None


def history(frame: DailyFrame, known_from: Ints | None = None, outlook: Floats | None = None) -> History:
    """Prepare a frame.

    Parameters
    ----------
    known_from
        First known column of each series, by default its first sale.
    outlook
        G x (D + horizon) calendar factors, groups in sorted order, as the priors of the aggregates give them.
    """
    columns = frame.pieces.shape[1]
    first = columns - frame.age() if known_from is None else np.asarray(known_from, dtype=np.int64)
    known = (np.arange(columns)[None, :] >= first[:, None]) & frame.open_days[None, :]
    pieces = np.where(known, frame.pieces, 0.0)
    names = {name: i for i, name in enumerate(sorted(set(frame.group)))}
    index = np.array([names[name] for name in frame.group], dtype=np.int64)
    grouped = np.zeros((len(names), columns))
    np.add.at(grouped, index, frame.pieces)
    return History(
        frame,
        np.asarray(first, dtype=np.int64),
        _running(pieces),
        _running(pieces**2),
        _running(known.astype(np.float64)),
        _running((pieces > 0.0).astype(np.float64)),
        _running(_without_giants(pieces, known)),
        _running(np.where(known, frame.orders, 0.0)),
        _running(frame.pieces.sum(axis=0, keepdims=True))[0],
        index,
        _running(grouped),
        outlook,
    )


def levels(past: History, origin: int) -> Floats:
    """Recent daily level of each series at a column, drawn to the typical level of its group; always positive."""
    start = max(0, origin - LEVEL_WINDOW)
    amount = past.sums[:, origin] - past.sums[:, start]
    days = past.counts[:, origin] - past.counts[:, start]
    own = amount / np.maximum(days, 1.0)
    active = (days > 0) & (own > 0.0)
    typical = float(np.exp(np.mean(np.log(own[active])))) if bool(active.any()) else 1.0
    pooled = np.full(len(past.group_sums), typical)
    for group in range(len(pooled)):
        members = active & (past.group_index == group)
        weight = float(members.sum())
        if weight > 0.0:
            inside = float(np.mean(np.log(own[members])))
            pooled[group] = float(np.exp((weight * inside + 5.0 * np.log(typical)) / (weight + 5.0)))
    prior = pooled[past.group_index]
    return np.asarray((amount + POOL_DAYS * prior) / (days + POOL_DAYS)) + 1e-3


def origin_features(past: History, origin: int, level: Floats) -> NDArray[np.float32]:
    """Features that do not depend on the horizon, N x len(ORIGIN_FEATURES); NaN where nothing is known."""
    columns = [_window_mean(past, origin, width) / level for width in WINDOWS]
    columns.extend(_share(past.sold, past.counts, origin, width) for width in (28, 112))
    for width in (28, 112):
        mean = _window_mean(past, origin, width)
        square = _share(past.squares, past.counts, origin, width)
        columns.append(np.sqrt(np.maximum(square - mean * mean, 0.0)) / level)
    columns.extend(_recent_order(past, origin, level))
    frame = past.frame
    sold = frame.pieces[:, :origin] > 0.0
    last = origin - 1 - np.argmax(sold[:, ::-1], axis=1) if origin else np.zeros(len(level), dtype=np.int64)
    columns.append(np.where(sold.any(axis=1), origin - 1 - last, 999.0))
    columns.append(np.clip(origin - past.known_from, 0, 400).astype(np.float64))
    columns.append(np.log(level))
    columns.extend(_prices(past, origin))
    columns.extend(_orders(past, origin, level))
    week, month = _pace(past.group_sums, origin)
    columns.extend([week[past.group_index], month[past.group_index]])
    week, month = _pace(past.totals[None, :], origin)
    columns.extend([np.full(len(level), week[0]), np.full(len(level), month[0])])
    columns.append(np.log1p(np.bincount(past.group_index, minlength=1)[past.group_index].astype(np.float64)))
    return np.column_stack(columns).astype(np.float32)


def horizon_features(past: History, origin: int, step: int, level: Floats, ordered: OrderedPast) -> NDArray[np.float32]:
    """Features of the target day `step` days after the last known one (step 0 is the origin's own day)."""
    rows = len(level)
    target = origin + step
    day = past.frame.first_day + target
    columns = [np.full(rows, float(step)), np.full(rows, float((day + 3) % 7)), np.full(rows, _month_day(day))]
    same = np.arange(target - 7 * (step // 7 + 1), -1, -7)[: max(WEEKDAYS)]
    values = past.sums[:, same + 1] - past.sums[:, same]
    known = past.counts[:, same + 1] - past.counts[:, same]
    for count in WEEKDAYS:
        days = known[:, :count].sum(axis=1)
        mean = values[:, :count].sum(axis=1) / np.maximum(days, 1.0)
        columns.append(np.where(days > 0.0, mean, np.nan) / level)
    largest = values[:, :8].max(axis=1) if len(same) else np.full(rows, np.nan)
    columns.append(largest / level)
    columns.append(np.full(rows, _weekday_share(past.totals[None, :], same, origin)[0]))
    columns.append(_weekday_share(past.group_sums, same, origin)[past.group_index])
    is_open = past.frame.open_days[same] if len(same) else np.ones(1, dtype=bool)
    columns.append(np.full(rows, float(is_open.mean())))
    columns.append(_year_ago(past, target, origin) / level)
    columns.append(calendar_factor(past, origin, step))
    columns.extend((weekday_quantiles(ordered, step, OWN_LEVELS) / level[:, None]).T)
    columns.extend(_schedule(past.frame, origin, target))
    return np.column_stack(columns).astype(np.float32)


def calendar_factor(past: History, origin: int, step: int) -> Floats:
    """Calendar factor of the target day over that of the last four weeks, N values; 1 without an outlook.

    Bounded to a factor of 20: a campaign multiplies demand, a faulty prior must not multiply it without end.
    """
    target = origin + step
    if past.outlook is None or target >= past.outlook.shape[1]:
        return np.ones(past.sums.shape[0])
    usual = past.outlook[:, max(0, origin - 28) : max(origin, 1)].mean(axis=1)
    factor = past.outlook[:, target] / np.maximum(usual, 1e-9)
    return np.asarray(np.clip(np.nan_to_num(factor, nan=1.0), 0.05, 20.0)[past.group_index])


def _running(values: Floats) -> Floats:
    out = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=out[:, 1:])
    return out


def _without_giants(pieces: Floats, known: NDArray[np.bool_]) -> Floats:
    """Pieces with each day bounded by what is usual up to that day: three times the running mean of selling days.

    A single wholesale order would otherwise hold up the level of a series for as long as a window lasts.
    """
    sold = (pieces > 0.0) & known
    amount, days = np.cumsum(pieces, axis=1), np.cumsum(sold, axis=1)
    before = np.zeros_like(pieces)
    before[:, 1:] = (amount / np.maximum(days, 1))[:, :-1]
    few = np.zeros_like(sold)
    few[:, 0] = True
    few[:, 1:] = days[:, :-1] < 5
    return np.asarray(np.where(few, pieces, np.minimum(pieces, 3.0 * before)))


def _orders(past: History, origin: int, level: Floats) -> list[Floats]:
    """Order counts priced at the steady basket, the level without giants, and the basket itself."""
    start = max(0, origin - 112)
    amount = past.steady[:, origin] - past.steady[:, start]
    count = past.orders[:, origin] - past.orders[:, start]
    basket = np.where(count > 0.0, amount / np.maximum(count, 1.0), np.nan)
    columns = [_share(past.orders, past.counts, origin, width) * basket / level for width in ORDER_WINDOWS]
    columns.extend(_share(past.steady, past.counts, origin, width) / level for width in (28, 112))
    return [*columns, basket / level]


def _share(sums: Floats, counts: Floats, origin: int, width: int) -> Floats:
    start = max(0, origin - width)
    days = counts[:, origin] - counts[:, start]
    return np.where(days > 0.0, (sums[:, origin] - sums[:, start]) / np.maximum(days, 1.0), np.nan)


def _window_mean(past: History, origin: int, width: int) -> Floats:
    return _share(past.sums, past.counts, origin, width)


def _recent_order(past: History, origin: int, level: Floats) -> list[Floats]:
    """Order statistics of recent open days; unknown days count as missing."""
    out: list[Floats] = []
    for width, shares in ((28, (0.5, 0.85)), (56, (0.2, 0.9))):
        start = max(0, origin - width)
        window = past.frame.pieces[:, start:origin]
        known = past.counts[:, start + 1 : origin + 1] - past.counts[:, start:origin] > 0.0
        ordered = np.sort(np.where(known, window, np.inf), axis=1)
        days = known.sum(axis=1)
        for share in shares:
            place = np.clip((share * (days - 1) + 0.5).astype(np.int64), 0, max(window.shape[1] - 1, 0))
            value = ordered[np.arange(len(level)), place] if window.shape[1] else np.full(len(level), np.nan)
            out.append(np.where(days > 0, value, np.nan) / level)
        if width == 28:
            largest = np.where(known, window, 0.0).max(axis=1) if window.shape[1] else np.zeros(len(level))
    return [*out, largest / level]


def _prices(past: History, origin: int) -> list[Floats]:
    price = past.frame.price[:, max(0, origin - LEVEL_WINDOW) : origin]
    sold = np.isfinite(price)
    mean = np.where(sold, price, 0.0).sum(axis=1) / np.maximum(sold.sum(axis=1), 1)
    recent = price[:, -7:]
    fresh = np.isfinite(recent)
    last = np.where(fresh, recent, 0.0).sum(axis=1) / np.maximum(fresh.sum(axis=1), 1)
    usable = (mean > 0.0) & fresh.any(axis=1)
    ratio = np.where(usable, last / np.maximum(mean, 1e-9), np.nan)
    return [ratio, np.where(mean > 0.0, np.log(np.maximum(mean, 1e-9)), np.nan)]


def _pace(sums: Floats, origin: int) -> tuple[Floats, Floats]:
    """Last week over last four, and last four over last sixteen, of aggregates."""

    def mean(width: int) -> Floats:
        start = max(0, origin - width)
        return (sums[:, origin] - sums[:, start]) / max(origin - start, 1)

    week, month, long = mean(7), mean(28), mean(112)
    return np.asarray(week / np.maximum(month, 1e-9)), np.asarray(month / np.maximum(long, 1e-9))


def _weekday_share(sums: Floats, same: Ints, origin: int) -> Floats:
    """Mean of the aggregate on the target's weekday over its mean day, last eight weeks."""
    start = max(0, origin - 56)
    every = (sums[:, origin] - sums[:, start]) / max(origin - start, 1)
    if not len(same):
        return np.ones(sums.shape[0])
    mine = (sums[:, same + 1] - sums[:, same]).mean(axis=1)
    return np.asarray(mine / np.maximum(every, 1e-9))


def _year_ago(past: History, target: int, origin: int) -> Floats:
    """Mean of the seven days around the same weekday a year ago; NaN when the history is shorter."""
    centre = target - 364
    if centre < 3:
        return np.full(past.sums.shape[0], np.nan)
    stop = min(centre + 4, origin)
    return _share(past.sums, past.counts, stop, stop - (centre - 3))


def _schedule(frame: DailyFrame, origin: int, target: int) -> list[Floats]:
    """What is announced for the target day, beside the hours on the air that were usual; NaN without a schedule."""
    ahead = frame.ahead
    if ahead is None or target >= ahead.days:
        return [np.full(len(frame.keys), np.nan)] * 5
    hours, *rest = ahead.on(target)
    return [hours, ahead.usual(max(0, origin - 28), max(origin, 1)), *rest]


def _month_day(day: int) -> float:
    return float(np.datetime64(int(day), "D").astype(object).day)
