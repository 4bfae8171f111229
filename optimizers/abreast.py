"""Items planned side by side: each list beside its share of what is left, so that plans use every core.

The lists are cut by the problem and not by the number of threads, so the same problem gives the same plan on any machine. Each
list has ledgers of its own: what is used so far, and a share of the room left or of the over-use. As long as every list stays
within its share, all together stay within the limit; over-use costs no more than the lists counted, because the excess of a
sum is at most the sum of the excesses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from optimizers import positions as at
from optimizers.milp import Floats
from optimizers.posting import Ledgers
from optimizers.solution import Ints

ABREAST, MANY = 2, 800
"""Lists side by side, and from how many items on."""


def lists_for(items: int) -> int:
    """How many lists a problem of so many items is planned in."""
    return ABREAST if items >= MANY else 1


def in_threads(threads: int, count: int, work: Callable[[int, int], None]) -> None:
    """Call `work(number, thread)` for each number below `count`; a thread takes every so manieth of them."""

    def some(thread: int) -> None:
        for number in range(thread, count, threads):
            work(number, thread)

    if threads == 1 or count == 1:
        for number in range(count):
            work(number, 0)
        return
    with ThreadPoolExecutor(min(threads, count)) as pool:
        list(pool.map(some, range(min(threads, count))))


def cut(items: Ints, of_list: Ints, count: int) -> list[Ints]:
    """`items` by the list they belong to, each list in the order given."""
    return [items] if count == 1 else [items[of_list[items] == number] for number in range(count)]


def own_ledgers(ledgers: Ledgers, cap_shares: Floats) -> list[Ledgers]:
    """Ledgers for each list: a copy of what is used, and a share of what is left.

    cap_shares : (lists, C) share of each list in a sale cap. New orders of a supplier that has a minimum value must keep it,
    whatever the other lists do, so each list may take away its share of what stands above it, and never all.
    """
    if len(cap_shares) == 1:
        return [ledgers]
    share = 1.0 / len(cap_shares)
    return [_part(ledgers, share, own) for own in cap_shares]


def copies(ledgers: Ledgers, count: int) -> list[Ledgers]:
    """The ledgers, and as many copies of them as make `count`."""
    return [ledgers, *(_copy(ledgers) for _ in range(count - 1))]


def _copy(ledgers: Ledgers) -> Ledgers:
    return ledgers._replace(
        group=ledgers.group.copy(), lane=ledgers.lane.copy(), storage=ledgers.storage.copy(), cap=ledgers.cap.copy(),
        deal=ledgers.deal.copy(), deals=ledgers.deals.copy(),
    )  # fmt: skip


def _part(ledgers: Ledgers, share: float, cap_share: Floats) -> Ledgers:
    own = _copy(ledgers)
    group, lane, storage, cap, deal, deals = own.group, own.lane, own.storage, own.cap, own.deal, own.deals
    group[at.USED_GROUP_LIMIT] = _shared(group[at.USED_GROUP], group[at.USED_GROUP_LIMIT], share)
    lane[at.USED_LANE_LIMIT] = _shared(lane[at.USED_LANE], lane[at.USED_LANE_LIMIT], share)
    level = np.cumsum(storage[at.USED_STORAGE], axis=1)
    storage[at.USED_STORAGE_LIMIT] = _shared(level, storage[at.USED_STORAGE_LIMIT], share)
    cap[at.USED_CAP_LIMIT] = cap[at.USED_CAP] + np.floor(cap_share * (cap[at.USED_CAP_LIMIT] - cap[at.USED_CAP]))
    held = _held(ledgers)
    kept = _shared(deal[at.USED_DEAL], deal[at.USED_DEAL_LEAST], share)
    deal[at.USED_DEAL_LEAST] = np.where(held > 0, np.minimum(kept, deal[at.USED_DEAL]), deal[at.USED_DEAL_LEAST])
    deals[at.USED_DEALS] += held
    return own


def _shared(used: Floats, limit: Floats, share: float) -> Floats:
    return np.asarray(used + share * (limit - used))


def _held(ledgers: Ledgers) -> Ints:
    """1 where new orders must keep a minimum value together."""
    return np.asarray((ledgers.deals[at.USED_DEALS] > 0) & (ledgers.deal[at.USED_DEAL_LEAST] > 0), dtype=np.int64)


def add_up(ledgers: Ledgers, own: Sequence[Ledgers]) -> None:
    """Post to `ledgers` what each list added to or took from its own."""
    if len(own) == 1:
        return
    held = _held(ledgers)
    for name, row in (
        ("group", at.USED_GROUP), ("lane", at.USED_LANE), ("storage", at.USED_STORAGE), ("cap", at.USED_CAP),
        ("deal", at.USED_DEAL), ("deals", at.USED_DEALS),
    ):  # fmt: skip
        used = getattr(ledgers, name)[row]
        before = used.copy() + (held if name == "deals" else 0)
        for each in own:
            used += getattr(each, name)[row] - before
