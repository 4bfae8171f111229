"""Network, tuning, prior and lessons: immutable versions, one of each active; sales history for the prior."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.sql import Select

from supplychain.domain.errors import NotFoundError
from supplychain.domain.network import Catalogue
from supplychain.domain.tuning import Tuning, document, parse
from supplychain.planning.ports import TuningVersion
from supplychain.platforms.catalogue_document import catalogue_document, catalogue_from
from supplychain.storage.tables import active, history, lessons, networks, priors, thresholds, tunings
from supplychain.storage.upserts import add_up, put

_CATALOGUES: dict[tuple[int, str], Catalogue] = {}
"""Parsed catalogues by version and digest: immutable, shared by every transaction of the process."""
_CATALOGUES_KEPT = 4


class SqlVersions:
    """Versions in SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def network(self, version: int | None = None) -> tuple[int, Catalogue]:
        """Return number and catalogue of a version, the active one when none is named."""
        row = self._one(networks, version, "network", "import one with `supplychain network import DIR`")
        key = (row.version, row.digest)
        if key not in _CATALOGUES:
            while len(_CATALOGUES) >= _CATALOGUES_KEPT:
                _CATALOGUES.pop(next(iter(_CATALOGUES)))
            body = self._connection.execute(
                select(networks.c.body).where(networks.c.version == row.version)
            ).scalar_one()
            _CATALOGUES[key] = catalogue_from(json.loads(body))
        return row.version, _CATALOGUES[key]

    def put_network(self, catalogue: Catalogue, author: str, at: int) -> int:
        """Store a catalogue, or find it when the same was stored before; it is not yet active."""
        body = json.dumps(
            catalogue_document(catalogue), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        ).encode()
        digest = sha256(body).hexdigest()
        known = self._connection.execute(select(networks.c.version).where(networks.c.digest == digest)).scalar()
        if known is not None:
            return int(known)
        values = {"digest": digest, "body": body, "author": author, "created_at": at}
        return int(
            self._connection.execute(insert(networks).values(**values).returning(networks.c.version)).scalar_one()
        )

    def tuning(self, version: int | None = None) -> tuple[int, Tuning]:
        """Return number and tuning of a version, the active one when none is named; version 0 is the defaults."""
        if version == 0 or (version is None and self._active("tuning") is None):
            return 0, Tuning()
        row = self._one(tunings, version, "tuning", "`supplychain tuning show --versions` lists them")
        body = self._connection.execute(select(tunings.c.body).where(tunings.c.version == row.version)).scalar_one()
        return row.version, parse(body)

    def put_tuning(self, tuning: Tuning, author: str, reason: str, wall: int) -> int:
        """Store a tuning; it is not yet active."""
        values = {"body": document(tuning), "author": author, "reason": reason, "created_wall": wall}
        return int(self._connection.execute(insert(tunings).values(**values).returning(tunings.c.version)).scalar_one())

    def tunings(self) -> list[TuningVersion]:
        """Return every stored tuning, newest first."""
        rows = self._connection.execute(select(tunings).order_by(tunings.c.version.desc()))
        return [TuningVersion(r.version, parse(r.body), r.author, r.reason, r.created_wall) for r in rows]

    def activate(self, kind: str, version: int) -> None:
        """Make a version of a kind the active one."""
        put(self._connection, active, [{"kind": kind, "version": version}])

    def prior(self) -> tuple[int, bytes] | None:
        """Return number and body of the active prior model, if one was fitted."""
        version = self._active("prior")
        if version is None:
            return None
        row = self._connection.execute(select(priors.c.version, priors.c.body).where(priors.c.version == version)).one()
        return row.version, row.body

    def put_prior(self, body: bytes, *, degraded: bool, fitted_through: int, wall: int) -> int:
        """Store a fitted prior, or find it when the same was stored before; it is not yet active."""
        digest = sha256(body).hexdigest()
        known = self._connection.execute(select(priors.c.version).where(priors.c.digest == digest)).scalar()
        if known is not None:
            return int(known)
        values = {
            "digest": digest,
            "body": body,
            "degraded": degraded,
            "fitted_through": fitted_through,
            "created_wall": wall,
        }
        return int(self._connection.execute(insert(priors).values(**values).returning(priors.c.version)).scalar_one())

    def lessons(self) -> tuple[int, bytes] | None:
        """Return number and body of what past sessions taught, None before anything was learned."""
        version = self._active("lessons")
        if version is None:
            return None
        row = self._connection.execute(
            select(lessons.c.version, lessons.c.body).where(lessons.c.version == version)
        ).one()
        return row.version, row.body

    def put_lessons(self, body: bytes, *, sessions: int, learned_through: int, wall: int) -> int:
        """Store lessons, or find them when the same were stored before; they are not yet active."""
        digest = sha256(body).hexdigest()
        known = self._connection.execute(select(lessons.c.version).where(lessons.c.digest == digest)).scalar()
        if known is not None:
            return int(known)
        values = {
            "digest": digest,
            "body": body,
            "sessions": sessions,
            "learned_through": learned_through,
            "created_wall": wall,
        }
        return int(self._connection.execute(insert(lessons).values(**values).returning(lessons.c.version)).scalar_one())

    def add_history(self, rows: Iterable[tuple[str, str, str, str, int]], *, synthetic: bool) -> None:
        """Add daily units: rows of day (ISO), SKU, region, channel, units."""
        names = ("day", "sku", "region", "channel", "units")
        add_up(
            self._connection,
            history,
            [dict(zip(names, row, strict=True)) | {"synthetic": synthetic} for row in rows],
            ["units"],
        )

    def history(self) -> list[tuple[str, str, str, str, int]]:
        """Return the daily units, in order of day."""
        columns = (history.c.day, history.c.sku, history.c.region, history.c.channel, history.c.units)
        return [tuple(row) for row in self._connection.execute(select(*columns).order_by(*columns))]

    def thresholds(self, shape: str) -> tuple[int, dict[str, Any]] | None:
        """Return number and body of the newest thresholds that were calibrated for a shape of the detector."""
        rows = select(thresholds.c.version, thresholds.c.body).where(thresholds.c.shape == shape)
        row = self._connection.execute(rows.order_by(thresholds.c.version.desc()).limit(1)).first()
        return None if row is None else (row.version, row.body)

    def put_thresholds(self, shape: str, body: dict[str, Any], author: str, reason: str, wall: int) -> int:
        """Store calibrated thresholds; the newest of a shape are in use."""
        values = {"shape": shape, "body": body, "author": author, "reason": reason, "created_wall": wall}
        statement = insert(thresholds).values(**values).returning(thresholds.c.version)
        return int(self._connection.execute(statement).scalar_one())

    def _active(self, kind: str) -> int | None:
        return self._connection.execute(select(active.c.version).where(active.c.kind == kind)).scalar()

    def _one(self, table: Any, version: int | None, kind: str, way_out: str) -> Row[Any]:
        wanted: Select[Any] = select(*(c for c in table.c if c.name != "body"))
        chosen = version if version is not None else self._active(kind)
        row = self._connection.execute(wanted.where(table.c.version == chosen)).first() if chosen is not None else None
        if row is None:
            what = f"{kind} version {version}" if version is not None else f"active {kind}"
            raise NotFoundError(f"there is no {what}", way_out=way_out, kind=kind, version=version)
        return row
