"""`supplychain plan`: list, show, approve, reject, edit, release, cancel, run, relax."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from supplychain.bootstrap import Services, wall_now
from supplychain.cli.context import ActorName, Config, DataDir, Reason, actor, opened
from supplychain.cli.output import Json, bar, moment, money, pairs, screen, show_json, table
from supplychain.domain.errors import ConflictError
from supplychain.domain.plan import PlanLine
from supplychain.planning import cancel as cancelling
from supplychain.planning import release as releasing
from supplychain.planning import request, review
from supplychain.planning.ports import PlanFilter
from supplychain.planning.present import line_document
from supplychain.planning.propose import propose
from supplychain.planning.relief import what_would_help
from supplychain.planning.shortages import KINDS, shortages_by_item

app = typer.Typer(help="Plans: look, approve, reject, edit, release, cancel, run, relax.", no_args_is_help=True)
PlanId = Annotated[str, typer.Argument(help="Plan id, or its beginning.")]
Lines = Annotated[
    list[str] | None, typer.Option("--line", help="Only these lines; repeat. All open ones when left out.")
]


@app.command("list")
def list_plans(
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
    open_only: Annotated[bool, typer.Option("--open", help="Only plans that wait for somebody.")] = False,
    sku: Annotated[str | None, typer.Option(help="Only plans with this SKU.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 50,
) -> None:
    """List plans, newest first."""
    with opened(config, data_dir) as services:
        plans = review.listing(services.store, PlanFilter(open_only=open_only, sku=sku, limit=limit))
    if json:
        show_json(plans)
        return
    table(
        "Plans",
        ("plan", "status", "cut", "lines", "open", "value", "gap", "reasons"),
        [
            (
                p["plan"][:13],
                p["status"],
                moment(p["cut"]),
                p["lines_total"],
                p["lines_open"],
                money(p["value_minor"]),
                f"{p['gap']:.2%}",
                "; ".join(p["reasons"])[:70],
            )
            for p in plans
        ],
        right=("lines", "open", "value", "gap"),
        wide=("reasons",),
    )


@app.command()
def show(plan: PlanId, config: Config = None, data_dir: DataDir = None, json: Json = False) -> None:
    """Show one plan: each line with quantity, zone, dates, cost, gap and the equation behind its quantity."""
    with opened(config, data_dir) as services:
        document = review.show(services.store, plan)
    if json:
        show_json(document)
        return
    pairs(
        f"[bold]Plan {document['plan']}[/]",
        {
            "status": document["status"],
            "cut": moment(document["cut"]),
            "reasons": "; ".join(document["reasons"]),
            "objective / bound": f"{money(document['objective_minor'])} / {money(document['bound_minor'])} (gap {document['gap']:.2%}, {document['stop_reason']})",
            "versions": f"network {document['network_version']}, tuning {document['tuning_version']}, {document['model_version']}",
            "version, digest": f"{document['version']}, {document['digest'][:16]}",
        },
    )
    _lines(document["lines"])
    for line in document["lines"]:
        screen.print(f"[dim]{line['line'][:8]}[/] {line['sku']}: {line['explanation']['equation']}")
        if line["override"] is not None:
            screen.print(f"         planner set {line['override']}: {line['override_reason']}")
    if document["shortages"]:
        items = shortages_by_item(document["shortages"])
        table(
            "\nStays short",
            ("SKU", *KINDS, "regions", "why"),
            [
                (item["sku"], *(item[kind] or "" for kind in KINDS), ", ".join(item["regions"]), item["why"])
                for item in items
            ],
            right=KINDS,
            wide=("regions", "why"),
        )


def _lines(lines: list[dict[str, Any]]) -> None:
    table(
        "",
        ("line", "kind", "SKU", "from", "to", "quantity", "state", "zone", "release", "arrive", "cost", "held by"),
        [
            (
                line["line"][:8],
                line["kind"] if line["mode"] == "normal" else f"{line['kind']} ({line['mode']})",
                line["sku"],
                line["supplier"] or line["origin"],
                line["destination"],
                line["quantity"],
                line["state"],
                line["zone"],
                moment(line["release_at"])[5:16],
                moment(line["arrive_at"])[5:16],
                money(line["cost_minor"]),
                line["fence"],
            )
            for line in lines
        ],
        right=("quantity", "cost"),
        wide=("held by",),
    )


@app.command()
def approve(
    plan: PlanId,
    line: Lines = None,
    reason: Reason = "",
    digest: Annotated[
        str | None, typer.Option(help="Digest of the plan you have read; another one is refused.")
    ] = None,
    actor_name: ActorName = "",
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Approve lines; what no fence holds is released in the same moment."""
    with opened(config, data_dir) as services:
        names = _full(services, plan, line)
        done = review.approve(
            services.store, plan, names, actor=actor(actor_name), reason=reason, digest=digest, wall=wall_now
        )
    _shown(done, json=json)


@app.command()
def reject(
    plan: PlanId,
    line: Lines = None,
    reason: Reason = "",
    actor_name: ActorName = "",
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Reject lines; a reason is wanted."""
    with opened(config, data_dir) as services:
        names = _full(services, plan, line)
        done = review.reject(services.store, plan, names, actor=actor(actor_name), reason=reason, wall=wall_now)
    _shown(done, json=json)


@app.command()
def release(
    plan: PlanId,
    line: Lines = None,
    reason: Reason = "",
    actor_name: ActorName = "",
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Release approved lines that a fence holds."""
    with opened(config, data_dir) as services:
        names = _full(services, plan, line)
        done = releasing.release(services.store, plan, names, actor=actor(actor_name), reason=reason, wall=wall_now)
    _shown(done, json=json)


@app.command()
def cancel(
    plan: PlanId,
    line: Lines = None,
    reason: Reason = "",
    actor_name: ActorName = "",
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Cancel released movements that have not left; both warehouses are told, and a reason is wanted."""
    with opened(config, data_dir) as services:
        names = _full(services, plan, line)
        done = cancelling.cancel(services.store, plan, names, actor=actor(actor_name), reason=reason, wall=wall_now)
    _shown(done, json=json)


@app.command()
def edit(
    plan: PlanId,
    line: Annotated[str, typer.Argument(help="Line id, or its beginning.")],
    quantity: Annotated[int | None, typer.Option(help="Pieces that count instead; leave out to lift an edit.")] = None,
    version: Annotated[int | None, typer.Option(help="Version of the line you have read.")] = None,
    reason: Reason = "",
    actor_name: ActorName = "",
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Set the quantity of a proposed line; it survives the next plan until it is lifted."""
    with opened(config, data_dir) as services:
        name = (_full(services, plan, [line]) or [line])[0]
        with services.store.read() as tx:
            seen = tx.plans.line(name).version if version is None else version
        done = review.edit(
            services.store, name, quantity=quantity, version=seen, actor=actor(actor_name), reason=reason, wall=wall_now
        )
    _shown([done], json=json)


@app.command()
def run(
    sku: Annotated[
        list[str] | None, typer.Option(help="Plan the groups of these SKUs; repeat. All when left out.")
    ] = None,
    reason: Reason = "",
    actor_name: ActorName = "",
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Make a plan now, in this process, at the last cut; unchanged input gives the same plan and no new order."""
    with opened(config, data_dir) as services:
        asked = request.ask(services.store, groups=sku, actor=actor(actor_name), reason=reason, wall=wall_now)
        with services.store.write() as tx:
            mine = tx.signals.claim_request("cli", wall_now(), 600_000)
        if mine is None or mine.request != asked.request:
            raise ConflictError(
                "another plan request is in work", way_out="it answers yours too: see `supplychain plan list`"
            )
        outcome = propose(services.store, services.inline(), asked, wall_now)
        document = review.show(services.store, outcome.plan) if outcome.plan else None
    if json:
        show_json({"plan": outcome.plan, "new": outcome.new, "note": outcome.note, "document": document})
    elif outcome.plan:
        screen.print(f"plan [bold]{outcome.plan}[/] {'made' if outcome.new else 'found: unchanged input'}")
    else:
        screen.print(outcome.note)


@app.command()
def relax(
    sku: Annotated[list[str], typer.Argument(help="Plan the groups of these SKUs.")],
    config: Config = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Say what would help: lift each limit of a group alone, plan again, and rank what that brings; nothing is changed."""
    with opened(config, data_dir) as services, bar("limits") as shown:
        found = what_would_help(services.store, sku, shown)
    if json:
        show_json(found)
        return
    missing = f"{found['short']:,} pieces short, safety included" if found["short"] else "nothing short"
    screen.print(f"plan of {', '.join(found['groups'])}: {money(found['cost_minor'])}, {missing}")
    table(
        f"Without one of {found['tried']} limits",
        ("limit", "where", "saves", "pieces", "note"),
        [
            (
                row["limit"],
                row["where"],
                money(row["gain_minor"]),
                f"{row['pieces']:+,}",
                "" if row["certain"] else "no more than the gap of the plan",
            )
            for row in found["reliefs"]
        ],
        right=("saves", "pieces"),
    )


def _full(services: Services, plan: str, lines: list[str] | None) -> list[str] | None:
    """Complete beginnings of line ids."""
    if not lines:
        return None
    known = [line["line"] for line in review.show(services.store, plan)["lines"]]
    found = []
    for name in lines:
        fitting = [line for line in known if line.startswith(name)]
        if len(fitting) != 1:
            raise ConflictError(
                f"{len(fitting)} lines of plan {plan} begin with {name!r}", way_out="`supplychain plan show` lists them"
            )
        found.append(fitting[0])
    return found


def _shown(lines: list[PlanLine], *, json: bool) -> None:
    documents = [line_document(line) for line in lines]
    if json:
        show_json(documents)
    else:
        _lines(documents)
