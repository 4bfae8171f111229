"""Price coordination: thousands of items, each planned exactly by itself, brought together by prices of what they share.

A sweep solves every item's program under the current prices of capacity, lanes, storage, sale caps and stock in the
wrong place; its value is a lower bound on any plan. What items share is then priced from the last sweeps together
(`bundle`), stock in the wrong place by how far the item's plan lies above its bound, service against over-use; where there
are many items, a sample of them finds the first prices. Between sweeps a plan is made that can be carried out, and
improved as long as that pays. So there is a plan and a proof at any time, and both only get better.

Source: Lagrangian relaxation (Geoffrion 1974; Fisher, Management Science 27, 1981) with sign-based steps (Riedmiller and
Braun, Rprop, 1993), which need no scale common to minor units per piece, per volume unit and per capacity unit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizers.abreast import in_threads
from optimizers.bundle import learn, next_prices
from optimizers.coordination import (
    MANY_ITEMS,
    SHARED,
    Coordination,
    coordinate,
    own_prices,
    scaled,
    shared_prices,
    with_shared,
)
from optimizers.limits import bound_of
from optimizers.milp import Floats
from optimizers.plans import exchange_round, improve_round, plan_round, worst_first
from optimizers.posting import regrets
from optimizers.routes import Rates, no_limits
from optimizers.solution import Ints, StopReason
from optimizers.sweep import Use, empty_use, sweep

GROW, SHRINK = 1.2, 0.6
FIRST_PLANS, PLAN_EVERY = (1, 4), 6
"""After which sweeps, and after how many, a plan is made at the best prices."""
SAMPLE, SAMPLE_SWEEPS = 800, 12
"""Items of the sample that finds the first prices where there are many, and its sweeps."""
FIRST_SHARE, LESS_SHARE, LEAST_SHARE = 0.4, 0.97, 0.03
"""Share of the distance from bound to plan that prices of stock elsewhere should gain, its factor by sweep, and its least."""
KNOWN = 0.5
"""Weight of what a piece of stock elsewhere is worth in the plan in its next price."""
FEW, LEAST_FEW = 8, 1_000
"""One item in so many, but no fewer than the second, is planned again after a plan: the worst; the others hardly gain."""
WORST, LEAST_WORST = 50, 200
"""One item in so many, but no fewer than the second, looks for an exchange."""


def sweep_all(state: Coordination, parts: Sequence[Ints]) -> list[Use]:
    """Solve the items of `parts` at the current prices; a use per part, whose `lot`, `served` and `bound` are common.

    Parts are fixed, so the sums do not depend on the number of threads.
    """
    lay, size = state.lay, state.problem.sizes
    room = no_limits(lay)[0]
    first = empty_use(lay, size["G"], size["C"])
    own = ("group", "lane", "storage", "cap")
    uses = [first._replace(**{name: np.zeros_like(getattr(first, name)) for name in own}) for _ in parts]

    def work(number: int, thread: int) -> None:
        scratch = state.scratch[thread]
        sweep(state.tables, parts[number], state.rates, room, state.closed, scratch, uses[number], state.wish)

    in_threads(len(state.scratch), len(parts), work)
    return uses


def total(uses: list[Use]) -> Use:
    """Use of all parts together."""
    own = ("group", "lane", "storage", "cap")
    return uses[0]._replace(**{name: np.sum([getattr(use, name) for use in uses], axis=0) for name in own})


def price_round(state: Coordination) -> None:
    """One sweep: take the bound when it is the best so far, then choose the next prices.

    Those of what items share come from the last sweeps together, those of one item's own move against over-use.
    """
    uses = sweep_all(state, state.parts)
    use = total(uses)
    found = bound_of(state.limits, state.rates, use)
    state.sweeps += 1
    if found > state.bound:
        state.bound, state.best_rates, state.item_bounds = found, state.rates, use.bound
        state.part_group, state.part_lane = np.stack([u.group for u in uses]), np.stack([u.lane for u in uses])
    state.note()
    limits, before = state.limits, state.rates
    lots = np.where(state.lay.lot_hub == 0, use.lot - limits.lot, 0.0)
    unserved = limits.service - use.served
    over = Rates(
        use.group - limits.group, use.lane - limits.lane, use.storage - limits.storage, use.cap - limits.cap, lots, unserved
    )  # fmt: skip
    learn(state.bundle, found, shared_prices(before), own_prices(before), shared_prices(over), own_prices(over))
    move_prices(state, use, (limits.group, limits.lane, limits.storage, limits.cap), lots, unserved)
    state.rates = state.rates._replace(lot=lot_prices(state, before, use, lots))
    state.rates = with_shared(state.rates, next_prices(state.bundle, own_prices(state.rates)))


def own_round(state: Coordination) -> None:
    """One sweep that moves the prices of one item's own, of lots and service, and keeps those of what is shared."""
    use, before = total(sweep_all(state, state.parts)), state.rates
    state.sweeps += 1
    found = bound_of(state.limits, before, use)
    if found > state.bound:
        state.bound, state.best_rates, state.item_bounds = found, before, use.bound
    lots, unserved = (
        np.where(state.lay.lot_hub == 0, use.lot - state.limits.lot, 0.0),
        state.limits.service - use.served,
    )
    limits = state.limits
    move_prices(state, use, (limits.group, limits.lane, limits.storage, limits.cap), lots, unserved)
    own = Rates(*before[:SHARED], *state.rates[SHARED:])
    state.rates = own._replace(lot=lot_prices(state, before, use, lots))


def move_prices(state: Coordination, use: Use, free: Sequence[Floats], lots: Floats, unserved: Floats) -> None:
    """Move every price against over-use of what is `free` (capacity, lanes, storage, sale caps), of lots, and lack of service."""
    moved, steps, signs = [], [], []
    shared = (use.group - free[0], use.lane - free[1], use.storage - free[2], use.cap - free[3])
    over, most_of_all = (*shared, lots, unserved), state.limits.most
    for price, step, sign, most, excess in zip(state.rates, state.steps, state.signs, most_of_all, over, strict=True):
        now = np.sign(excess)
        now = np.where((price <= 0) & (now < 0), 0.0, now)
        turn = now * sign
        length = np.where(turn > 0, step * GROW, np.where(turn < 0, step * SHRINK, step))
        moved.append(np.clip(price + now * length, 0.0, most))
        steps.append(length)
        signs.append(now)
    state.rates, state.steps, state.signs = Rates(*moved), Rates(*steps), Rates(*signs)


def lot_prices(state: Coordination, before: Rates, use: Use, over: Floats) -> Floats:
    """Next prices of stock elsewhere (lots,): a step along its over-use, as long as the item's plan lies above its bound.

    A line takes one lot or another, so the sign of over-use alone says little: moved by it, bounds were half as near to plans.
    Before there is a plan, prices stay as the sign moved them.

    Source: Polyak, "Minimization of unsmooth functionals" (1969), with the plan in force as the target.
    """
    lay, items = state.lay, len(state.lay.hub)
    if not state.planned or (lay.lot_hub == 1).all():
        return state.rates.lot
    owner, above = np.repeat(np.arange(items), np.diff(lay.lot_start)), np.zeros(items)
    least = use.bound + before.service * state.limits.service
    regrets(state.tables, before, state.book, least, above)
    slope = np.where((before.lot <= 0) & (over < 0), 0.0, over)
    squared = np.bincount(owner, slope * slope, items)
    share = max(FIRST_SHARE * LESS_SHARE**state.sweeps, LEAST_SHARE)
    length = np.divide(share * np.maximum(above, 0.0), squared, where=squared > 0, out=np.zeros(items))
    return np.asarray(np.clip(before.lot + length[owner] * slope, 0.0, state.limits.most.lot))


def learn_worth(state: Coordination) -> None:
    """Next prices of stock elsewhere: half of what one more piece would have saved in the plan just made."""
    if state.lay.lot_hub.all():
        return
    worth = np.where(state.lay.lot_hub == 0, state.book.worth, 0.0)
    state.rates = state.rates._replace(lot=(1.0 - KNOWN) * state.rates.lot + KNOWN * worth)


def sample_prices(state: Coordination) -> None:
    """First prices from every k-th item: its share of each limit is its share of the use at prices of zero."""
    items = len(state.lay.hub)
    sample = np.arange(0, items, items // SAMPLE, dtype=np.int64)
    parts = np.array_split(sample, 16)
    everything = total(sweep_all(state, state.parts))
    state.sweeps += 1
    alone = total(sweep_all(state, parts))
    free = [_share(state, name, alone, everything, len(sample) / items) for name in ("group", "lane", "storage", "cap")]
    nothing, recent = (np.zeros(len(state.lay.lot_pieces)), np.zeros(items)), []
    for _ in range(SAMPLE_SWEEPS):
        move_prices(state, alone, free, *nothing)
        recent.append(state.rates)
        if state.budget.exhausted():
            return
        alone = total(sweep_all(state, parts))
    middle = (np.mean([rates[k] for rates in recent[SAMPLE_SWEEPS // 2 :]], axis=0) for k in range(SHARED))
    state.rates = Rates(*middle, *state.rates[SHARED:])
    state.steps, state.signs = state.first, Rates(*(np.zeros_like(sign) for sign in state.signs))


def _share(state: Coordination, name: str, alone: Use, everything: Use, part: float) -> Floats:
    """What a sample may use of a limit; `part` of it where nothing uses it at prices of zero."""
    own, whole = getattr(alone, name), getattr(everything, name)
    ratio = np.divide(own, whole, where=whole > 0, out=np.full_like(whole, part))
    return np.asarray(ratio * getattr(state.limits, name))


def finished(state: Coordination) -> StopReason | None:
    """Why to stop now, or None."""
    if state.planned and state.gap <= state.params.gap:
        return StopReason.GAP
    if state.sweeps >= state.params.sweeps:
        return StopReason.WORK
    return state.budget.exhausted()


def run(state: Coordination) -> StopReason:
    """Alternate sweeps, plans and improvements until a limit is reached; a plan exists from the first round on."""
    if len(state.lay.hub) >= MANY_ITEMS:
        sample_prices(state)
    rounds = 0
    while True:
        price_round(state)
        rounds += 1
        last = state.sweeps >= state.params.sweeps
        if last or rounds in FIRST_PLANS or rounds % PLAN_EVERY == 0:
            plan_round(state, state.best_rates)
            state.note()
            learn_worth(state)
            if rounds > 1 and state.gap > state.params.gap:
                improve(state)
        stop = finished(state)
        if stop is not None:
            return stop


def improve(state: Coordination) -> None:
    """Plan again the items that cost more than they have to: by themselves, then the worst in exchange with others."""
    items = len(state.lay.hub)
    for level in (0.5, 0.0):
        improve_round(state, scaled(state.best_rates, level), worst_first(state)[: max(items // FEW, LEAST_FEW)])
    if state.budget.exhausted() is None:
        exchange_round(state, state.best_rates, worst_first(state)[: max(items // WORST, LEAST_WORST)])
    state.note()


__all__ = ["Coordination", "coordinate", "improve_round", "plan_round", "price_round", "run", "scaled"]
