"""Days ahead on which the trade will be shut: public holidays, where it was shut on all of the last ones.

A closed day teaches nothing, so no effect of a holiday is learned by a trade that closes on it, and the next one would be forecast like any day.
A trade that sold on a single one of its last holidays is open on all to come.
"""

from __future__ import annotations

import numpy as np

from supplychain.forecasting.frames import DailyFrame, Flags, Ints
from supplychain.forecasting.prior_record import RARELY_OPEN, open_weekdays
from supplychain.forecasting.trade_calendar import TradeCalendar

LEAST_HOLIDAYS = 3
LAST_HOLIDAYS = 8


def shut_ahead(frame: DailyFrame, calendar: TradeCalendar, days: Ints) -> Flags:
    """Whether the trade will be shut on each of some days after the frame, for a holiday.

    Parameters
    ----------
    days
        Days from 1970-01-01.
    """
    wanted = np.asarray(days, dtype=np.int64)
    nothing = np.zeros(len(wanted), dtype=bool)
    if not calendar.country or not len(wanted) or not frame.pieces.shape[1]:
        return nothing
    known = frame.days
    usually = np.asarray(open_weekdays(known, frame.open_days))[(known + 3) % 7] >= RARELY_OPEN
    held = np.flatnonzero(calendar.holidays(known) & usually)[-LAST_HOLIDAYS:]
    if len(held) < LEAST_HOLIDAYS or bool(frame.open_days[held].any()):
        return nothing
    return calendar.holidays(wanted)
