"""Why this quantity: one equation of whole pieces that adds up to the line, and the facts behind it.

The equation of an order reads: expected gross demand until the end of its cover, less expected loss, gives net; plus safety,
less what is there and coming, gives the need; plus rounding to the supplier's batch gives the quantity. Cover is as long
as the quantity reaches, so rounding is always smaller than the next day's demand or one batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from optimizers.explain import LineReason
from optimizers.solution import Solution
from supplychain.domain.plan import Explanation, Term
from supplychain.domain.units import HOUR, iso
from supplychain.planning.draft import Draft

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Curve:
    """Cumulative pieces of one item by the end of each period: accepted, mean of the future, safety, gross."""

    accepted: Ints
    mean: Ints
    safety: Ints
    gross: Ints

    def needed(self, period: int) -> int:
        """Net demand with safety up to the end of a period."""
        return int(self.accepted[period] + self.mean[period] + self.safety[period])


def _curve(draft: Draft, item: int) -> _Curve:
    demand, periods = draft.problem.demand, draft.grid.periods
    mine = demand.item == item
    safety = np.array(draft.safety_row, dtype=bool)

    def summed(rows: npt.NDArray[np.bool_]) -> Ints:
        return np.cumsum(np.bincount(demand.due[rows], weights=demand.pieces[rows], minlength=periods)).astype(np.int64)

    gross = np.zeros(periods)
    for (sku, _region, due), pieces in draft.path.gross.items():
        if sku == draft.items[item]:
            gross[min(due, periods - 1)] += pieces
    return _Curve(
        accepted=summed(mine & demand.accepted),
        mean=summed(mine & ~demand.accepted & ~safety),
        safety=summed(mine & safety),
        gross=np.round(np.cumsum(gross)).astype(np.int64),
    )


def explain_order(
    draft: Draft, solution: Solution, item: int, quantity: int, earlier: int, mode: int, period: int
) -> Explanation:
    """Explain one order line.

    Parameters
    ----------
    quantity
        Pieces of the line.
    earlier
        Pieces of the item that earlier waves of this plan order.
    """
    problem, grid = draft.problem, draft.grid
    curve = _curve(draft, item)
    on_hand = int(problem.stock.on_hand[item].sum())
    inbound = int(problem.inflow.pieces[problem.inflow.item == item].sum())
    supply = on_hand + inbound + earlier
    reach = [p for p in range(grid.periods) if curve.needed(p) > supply and curve.needed(p) - supply <= quantity]
    positive = [p for p in range(grid.periods) if curve.needed(p) > supply]
    until = reach[-1] if reach else (positive[0] if positive else grid.periods - 1)
    net = int(curve.accepted[until] + curve.mean[until])
    gross = max(net, int(curve.gross[until]))
    rest = quantity - (curve.needed(until) - supply)
    chosen = draft.modes[mode]
    rounding = f"to MOQ {chosen.moq} and multiples of {chosen.offer.multiple}, or ahead of a dearer time"
    terms = [
        Term("gross demand", gross, f"accepted orders and forecast due until {iso(grid.boundaries[until + 1])}"),
        Term("expected loss", net - gross, "cancellations before shipment, pieces already shipped"),
        Term(
            "safety",
            int(curve.safety[until]),
            f"up to the {draft.view.tuning.planning.service_quantile:.0%} quantile where it pays",
        ),
        Term("on hand", -on_hand, "sellable, before reservations"),
        Term("inbound", -inbound, "approved, released, confirmed and in transit, and expected sellable returns"),
        Term("earlier waves", -earlier, "of this plan"),
        Term(
            "rounding" if rest >= 0 else "left short",
            rest,
            rounding if rest >= 0 else "a limit or its price forbids more",
        ),
    ]
    facts = {
        "net_demand": net,
        "cover_until": grid.boundaries[until + 1],
        "cover_hours": round((grid.boundaries[until + 1] - grid.boundaries[period]) / HOUR, 1),
        "moq": chosen.moq,
        "multiple": chosen.offer.multiple,
        "order_cost_minor": chosen.offer.order_cost_minor,
        "expected_returns": sum(p for (sku, _), p in draft.path.whole_returns().items() if sku == draft.items[item]),
        "binding": _binding(draft, solution, mode, period),
        "alternatives": _alternatives(draft, item, mode, period, quantity),
        **_evidence(draft, draft.items[item]),
    }
    return Explanation(tuple(term for term in terms if term.pieces or term.name in {"gross demand", "on hand"}), facts)


def otherwise(draft: Draft, answer: LineReason | None) -> dict[str, Any]:
    """What the plan would cost more if the order were another, minor units; None where no other order is possible.

    `instead_of_offer` are the orders that would take its place without the supplier's offer, none of them when transfers
    and shortage would.
    """
    if answer is None:
        return {}
    found: dict[str, Any] = {"one_batch_more_minor": answer.more_cost, "one_batch_less_minor": answer.less_cost}
    other = answer.alternative
    if other is not None:
        found["without_offer_minor"] = other.extra_cost
        found["instead_of_offer"] = [
            {
                "supplier": draft.modes[mode].offer.supplier,
                "mode": "expedite" if draft.modes[mode].expedite else "normal",
                "pieces": pieces,
                "release_at": draft.grid.boundaries[period],
                "arrive_at": draft.mode_arrivals[mode][period],
            }
            for mode, period, pieces in zip(
                other.mode.tolist(), other.period.tolist(), other.pieces.tolist(), strict=True
            )
        ]
    return found


def explain_move(draft: Draft, solution: Solution, item: int, quantity: int, destination: int) -> Explanation:
    """Explain one movement: what leaves the destination, less what is there and coming otherwise, plus what stays."""
    problem, lanes = draft.problem, draft.problem.lanes
    served = solution.deliveries
    from_here = (problem.demand.item[served.demand] == item) & (lanes.origin[served.lane] == destination)
    buyers = int(served.pieces[from_here].sum())
    moves = solution.moves
    mine = moves.item == item
    onward = int(moves.pieces[mine & (lanes.origin[moves.lane] == destination)].sum())
    others = int(moves.pieces[mine & (lanes.to_warehouse[moves.lane] == destination)].sum()) - quantity
    on_hand = int(problem.stock.on_hand[item, destination])
    here = (problem.inflow.item == item) & (problem.inflow.warehouse == destination)
    inbound = int(problem.inflow.pieces[here].sum())
    if int(problem.goods.receiving[item]) == destination:
        ordered = problem.mode_item[solution.orders.mode] == item
        inbound += int(solution.orders.pieces[ordered & (solution.orders.arrival < draft.grid.periods)].sum())
    rest = quantity - (buyers + onward - on_hand - inbound - others)
    terms = [
        Term("demand served here", buyers, "net demand of the regions that this warehouse serves in the plan"),
        Term("moved on", onward),
        Term("on hand", -on_hand, "at the destination"),
        Term("inbound", -inbound, "to the destination"),
        Term("other movements", -others, "of this plan to the destination"),
        Term("kept here" if rest >= 0 else "left short", rest, "stays at the destination at the end of the horizon"),
    ]
    kept = tuple(term for term in terms if term.pieces or term.name == "demand served here")
    return Explanation(kept, _evidence(draft, draft.items[item]))


def _binding(draft: Draft, solution: Solution, mode: int, period: int) -> list[dict[str, Any]]:
    """The limits that cost something here, with their shadow price in minor units per unit of capacity."""
    group, bucket = int(draft.problem.modes.group[mode]), int(draft.problem.time.bucket[period])
    found = []
    if group >= 0:
        price = float(solution.prices.group[group, bucket])
        if price > 0.005:
            supplier = draft.modes[mode].offer.supplier
            found.append(
                {"limit": "supplier capacity", "where": supplier, "day": bucket, "price_minor": round(price, 2)}
            )
    return found


def _alternatives(draft: Draft, item: int, mode: int, period: int, quantity: int) -> list[dict[str, Any]]:
    """The other offers, and the other speed of this one, for the same pieces now: what they cost more, when they arrive."""
    chosen = draft.modes[mode]
    cost = chosen.unit_cost_minor * quantity + chosen.offer.order_cost_minor
    best: dict[tuple[str, bool], dict[str, Any]] = {}
    for number, other in enumerate(draft.modes):
        way = (other.offer.offer, other.expedite)
        if int(draft.problem.mode_item[number]) != item or way == (chosen.offer.offer, chosen.expedite):
            continue
        pieces = max(other.moq, -(-quantity // other.offer.multiple) * other.offer.multiple)
        row = {
            "supplier": other.offer.supplier,
            "offer": other.offer.offer,
            "mode": "expedite" if other.expedite else "normal",
            "pieces": pieces,
            "extra_minor": other.unit_cost_minor * pieces + other.offer.order_cost_minor - cost,
            "arrive_at": draft.mode_arrivals[number][period],
        }
        if way not in best or row["extra_minor"] < best[way]["extra_minor"]:
            best[way] = row
    return sorted(best.values(), key=lambda row: (row["extra_minor"], row["offer"], row["mode"]))[:3]


def _evidence(draft: Draft, sku: str) -> Mapping[str, Any]:
    """Spikes and session forecasts behind the demand of an item (also of the bundles it is in), and the versions used."""
    view = draft.view
    sold_as = {name for name in view.skus if any(part.sku == sku for part in view.catalogue.exploded(name))}
    spikes: Sequence[Mapping[str, Any]] = [spike for spike in view.spikes if spike["sku"] in sold_as]
    return {
        "spikes": [
            {
                "spike": spike["spike"],
                "session": spike["session"],
                "ratio": round(spike["ratio"], 2),
                "observed": spike["observed"],
                "expected": round(spike["expected"], 1),
                "started_at": spike["started_at"],
                "reason": spike["reason"],
            }
            for spike in spikes[-3:]
        ],
        "session_forecasts": [
            {
                "session": f.session,
                "sku": f.sku,
                "as_of": f.as_of,
                "so_far": sum(f.so_far.values()),
                "rest": round(f.rest_mean, 1),
            }
            for f in view.forecasts
            if f.sku in sold_as and f.ends_at > view.cut
        ],
        "model_version": view.model_version,
        "tuning_version": view.tuning_version,
        "network_version": view.network_version,
    }
