"""A small evening in memory: what API and console are tested on, without database, broker or solver."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp

from supplychain.domain import tuning as tunings
from supplychain.domain.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from supplychain.domain.units import HOUR, MINUTE
from supplychain.messages.v1 import SupplierAnswer
from supplychain.planning.ports import Actor, PlanFilter
from supplychain.settings import Settings, WebSettings
from supplychain.web.ports import Front, Row, Stored

NOW = 1_795_435_200_000  # 2026-11-23T12:00:00Z, 20:00 in Shanghai
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def line_facts() -> Row:
    """What is known of a line beside its equation."""
    return {
        "binding": [{"limit": "supplier capacity", "where": "SUP-A", "day": 2, "price_minor": 120.5}],
        "alternatives": [
            {
                "supplier": "SUP-B",
                "offer": "B-1",
                "mode": "expedite",
                "pieces": 120,
                "extra_minor": 15_000,
                "arrive_at": NOW + HOUR,
            }
        ],
        "one_batch_more_minor": 94_000,
        "one_batch_less_minor": -1_000,
        "without_offer_minor": 990_000,
        "instead_of_offer": [],
        "serves": [
            {"region": f"CN-{n}", "kind": "accepted", "pieces": 10 - n, "from": NOW, "until": NOW + HOUR}
            for n in range(10)
        ],
        "previously": {"plan": "plan-0", "pieces": 70, "change": 30, "release_at": NOW},
        "cover_until": NOW + 40 * HOUR,
        "moq": 20,
        "order_cost_minor": 8_000,
    }


def line(number: int, **changes: Any) -> Row:
    facts = {
        "line": f"line-{number}",
        "plan": "plan-1",
        "group": "SKU-1",
        "kind": "order",
        "sku": f"SKU-{number}",
        "destination": "WH-EAST",
        "origin": None,
        "release_at": NOW + 10 * MINUTE,
        "arrive_at": NOW + 30 * HOUR,
        "recommended": 100 * number,
        "quantity": 100 * number,
        "zone": "firm",
        "supplier": "SUP-A",
        "offer": f"OFF-{number}",
        "mode": "normal",
        "unit_cost_minor": 1_250,
        "cost_minor": 125_000 * number,
        "value_minor": 125_000 * number,
        "override": None,
        "override_reason": "",
        "override_basis": None,
        "state": "proposed",
        "fence": "",
        "stale": False,
        "confirmed": None,
        "shipped": 0,
        "received": 0,
        "version": 1,
        "changed_at": NOW,
        "explanation": {
            "terms": [
                {"name": "gross demand", "pieces": 150 * number, "note": "P90 over the protection interval"},
                {"name": "expected loss", "pieces": -30 * number, "note": "cancelled before shipment"},
                {"name": "position", "pieces": -25 * number, "note": "on hand 40, reserved 15"},
                {"name": "rounding", "pieces": 5 * number, "note": "up to the batch multiple"},
            ],
            "facts": line_facts(),
            "equation": f"gross demand {150 * number} - expected loss {30 * number} - position {25 * number} + rounding {5 * number} = {100 * number}",
            "total": 100 * number,
        },
    }
    return {**facts, **changes}


def summary_of(number: int) -> Row:
    return {
        "plan": f"plan-{number}", "serial": number, "status": "open", "groups": ["SKU-1"], "cut": NOW - number * MINUTE,
        "version": 1, "digest": f"d{number}", "lines_total": 3, "lines_open": 2, "value_minor": 750_000,
        "objective_minor": 500_000, "bound_minor": 495_000, "gap": 0.01, "solve_status": "feasible",
        "stop_reason": "work limit", "network_version": 1, "tuning_version": 1, "model_version": "session-1",
        "reasons": ["spike: SKU-1 in S1", "review"], "notes": [], "shortages": [], "created_wall": NOW,
    }  # fmt: skip


class FakeBoard:
    """Read models of one evening; `broken` makes every one of them fail."""

    def __init__(self) -> None:
        self.broken: Exception | None = None
        self.messages: list[Row] = [
            {
                "message": f"m-{number}", "channel": channel, "lane": lane, "kind": kind, "state": state,
                "attempts": 1, "error": error, "released_at": NOW, "delivered_wall": None, "lines": ["line-1"],
                "answers": [{"line": "line-1", "plan": "plan-1", "sku": "SKU-1", "state": "released"}],
            }
            for number, (channel, lane, kind, state, error) in enumerate(
                [
                    ("supplier", "SUP-A", "order", "delivered", None),
                    ("supplier", "SUP-B", "order", "parked", "410 gone"),
                    ("allocations", "WH-EAST", "movement", "pending", None),
                ]
            )
        ]  # fmt: skip

    def _check(self) -> None:
        if self.broken is not None:
            raise self.broken

    def now(self) -> int:
        return NOW

    def summary(self) -> Row:
        self._check()
        return {
            "events_in": 1_000, "sales_counted": 900, "cancellations": 60, "returns": 20, "corrections": 5,
            "lines_by_state": {"proposed": 2}, "duplicates": 10, "excluded": 2, "dead_letters": 3, "spikes": 2, "plans": 3, "plans_open": 1,
            "orders_released": 4, "orders_received": 4, "orders_undelivered": 0, "orders_accepted": 3, "orders_short": 1,
            "orders_refused": 0, "orders_open": 0, "allocations_released": 2, "allocations_received": 2,
            "spike_to_plan_seconds": {"p50": 0.4, "p99": 1.2}, "synthetic": True,
        }  # fmt: skip

    def rooms(self) -> list[Row]:
        self._check()
        return [
            {
                "session": f"S{number}", "room": f"ROOM-{number}", "host": "Lin", "starts_at": NOW - HOUR,
                "ends_at": NOW + HOUR, "live": number == 1, "viewers": 12_000, "orders": 300, "units": 420,
                "revenue_minor": 1_234_500, "rate_per_minute": 12.5,
            }
            for number in (1, 2)
        ]  # fmt: skip

    def room(self, session: str) -> Row:
        if session != "S1":
            raise NotFoundError(f"unknown session {session!r}", session=session)
        item = {
            "sku": "SKU-1", "name": "Plum wine gift set", "live_exclusive": True, "orders": 200, "units": 260,
            "rate_per_minute": 9.5, "rest_mean": 141.0, "rest_p10": 80.0, "rest_p50": 140.0, "rest_p90": 230.0,
            "as_of": NOW, "sellable_minutes": 12.0, "available": 114, "spike": True,
        }  # fmt: skip
        quiet = {
            **item,
            "sku": "SKU-2",
            "spike": False,
            "sellable_minutes": None,
            **dict.fromkeys(("rest_mean", "rest_p10", "rest_p50", "rest_p90", "as_of")),
        }
        slot = {
            "kind": "pitch",
            "sku": "SKU-1",
            "starts_at": NOW - 20 * MINUTE,
            "ends_at": NOW - 10 * MINUTE,
            "strength": 3.0,
        }
        return {**self.rooms()[0], "now": NOW, "item_rows": [item, quiet], "slots": [slot], "spikes": self.spikes(9)}

    def rates(self, session: str, sku: str | None, minutes: int) -> list[Row]:
        return [
            {
                "at": NOW - step * MINUTE // 2,
                "orders": 10 + step % 5,
                "units": 12 + step % 7,
                "viewers": 9_000 + step * 10 if step % 3 else None,
            }
            for step in reversed(range(2 * minutes))
        ]

    def spikes(self, limit: int) -> list[Row]:
        return [
            {
                "spike": "sp-1", "session": "S1", "room": "ROOM-1", "sku": "SKU-1", "started_at": NOW - 9 * MINUTE,
                "ended_at": None, "ratio": 3.4, "observed": 88, "expected": 25.7, "reason": {}, "cause": "flash offer",
            }
        ][:limit]  # fmt: skip

    def forecast(self, session: str, sku: str) -> list[Row]:
        return [
            {"as_of": NOW - step * MINUTE, "rest_p10": 80 + step, "rest_p50": 140 + step, "rest_p90": 230 + step}
            for step in range(30, 0, -1)
        ]

    def deliveries(self, limit: int) -> list[Row]:
        return self.messages[:limit]

    def positions(self, skus: Sequence[str] | None) -> list[Row]:
        return [
            {
                "sku": "SKU-1",
                "on_hand": 150,
                "reserved": 36,
                "available": 114,
                "inbound": 100,
                "position": 214,
                "name": "Plum wine",
            }
        ]

    def dead_letters(self, limit: int) -> list[Row]:
        return [{"topic": "sales.v1", "partition": 0, "offset": 17, "reason": "malformed", "detail": "no JSON"}][:limit]

    def findings(self) -> list[Row]:
        return [{"kind": "unknown-sku", "subject": "SKU-X", "events": 4, "first_wall": NOW, "last_wall": NOW}]

    def incidents(self) -> list[Row]:
        return []

    def jobs(self) -> list[Row]:
        return []

    def health(self) -> Row:
        self._check()
        return {
            "partitions": [
                {"topic": "sales.v1", "partition": n, "watermark": NOW - n * MINUTE // 2, "next_offset": 9, "committed_age_seconds": 0.4}
                for n in range(4)
            ],
            "planned_through": NOW, "business_lag_seconds": 4.0, "requests_open": 1, "requests_failed": 0,
            "outbox_waiting": 1, "outbox_parked": 1, "outbox_oldest_seconds": 3.0, "stock_as_of": {"WH-EAST": NOW - HOUR},
            "degraded": ["1 messages are parked and wait for a person"],
        }  # fmt: skip


class FakeDesk:
    """One plan with three lines, and the rules that the API leans on."""

    def __init__(self) -> None:
        self.rows = {row["line"]: row for row in (line(1), line(2), line(3, supplier="SUP-B", state="released"))}
        self.calls: list[tuple[Any, ...]] = []
        self.broken: Exception | None = None
        self.versions = [1]

    def plans(self, wanted: PlanFilter) -> list[Row]:
        rows = [summary_of(n) for n in range(5, 0, -1)]
        rows = [row for row in rows if wanted.before_serial is None or int(str(row["serial"])) < wanted.before_serial]
        return rows[: wanted.limit]

    def plan(self, plan: str) -> Row:
        if plan != "plan-1":
            raise NotFoundError(f"unknown plan {plan!r}", plan=plan)
        version = sum(row["version"] for row in self.rows.values()) - len(self.rows) + 1
        return {**summary_of(1), "version": version, "digest": f"d{version}", "lines": list(self.rows.values())}

    def approve(
        self,
        plan: str,
        lines: Sequence[str] | None,
        actor: Actor,
        reason: str,
        *,
        digest: str | None,
        version: int | None,
    ) -> list[Row]:
        if self.broken is not None:
            raise self.broken
        if digest not in {None, self.plan(plan)["digest"]}:
            raise ConflictError("the plan changed since it was read", way_out="read it again", plan=plan)
        self.calls.append(("approve", plan, lines, actor.name, reason, digest, version))
        return self._moved(lines, "approved")

    def reject(self, plan: str, lines: Sequence[str] | None, actor: Actor, reason: str) -> list[Row]:
        self.calls.append(("reject", plan, lines, actor.name, reason))
        return self._moved(lines, "rejected")

    def release(self, plan: str, lines: Sequence[str] | None, actor: Actor, reason: str) -> list[Row]:
        self.calls.append(("release", plan, lines, actor.name, reason))
        return self._moved(lines, "released")

    def cancel(self, plan: str, lines: Sequence[str] | None, actor: Actor, reason: str) -> list[Row]:
        self.calls.append(("cancel", plan, lines, actor.name, reason))
        return self._moved(lines, "cancelled")

    def _moved(self, lines: Sequence[str] | None, state: str) -> list[Row]:
        wanted = [name for name, row in self.rows.items() if row["state"] == "proposed"] if lines is None else lines
        for name in wanted:
            row = self.line(name)
            self.rows[name] = {**row, "state": state, "version": row["version"] + 1}
        return [self.rows[name] for name in wanted]

    def line(self, line: str) -> Row:
        if line not in self.rows:
            raise NotFoundError(f"unknown line {line!r}", line=line)
        return self.rows[line]

    def revisions(self, line: str) -> list[Row]:
        self.line(line)
        return [
            {
                "line": line, "version": 1, "actor": "wei", "action": "propose", "reason": "spike in S1", "at": NOW,
                "state_before": "proposed", "state_after": "proposed", "quantity_before": 0, "quantity_after": 100,
            }
        ]  # fmt: skip

    def edit(self, line: str, quantity: int | None, version: int, actor: Actor, reason: str) -> Row:
        row = self.line(line)
        if row["version"] != version:
            raise ConflictError("somebody else edited this line", way_out="read it again", line=line)
        if (quantity or 0) % 10:
            raise InvalidInputError("no multiple of the batch", way_out="use tens", field="quantity")
        self.rows[line] = {
            **row,
            "override": quantity,
            "quantity": row["recommended"] if quantity is None else quantity,
            "version": version + 1,
        }
        return self.rows[line]

    def ask(self, groups: Sequence[str] | None, actor: Actor, reason: str) -> Row:
        self.calls.append(("ask", groups, actor.name, reason))
        return {"request": "req-1", "groups": groups or ["SKU-1"]}

    def answer(self, answer: SupplierAnswer, actor: Actor) -> Row:
        for given in answer.lines:
            row = self.rows.get(given.plan_line_id)
            if row is None or f"supplier:{row['supplier']}" not in actor.roles:
                raise NotFoundError(f"unknown line {given.plan_line_id!r}", line=given.plan_line_id)
        self.calls.append(("answer", answer.answer_id, actor.name))
        return {"state": "received"}

    def redeliver(self, message: str, actor: Actor, reason: str) -> None:
        if not actor.may("operator"):
            raise ForbiddenError("operators only")
        self.calls.append(("redeliver", message, actor.name, reason))

    def tuning(self, version: int | None) -> Row:
        rows = [
            {"name": f"{section}.{item.name}", "value": item.default, "default": item.default, **item.metadata}
            for section, name, item in tunings.describe()
        ]
        return {"version": version or self.versions[-1], "values": rows}

    def tunings(self) -> list[Row]:
        return [
            {
                "version": n,
                "author": "a",
                "reason": "r",
                "created_wall": NOW,
                "active": n == self.versions[-1],
                "changes": [],
            }
            for n in self.versions
        ]

    def tuning_diff(self, document: Mapping[str, Any]) -> list[Row]:
        basis = tunings.Tuning()
        changed = tunings.difference(basis, tunings.parse(document, basis))
        return [{"name": name, "old": old, "new": new} for name, old, new in changed]

    def activate(self, document: Mapping[str, Any], actor: Actor, reason: str) -> int:
        self.tuning_diff(document)
        self.versions.append(self.versions[-1] + 1)
        return self.versions[-1]

    def rollback(self, version: int, actor: Actor, reason: str) -> int:
        if version not in self.versions:
            raise NotFoundError(f"unknown tuning version {version}", version=version)
        return version

    def slots(self, session: str, sku: str) -> list[Row]:
        return [
            {
                "session": session, "host": "Lin", "starts_at": NOW, "ends_at": NOW + 5 * MINUTE, "planned": "pitch x2",
                "mean": 40.0, "q10": 31.0, "q50": 40.0, "q90": 50.0, "by": "stream",
            }
        ]  # fmt: skip

    def shelf(self, sku: str) -> Row:
        if sku != "SKU-1":
            raise NotFoundError(f"nothing is forecast for {sku}", sku=sku)
        day = {"day": "2026-01-01", "mean": 4.0, "low": 1.0, "high": 8.0, "variance": 6.0}
        region = {"region": "CN-ZJ", "segment": "often3-much1", "degraded": "only 20 open days", "days": [day]}
        return {"sku": sku, "model": "prior-3", "method": "items", "tuning_version": 1, "regions": [region]}

    def models(self) -> list[Row]:
        return [{"version": 3, "degraded": True, "fitted_through": NOW, "created_wall": NOW, "active": True}]

    def accuracy(self) -> list[Row]:
        return [{"segment": "all", "days": 9, "series_days": 90, "coverage80": 0.61, "bias": -0.1, "wape": 0.8}]

    def latencies(self) -> list[float]:
        return [0.4, 1.2]


@dataclass(frozen=True)
class Kept:
    """An answer that was kept."""

    status: int
    body: bytes


class FakeIdempotency:
    """Keys in a dict, with the rules of the real table."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, Stored | None]] = {}

    def begin(self, key: str, fingerprint: str, wall: int) -> Stored | None:
        if key not in self.kept:
            self.kept[key] = (fingerprint, None)
            return None
        known, stored = self.kept[key]
        if known != fingerprint:
            raise InvalidInputError("this idempotency key was used for another request", way_out="use a fresh key")
        if stored is None:
            raise ConflictError("the first request with this idempotency key is running", way_out="retry in a moment")
        return stored

    def finish(self, key: str, status: int, body: bytes) -> None:
        self.kept[key] = (self.kept[key][0], Kept(status, body))

    def release(self, key: str) -> None:
        self.kept.pop(key, None)


class FakePublisher:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None]] = []
        self.broken: Exception | None = None

    def deliver(self, topic: str, records: Sequence[tuple[bytes | None, bytes | None]], timeout: float = 30.0) -> None:
        self.sent += [(topic, key, value) for key, value in records]
        if self.broken is not None:
            raise self.broken


class World:
    """The fakes of one test, and the front that stands on them."""

    def __init__(self, data_dir: Path, *, open_to_all: bool = True) -> None:
        self.board = FakeBoard()
        self.desk = FakeDesk()
        self.idempotency = FakeIdempotency()
        self.publisher = FakePublisher()
        self.secrets = {"SUP-A": [SECRET, OLD_SECRET]}
        self.wall = NOW
        self.settings = Settings(data_dir=data_dir, web=WebSettings(open_to_all=open_to_all))
        self.front = Front(
            settings=self.settings,
            board=self.board,
            desk=self.desk,
            idempotency=self.idempotency,
            publisher=lambda: self.publisher,
            secrets_of=lambda supplier: self.secrets.get(supplier, []),
            wall=lambda: self.wall,
        )


class Caller:
    """Calls an application in this process, without a server; what it raises becomes an answer, as on a server."""

    def __init__(self, app: ASGIApp, base_url: str = "http://127.0.0.1:8000") -> None:
        self._app = app
        self._base_url = base_url

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=self._base_url) as client:
                return await client.request(method, path, **options)

        return asyncio.run(call())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def patch(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, **options)
