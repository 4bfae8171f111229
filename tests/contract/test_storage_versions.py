"""Versions, learned models and the schema: the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import insert, select

from supplychain.domain.errors import NotFoundError
from supplychain.domain.forecast import RegionOutlook, ShelfForecast, ShelfScore
from supplychain.domain.past import RoomDay
from supplychain.planning.ports import DaySold, GroupCut
from supplychain.storage.engine import Database
from supplychain.storage.jobs_store import SqlJobs
from supplychain.storage.migrate import upgrade
from supplychain.storage.queries import Board
from supplychain.storage.store import SqlStore
from supplychain.storage.tables import facts, metadata, spikes, windows
from tests.unit.planning.small_trade import T0, open_trade


def test_versions_are_numbered_found_again_and_one_is_active(kept: SqlStore) -> None:
    with kept.write() as tx, pytest.raises(NotFoundError, match="no active network"):
        tx.versions.network()
    open_trade(kept)
    with kept.write() as tx:
        number, catalogue = tx.versions.network()
        assert tx.versions.put_network(catalogue, "again", 5) == number
        other = tx.versions.put_network(replace(catalogue, currency="EUR"), "new", 5)
        assert tx.versions.network()[0] == number
        assert tx.versions.network(other)[1].currency == "EUR"
        assert tx.versions.prior() is None
        prior = tx.versions.put_prior(b"body", degraded=False, fitted_through=1, wall=2)
        assert tx.versions.put_prior(b"body", degraded=False, fitted_through=1, wall=2) == prior
        tx.versions.activate("prior", prior)
        assert tx.versions.prior() == (prior, b"body")
        day = ("2026-01-01", "A", "CN-ZJ", "shelf", 3)
        tx.versions.add_history([day], synthetic=True)
        tx.versions.add_history([day], synthetic=True)
        assert tx.versions.history() == [("2026-01-01", "A", "CN-ZJ", "shelf", 6)]
        tx.signals.set_group_cut("A", GroupCut(T0, {"L1|A": 1.5}))
        assert tx.signals.group_cuts(["A", "B"]) == {"A": GroupCut(T0, {"L1|A": 1.5})}


def test_models_their_forecasts_and_scores_come_back_as_they_were(kept: SqlStore) -> None:
    outlook = RegionOutlook((1.5, 2.0), (2.0, 3.0), (0.0, 0.0), (4.0, 5.0), "often3-much1", "")
    pooled = RegionOutlook((0.5,), (1.0,), (0.0,), (2.0,), "new", "no sale yet: like A")
    score = ShelfScore("2026-01-02", "all", 1, 4, 3, 12.0, 10.5, 4.0, 2.5)
    with kept.write() as tx:
        assert tx.learning.model() is None
        assert tx.learning.shelf() == []
        assert tx.learning.last_day() is None
        first, second = (
            tx.versions.put_prior(body, degraded=False, fitted_through=1, wall=wall)
            for body, wall in ((b"one", 2), (b"two", 200))
        )
        told = [
            ShelfForecast("A", 20_454, {"CN-GD": outlook, "CN-ZJ": outlook}, "items", f"prior-{first}", 3),
            ShelfForecast("C", 20_454, {"CN-ZJ": pooled}, "items", f"prior-{first}", 3),
        ]
        tx.learning.put_shelf(first, told)
        tx.learning.put_shelf(first, told)
        tx.versions.activate("prior", first)
        assert tx.learning.shelf() == told
        assert tx.learning.shelf(["C"]) == told[1:]
        assert tx.learning.shelf(model=second) == []
        assert [(m.version, m.active) for m in tx.learning.models()] == [(second, False), (first, True)]
        tx.learning.put_scores([replace(score, inside=0)])
        tx.learning.put_scores([score])
        assert tx.learning.scores("2026-01-01") == [score]
        assert tx.learning.scores("2026-01-03") == []
        for units in (3, 5):
            tx.learning.put_days([("2026-01-02", "A", "CN-ZJ", "shelf", units)])
        assert tx.versions.history() == [("2026-01-02", "A", "CN-ZJ", "shelf", 5)]
        assert tx.learning.last_day() == "2026-01-02"
        for pieces in (3, 5):
            tx.learning.put_rooms([RoomDay("2026-01-02", "studio", "ana", pieces, 60, 5)])
        tx.learning.put_rooms([RoomDay("2026-01-01", "studio", "ana", 1, 60, 0)])
        assert [(row.day, row.pieces) for row in tx.learning.rooms()] == [("2026-01-01", 1), ("2026-01-02", 5)]
        tx.versions.activate("prior", second)
    gone = SqlJobs(kept.database).prune(0, 100)
    assert (gone["shelf_forecasts"], gone["priors"]) == (2, 1)


def test_a_broken_promise_of_the_interval_is_said_once_it_is_no_chance(kept: SqlStore) -> None:
    def told() -> list[str]:
        return [line for line in Board(kept.database).health()["degraded"] if "interval" in line]

    score = ShelfScore("2026-01-01", "all", 1, 400, 200, 1.0, 1.0, 1.0, 1.0)
    open_trade(kept)
    assert told() == []
    with kept.write() as tx:
        tx.learning.put_scores([score, replace(score, segment="new", inside=0)])
    assert told() == [], "400 series are too few"
    with kept.write() as tx:
        tx.learning.put_scores([replace(score, day="2026-01-02")])
    assert "held 50% of the last days" in told()[0]
    with kept.write() as tx:
        tx.learning.put_scores([replace(score, day=f"2026-01-{day:02d}", inside=330) for day in range(3, 31)])
    assert told() == [], "the last four weeks kept it"


def test_sales_and_spikes_of_a_span_are_summed(kept: SqlStore) -> None:
    window = {"due": 0, "cancelled": 0, "refunded": 0, "returned": 0, "revenue_minor": 0}
    place = {"session": "shop", "sku": "A", "region": "CN-ZJ", "channel": "shelf"}
    spike = {
        "session": "shop",
        "room": "shop",
        "sku": "A",
        "judged_at": 0,
        "ratio": 2.0,
        "score": 9.0,
        "threshold": 5.0,
    }
    with kept.write() as tx:
        assert tx.learning.first_sale() is None
        for at, pieces in ((100, 2), (150, 3), (200, 5)):
            row = {**window, **place, "bin_start": at, "known_bin": at, "orders": 1, "gross": pieces}
            tx.connection.execute(insert(windows).values(**row))
        for name, at, observed in (("s1", 120, 30), ("s2", 130, 12), ("s3", 140, 1), ("s4", 210, 99)):
            row = {**spike, "spike": name, "started_at": at, "observed": observed, "expected": 10.0}
            tx.connection.execute(insert(spikes).values(**row, reason={}, tuning_version=0, committed_wall=0))
        assert tx.learning.first_sale() == 100
        assert tx.learning.sold(100, 200) == [DaySold("shop", "A", "CN-ZJ", "shelf", 5, 2)]
        assert tx.learning.sold(300, 400) == []
        assert tx.learning.spike_excess(100, 200) == {("shop", "A"): 22.0}


def test_schema_of_the_migrations_is_the_schema_of_the_tables(base: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    upgrade(base)  # a second time changes nothing
    with base.write() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        connection.execute(insert(facts).values(name="still here", value=1))
    upgrade(base)
    with base.read() as connection:
        assert connection.execute(select(facts.c.name)).scalars().all() == ["still here"]


@pytest.mark.parametrize(
    "base", [pytest.param("postgres", marks=[pytest.mark.deep, pytest.mark.xdist_group("pg")])], indirect=True
)
def test_windows_have_room_for_what_later_chunks_add(base: Database) -> None:
    """An update that finds room in its page leaves the indexes alone: half the time of a chunk's rows."""
    with base.read() as connection:
        options = connection.exec_driver_sql("SELECT reloptions FROM pg_class WHERE relname = 'windows'").scalar()
    assert options == ["fillfactor=50"]
