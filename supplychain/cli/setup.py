"""Making a data directory ready: network, tuning, history and prior, secrets."""

from __future__ import annotations

import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from supplychain.bootstrap import Services, wall_now
from supplychain.domain.errors import InvalidInputError, NotFoundError
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import Tuning
from supplychain.domain.units import SECOND
from supplychain.forecasting.lesson_learning import learn_lessons
from supplychain.planning.learn import refit
from supplychain.planning.lessons import keep
from supplychain.platforms.cells import Finding
from supplychain.platforms.network_files import read_catalogue
from supplychain.processes.wiring import calendar, ensure_secrets
from supplychain.simulate.history import shelf_history
from supplychain.simulate.past import past_sessions

_MOST_SHOWN = 20
PAST_EVENINGS = 4
"""Simulated evenings that a demonstration has learned from before it begins."""


def network_findings(folder: Path) -> tuple[Catalogue | None, list[Finding]]:
    """Read a folder of network files; the catalogue is None when anything is wrong."""
    if not folder.is_dir():
        raise NotFoundError(
            f"there is no folder {folder}", way_out="give the folder that holds skus.csv and the others"
        )
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in {".csv", ".toml"}}
    return read_catalogue(files)


def read_network(folder: Path) -> Catalogue:
    """Read a folder of network files.

    Raises
    ------
    InvalidInputError
        If anything is wrong; it names file, line and field of each fault.
    """
    catalogue, findings = network_findings(folder)
    if catalogue is None:
        listed = "\n".join(f"  {finding}" for finding in findings[:_MOST_SHOWN])
        more = f"\n  and {len(findings) - _MOST_SHOWN} more" if len(findings) > _MOST_SHOWN else ""
        raise InvalidInputError(
            f"{len(findings)} faults in {folder}:\n{listed}{more}", way_out="mend the rows named; nothing was imported"
        )
    return catalogue


def activate_network(services: Services, catalogue: Catalogue, author: str) -> int:
    """Store a catalogue and make it the active one."""
    with services.store.write() as tx:
        version = tx.versions.put_network(catalogue, author, wall_now())
        tx.versions.activate("network", version)
        tx.audit.append(
            actor=author,
            action="network.import",
            subject=f"network {version}",
            at=tx.signals.planned_through() or wall_now(),
            wall=wall_now(),
            reason="import",
            detail={"skus": len(catalogue.skus), "offers": len(catalogue.offers), "sessions": len(catalogue.sessions)},
        )
        return version


def activate_tuning(services: Services, tuning: Tuning, reason: str) -> int:
    """Store a tuning and make it the active one, without announcing it: nobody runs yet."""
    with services.store.write() as tx:
        version = tx.versions.put_tuning(tuning, "setup", reason, 0)
        tx.versions.activate("tuning", version)
        return version


def prepare(
    services: Services,
    catalogue: Catalogue,
    tuning: Tuning,
    reason: str,
    *,
    history_seed: int | None,
    history_days: int = 84,
) -> None:
    """Make a fresh data directory ready for a simulated evening.

    Parameters
    ----------
    history_seed
        Seed of a synthetic past: of the shelf for the first prior, of the rooms for the first lessons; None leaves the shelf
        without a baseline and the plan of a session at its word.
    """
    activate_network(services, catalogue, "setup")
    activate_tuning(services, tuning, reason)
    ensure_secrets(services)
    if history_seed is None or not catalogue.sessions:
        return
    first = min(session.starts_at for session in catalogue.sessions.values())
    yesterday = datetime.datetime.fromtimestamp(first / SECOND, ZoneInfo(catalogue.zone)).date() - datetime.timedelta(
        days=1
    )
    rows = list(shelf_history(catalogue, yesterday, days=history_days, seed=history_seed))
    with services.store.write() as tx:
        tx.versions.add_history(rows, synthetic=True)
    refit(services.store, services.inline(), calendar(services.settings), wall_now)
    past = list(past_sessions(catalogue, evenings=PAST_EVENINGS, seed=history_seed))
    lessons = learn_lessons(past, catalogue, tuning.forecast)
    keep(services.store, lessons, len(past), first, wall_now, "learned from simulated past sessions")
