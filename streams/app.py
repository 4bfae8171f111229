"""The Faust application, built from settings and services: no module-level app, nothing at import."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from streams.agents.reports import EngagementAgent, StockAgent
from streams.agents.versions import Current
from streams.agents.watch import WatchAgent
from streams.chunks import ChunkApp, Intake, Place, Retained, chunk_topic, make_app, run_worker
from supplychain.bootstrap import Services
from supplychain.settings import Settings

GROUP = "supplychain-streams"

Agent = WatchAgent | StockAgent | EngagementAgent


class _Custody:
    """One custody over the desks of all agents."""

    def __init__(self, agents: Mapping[str, Agent]) -> None:
        self._agents = agents

    async def assigned(self, places: frozenset[Place]) -> None:
        """Tell each agent what is coming."""
        for topic, own in _by_topic(places).items():
            await self._agents[topic].desk.assigned(frozenset(own))

    async def start_offsets(self, retained: Mapping[Place, Retained]) -> Mapping[Place, int]:
        """Ask each agent where its partitions go on."""
        starts: dict[Place, int] = {}
        for topic, own in _by_topic(retained).items():
            starts.update(await self._agents[topic].desk.start_offsets({place: retained[place] for place in own}))
        return starts

    async def halted(self) -> None:
        """Tell every agent that it is waited for."""
        for agent in self._agents.values():
            await agent.desk.halted()

    async def revoked(self, places: frozenset[Place]) -> None:
        """Tell each agent what is gone."""
        for topic, own in _by_topic(places).items():
            await self._agents[topic].desk.revoked(frozenset(own))


def _by_topic(places: Any) -> dict[str, list[Place]]:
    found: dict[str, list[Place]] = {}
    for place in sorted(places):
        found.setdefault(place[0], []).append(place)
    return found


def build(settings: Settings, services: Services) -> ChunkApp:
    """Return the app with its three agents. State and offsets are the database's; Faust only carries."""
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chunks")
    writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commits")
    current = Current(services)
    return assemble(
        settings,
        services,
        WatchAgent(services, current, executor, writer),
        StockAgent(services, current, executor),
        EngagementAgent(services, current, executor),
    )


def assemble(settings: Settings, services: Services, *agents: Agent, group: str = GROUP) -> ChunkApp:
    """Return an app with the given agents, each on its own topic."""
    by_topic = {agent.topic: agent for agent in agents}
    broker = settings.broker
    settings.data_dir.mkdir(parents=True, exist_ok=True)  # Faust makes its own folder in it, but no parents
    intake = Intake(
        frozenset(by_topic),
        _Custody(by_topic),
        most_records=broker.chunk_records,
        most_bytes=broker.chunk_bytes,
        wait_ms=100 if broker.url else 20,
    )
    app = make_app(
        group,
        services.broker.bootstrap,
        intake,
        data_dir=settings.data_dir / "faust",
        poll_records=broker.chunk_records,
        commit_seconds=broker.commit_interval_seconds,
        session_seconds=broker.session_timeout_seconds,
        instance=broker.member or None if broker.url else None,  # the embedded broker does not know names
    )
    for agent in agents:
        app.agent(chunk_topic(app, agent.topic), name=f"streams.{agent.topic}")(agent.run)
    return app


def run(settings: Settings, services: Services) -> None:
    """Run one stream worker until SIGTERM."""
    services.ensure_topics()
    run_worker(build(settings, services))
