"""What would help: the limits that the plan of a group leans on, each lifted alone, ranked by what that is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from optimizers import solve
from optimizers.relief import Limit, Relief, candidates, ranked, reliefs
from supplychain.domain.errors import ConflictError
from supplychain.planning.baseline import shelf_baseline
from supplychain.planning.draft import Draft
from supplychain.planning.ports import Store
from supplychain.planning.propose import params
from supplychain.planning.request import business_now, group_of
from supplychain.planning.translate import translate
from supplychain.planning.view import load


def what_would_help(
    store: Store, skus: Sequence[str], progress: Callable[[float], None] = lambda share: None
) -> dict[str, Any]:
    """Plan the groups of `skus` as the world is, and again without each limit; nothing is stored.

    Returns
    -------
    Cost, bound and missing pieces of the plan, and `reliefs`, the largest gain first: `gain_minor`, `pieces` served more,
    and `certain`, whether the gain is more than the gap of the plan could explain.

    Raises
    ------
    NotFoundError
        If a SKU is unknown; `ConflictError` if no time has passed yet or nothing of the groups is stocked.
    """
    cut = business_now(store)
    if cut is None:
        raise ConflictError("no business time has passed yet", way_out="start the service and wait for its first tick")
    with store.read() as tx:
        _, catalogue = tx.versions.network()
        view = load(tx, tuple(sorted({group_of(catalogue, sku) for sku in skus})), cut)
    draft = translate(view, shelf_baseline(view))
    if draft is None:
        raise ConflictError("the groups hold nothing that is stocked", way_out="name other SKUs")
    limits = params(view.tuning, len(view.groups))
    solution = solve(draft.problem, limits)
    tried = candidates(draft.problem, solution)
    found: list[Relief] = []
    for done, relief in enumerate(reliefs(draft.problem, solution, tried, limits), start=1):
        found += [relief] if relief else []
        progress(done / len(tried))
    slack = solution.objective - solution.bound
    return {
        "cut": cut,
        "groups": list(view.groups),
        "cost_minor": solution.objective,
        "bound_minor": solution.bound,
        "short": int(solution.shortage.sum()),
        "tried": len(tried),
        "reliefs": [
            {
                "limit": relief.limit.value,
                "where": _place(draft, relief),
                "gain_minor": relief.gain,
                "pieces": relief.pieces,
                "certain": relief.gain > slack,
            }
            for relief in ranked(found)
        ],
    }


def _place(draft: Draft, relief: Relief) -> str:
    """Return the name of what a limit belongs to."""
    modes, row = draft.problem.modes, relief.where
    match relief.limit:
        case Limit.SUPPLIER_CAPACITY:
            return next(
                mode.offer.supplier for mode, group in zip(draft.modes, modes.group, strict=True) if group == row
            )
        case Limit.MINIMUM_VALUE:
            suppliers = draft.problem.mode_supplier
            return next(mode.offer.supplier for mode, at in zip(draft.modes, suppliers, strict=True) if at == row)
        case Limit.MOQ | Limit.SPACING:
            return next(mode.offer.offer for mode, offer in zip(draft.modes, modes.offer, strict=True) if offer == row)
        case Limit.LANE_CAPACITY:
            return f"{draft.lanes[row].origin} to {draft.lanes[row].destination}"
        case Limit.STORAGE:
            return draft.warehouses[row]
        case Limit.FENCE:
            return draft.items[row]
