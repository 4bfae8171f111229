"""Requests depend on what happened and when, never on the order in which it was stored or how often anybody looked."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from supplychain.domain.events import PlanRequest, Signal, SignalKind
from supplychain.domain.units import MINUTE, SECOND, ceil_to
from supplychain.storage.engine import Database
from supplychain.storage.store import SqlStore
from supplychain.storage.tables import forecasts
from supplychain.storage.upserts import put
from tests.unit.planning.small_trade import CALM, T0, answered, open_trade, pass_time, tune_to

BASE = T0 + 110 * MINUTE
"""Ten minutes before the session; reviews fall on the half hours after."""
LAST = 1_500
GRID = 5 * SECOND

Happening = tuple[int, str, int]
"""Seconds after BASE; a group with a signal (number 0), or a SKU of the session with its new expected total."""

signals = st.tuples(st.integers(0, 1_200), st.sampled_from(["A", "C", "D"]), st.just(0))
moved = st.tuples(st.integers(0, 1_200), st.sampled_from(["A", "SET", "C"]), st.integers(1, 400))
histories = st.lists(signals | moved, max_size=10, unique_by=lambda one: one[:2])


def _happens(store: SqlStore, number: int, one: Happening) -> None:
    seconds, name, total = one
    at = BASE + seconds * SECOND
    with store.write() as tx:
        if total == 0:
            tx.signals.add([Signal(f"s{number}", SignalKind.SPIKE, name, at)])
            return
        row = {"session": "L1", "sku": name, "as_of": at, "ends_at": T0 + 5 * 60 * MINUTE, "prior_rest": 0.0}
        row |= {"regions": {"CN-ZJ": [0, float(total), 1.0]}, "total": float(total)}
        row |= {"tuning_version": 0, "model_version": "m", "degraded": False}
        put(tx.connection, forecasts, [row])


def _requests(
    template: Path, history: Sequence[Happening], looks: Sequence[int], early: Sequence[int]
) -> list[PlanRequest]:
    """Play a history; `looks` are the safe cuts, `early` which happenings are stored before their time, first ones first."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.db"
        shutil.copyfile(template, path)
        database = Database(f"sqlite:///{path}")
        store, found = SqlStore(database), list[PlanRequest]()
        open_trade(store, through=BASE)
        tune_to(store, CALM)
        waiting = dict(enumerate(history))
        for number in early:
            if number in waiting:
                _happens(store, number, waiting.pop(number))
        for look in [*sorted(set(looks)), LAST]:
            cut = ceil_to(BASE + look * SECOND, GRID)
            for number, one in list(waiting.items()):
                if BASE + one[0] * SECOND <= cut:
                    _happens(store, number, waiting.pop(number))
            pass_time(store, cut)
            found.extend(answered(store))
        database.close()
        return found


@settings(max_examples=12)
@given(histories, st.lists(st.integers(1, LAST), max_size=8), st.permutations(range(10)), st.integers(0, 10))
@example([(100, "A", 0), (102, "A", 300), (162, "A", 300)], [105, 160, 165], list(range(10)), 0)
@example([(100, "A", 0), (102, "A", 300), (162, "A", 300)], [105, 160, 165], list(range(10)), 3)
def test_same_history_asks_for_the_same_plans(
    migrated_file: Path, history: list[Happening], looks: list[int], order: list[int], early: int
) -> None:
    once = _requests(migrated_file, history, [], [])
    assert _requests(migrated_file, history, looks, order[:early]) == once


@settings(max_examples=12)
@given(histories)
def test_no_signal_is_forgotten_and_a_group_rests_between_two_plans(
    migrated_file: Path, history: list[Happening]
) -> None:
    found = _requests(migrated_file, history, [], [])
    asked = {name: request for request in found for name in request.signals}
    for number, (seconds, group, total) in enumerate(history):
        if total == 0:
            request = asked[f"s{number}"]
            assert group in request.groups
            assert request.cut >= BASE + seconds * SECOND
            assert request.cut <= BASE + seconds * SECOND + 60 * SECOND + GRID
    assert len({request.request for request in found}) == len(found)
    assert all(request.cut % GRID == 0 for request in found)
    for group in ("A", "C", "D"):
        cuts = [r.cut for r in found if group in r.groups and "review" not in r.reasons]
        assert all(later - sooner >= 60 * SECOND for sooner, later in itertools.pairwise(cuts))
