"""The catalogue, tuning and lessons that the agents work with; a new version is taken up between two chunks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from streams.agents.predict import Predictor
from supplychain.bootstrap import Services
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import Tuning
from supplychain.planning.lessons import learned
from supplychain.planning.ports import Store
from supplychain.watching.detector import shape_of
from supplychain.watching.lines import LineTable
from supplychain.watching.table import SHIPPED
from supplychain.watching.thresholds import ThresholdTable

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Versions:
    """The active versions and what is built from them; lessons 0 is before any were learned."""

    network_version: int
    tuning_version: int
    lessons_version: int
    thresholds_version: int
    catalogue: Catalogue
    tuning: Tuning
    lines: LineTable
    thresholds: ThresholdTable
    predictor: Predictor


class Current:
    """The active versions, looked up at most once a second."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._looked = float("-inf")
        self._versions: Versions | None = None

    def get(self) -> Versions:
        """Return the active versions; the same object as long as nothing was activated.

        Raises
        ------
        NotFoundError
            If no network was imported yet.
        """
        if self._versions is not None and time.monotonic() < self._looked + _LOOK_SECONDS:
            return self._versions
        with self._services.store.read() as tx:
            network_version, catalogue = tx.versions.network()
            tuning_version, tuning = tx.versions.tuning()
            lessons_version, lessons = learned(tx)
            calibrated = tx.versions.thresholds(shape_of(tuning.detector))
        thresholds_version = calibrated[0] if calibrated else 0
        self._looked = time.monotonic()
        active = (network_version, tuning_version, lessons_version, thresholds_version)
        old = self._versions
        if (
            old is None
            or (old.network_version, old.tuning_version, old.lessons_version, old.thresholds_version) != active
        ):
            taught = lessons.session if lessons else None
            readings = _Stored(self._services.store)
            predictor = Predictor(catalogue, tuning.forecast, tuning_version, taught, lessons_version, readings)
            table = ThresholdTable.of(calibrated[1]) if calibrated else SHIPPED
            self._versions = Versions(*active, catalogue, tuning, LineTable(catalogue), table, predictor)
        assert self._versions is not None  # noqa: S101 - set above
        return self._versions


class _Stored:
    """Readings of the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def viewers(self, room: str, start: int, end: int) -> Sequence[tuple[int, float]]:
        with self._store.read() as tx:
            return tx.world.viewers(room, start, end)

    def stock(self, catalogue: Catalogue, sku: str, at: int) -> int:
        with self._store.read() as tx:
            return sum(max(0, level.on_hand) for level in tx.world.stock(catalogue, [sku], at))

    def receipts(self, sku: str, after: int, until: int) -> Sequence[tuple[int, int]]:
        with self._store.read() as tx:
            return tx.world.receipts(sku, after, until)

    def sold(self, session: str, sku: str, until: int) -> Sequence[tuple[int, int]]:
        with self._store.read() as tx:
            return [(minute.at, minute.pieces) for minute in tx.world.minutes(session, until, sku)]
