"""What each role runs, as a process of its own: `python -m supplychain.processes.roles ROLE SETTINGS`."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from supplychain import telemetry
from supplychain.bootstrap import Broker, Services, build, crash_point, write_run
from supplychain.messages.topics import partition_counts
from supplychain.settings import Settings

_log = telemetry.log(__name__)


def stop_on_signal() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()

    def _set(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _set)
    return stop


def run_broker(settings: Settings, parent: int) -> None:
    """Hold the embedded broker and write its address to run.json."""
    from supplychain.broker import embedded

    stop = stop_on_signal()

    def ready(bootstrap: str, cluster: str) -> None:
        write_run(settings, Broker(bootstrap, cluster), parent)
        _log.warning("embedded broker: records are in memory and gone when it stops", bootstrap=bootstrap)

    embedded.serve(partition_counts(), ready, stop.wait)


def run_streams(services: Services) -> None:
    """Run one stream worker."""
    from streams.app import run

    run(services.settings, services)


def run_plan(services: Services) -> None:
    """Turn signals into requests and requests into plans."""
    from supplychain.jobs.worker import PlanWorker
    from supplychain.planning.propose import propose
    from supplychain.planning.request import advance

    stop = stop_on_signal()
    pool = services.pool()
    try:
        worker = PlanWorker(
            services.store,
            pool,
            services.settings.plan,
            advance=advance,
            propose=lambda store, compute, request, wall: propose(store, compute, request, wall, crash_point),
            wall=services.wall,
            crash=crash_point,
        )
        worker.run(stop)
    finally:
        pool.close()


def run_dispatch(services: Services) -> None:
    """Send what was released."""
    from supplychain.processes.wiring import dispatcher

    stop = stop_on_signal()
    sender = dispatcher(services)
    try:
        sender.run(stop)
    finally:
        sender.close()


def run_jobs(services: Services) -> None:
    """Run the scheduler, and the ticks of business time when the clock is the wall."""
    from supplychain.processes.ticker import Ticker
    from supplychain.processes.wiring import scheduler

    stop = stop_on_signal()
    if services.settings.clock == "wall":
        ticker = Ticker(services.publisher, services.wall)
        threading.Thread(target=ticker.run, args=(stop,), name="ticks", daemon=True).start()
    scheduler(services).run(stop)


def run_web(services: Services) -> None:
    """Serve API and console."""
    from supplychain.web.server import serve

    serve(services)


def run_partner(services: Services) -> None:
    """Run the stand-in supplier and WMS."""
    from supplychain.processes.wiring import partner

    partner(services)


ROLES: dict[str, Callable[[Services], None]] = {
    "streams": run_streams,
    "plan": run_plan,
    "dispatch": run_dispatch,
    "jobs": run_jobs,
    "web": run_web,
    "partner": run_partner,
}
ORDER = ("broker", "streams", "plan", "dispatch", "jobs", "web", "partner")
"""Start order of the roles; they are stopped the other way round."""


def main() -> None:
    """Run one role until it is told to stop."""
    role, path = sys.argv[1], Path(sys.argv[2])
    document = json.loads(path.read_text(encoding="utf-8"))
    settings = Settings.model_validate(document["settings"])
    telemetry.setup(settings.log_level, role)
    if role == "broker":
        run_broker(settings, document["parent"])
        return
    services = build(settings)
    try:
        ROLES[role](services)
    finally:
        services.close()


def leave(run: Callable[[], None]) -> NoReturn:
    """Run, and end the process without the C library's farewell.

    When everything is closed, threads of librdkafka, or of a request to a slow supplier, may still run. The ordinary exit
    takes OpenSSL from under them: one end in thirty was a crash (signal 11) after all work was done.
    """
    code = 0
    try:
        run()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the rim of the process: told, and the parent starts the role again
        _log.exception("the role failed")
        code = 1
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main)
