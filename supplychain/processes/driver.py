"""The driver of simulator and replay: events, ticks, and waiting until everybody is done before time goes on.

Business time moves in steps. A step is published with its ticks; then the driver waits until every partition has passed
it, every cut up to it was looked at, every plan asked for is made, and every message is delivered. Only then do partners
hear of the new time and answer. So a plan is the same at any speed, on a busy machine too; speed only changes how long
the driver waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import httpx

from supplychain.bootstrap import Services
from supplychain.broker.publisher import Publisher
from supplychain.domain.errors import UnavailableError
from supplychain.domain.units import SECOND, floor_to
from supplychain.messages.codec import encode
from supplychain.messages.step import Step
from supplychain.messages.topics import ENGAGEMENT, SALES, STOCK
from supplychain.planning.request import safe_cut
from supplychain.processes.ticker import send_tick

_PATIENCE_SECONDS = 600.0
"""A busy machine may take minutes; business time waits, so patience costs nothing but the news of a failure."""
_POLL_SECONDS = 0.004
AFTER_STEPS = 12
"""Steps of business time that are played after the last event: answers to what the last plans ordered still come in."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the driver is: business time, records published, and how long it waited for plans."""

    at: int
    records: int


class Driver:
    """Plays steps against a running service.

    Parameters
    ----------
    step_ms
        Business time between two waits; a multiple of the cut grid, and no longer than the fastest answer of a partner.
    partner
        Address of the stand-in partner, None without one.
    pace
        Business milliseconds per wall millisecond at most; None is as fast as the service can.
    """

    def __init__(self, services: Services, *, step_ms: int, partner: str | None, pace: float | None = None) -> None:
        self._services = services
        self._step_ms = step_ms
        self._partner = partner
        self._pace = pace
        with services.store.read() as tx:
            self._grid = tx.versions.tuning()[1].planning.cut_seconds * SECOND
        self._records = 0
        self._allocations = 0

    def play(self, steps: Iterable[Step], starts_at: int, report: Callable[[Progress], None]) -> int:
        """Publish all steps and return the business time at the end.

        Raises
        ------
        UnavailableError
            If a part of the service does not get on for ten minutes; it names what is waited for.
        """
        began = time.monotonic()
        at = floor_to(starts_at, self._grid)
        with self._services.publisher(patience=_PATIENCE_SECONDS) as publisher, httpx.Client(timeout=90.0) as client:
            send_tick(publisher, at)
            publisher.flush()
            self._quiet(at)
            self._advance_partner(client, at)
            for end, batch in self._batches(steps, at):
                self._publish(publisher, batch, at, end)
                at = end
                self._quiet(at)
                self._advance_partner(client, at)
                self._keep_pace(began, at - starts_at)
                report(Progress(at, self._records))
            for _ in range(AFTER_STEPS):
                self._publish(publisher, [], at, at + self._step_ms)
                at += self._step_ms
                self._quiet(at)
                self._advance_partner(client, at)
                report(Progress(at, self._records))
        return at

    def _batches(self, steps: Iterable[Step], starts_at: int) -> Iterator[tuple[int, list[Step]]]:
        """Group steps so that each group ends on the grid and lasts about one driver step."""
        batch: list[Step] = []
        begun = starts_at
        for step in steps:
            batch.append(step)
            if step.end - begun >= self._step_ms and step.end % self._grid == 0:
                yield step.end, batch
                batch, begun = [], step.end
        if batch:
            end = batch[-1].end
            yield end + -end % self._grid, batch

    def _publish(self, publisher: Publisher, batch: list[Step], start: int, end: int) -> None:
        """Write records in their order, with ticks on the grid between them."""
        ticked = start
        for step in batch:
            for topic, rows in ((SALES, step.sales), (ENGAGEMENT, step.engagement), (STOCK, step.stock)):
                for key, payload in rows:
                    publisher.send(topic.name, key.encode(), encode(payload))
            for key, raw in step.raw:
                publisher.send(SALES.name, key.encode(), raw)
            self._records += step.records
            if floor_to(step.end, self._grid) > ticked:
                ticked = floor_to(step.end, self._grid)
                send_tick(publisher, ticked)
        if end > ticked:
            send_tick(publisher, end)
        publisher.flush(60.0)

    def _quiet(self, at: int) -> None:
        """Wait until everything up to `at` is read, looked at, planned and delivered."""
        cut = floor_to(at, self._grid)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            waiting = self._waiting(cut)
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the service does not get on: waiting for {waiting}", way_out="see the logs of the roles"
                )
            time.sleep(_POLL_SECONDS)

    def _waiting(self, cut: int) -> str:
        with self._services.store.read() as tx:
            safe = safe_cut(tx.signals.watermarks(), self._grid)
            if safe is None or safe < cut:
                return "streams to pass the cut"
            through = tx.signals.planned_through()
            if through is None or through < cut:
                return "planning to look at the cut"
            if tx.signals.pending_request():
                return "a plan"
            return "messages to be delivered" if tx.bridge.pending() else ""

    def _advance_partner(self, client: httpx.Client, at: int) -> None:
        """Tell the partner the time; it answers and reports before business time goes on."""
        if self._partner is None:
            return
        allocations = self._services.board.summary_allocations()
        body = {"to": at, "allocations": allocations, "ticked": at, "seconds": 30.0}
        try:
            response = client.post(f"{self._partner}/advance", json=body)
        except httpx.HTTPError as fault:
            raise UnavailableError(f"the stand-in partner does not answer: {fault}", way_out="see its log") from fault
        if response.status_code != httpx.codes.OK:
            raise UnavailableError(
                f"the stand-in partner refused to move on: {response.text[:300]}", way_out="see its log"
            )

    def _keep_pace(self, began: float, business_ms: int) -> None:
        if self._pace is not None:
            ahead = business_ms / 1_000 / self._pace - (time.monotonic() - began)
            if ahead > 0:
                time.sleep(ahead)
