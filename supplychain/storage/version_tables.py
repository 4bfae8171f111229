"""Tables of what people decide and models learn: immutable versions, one of each active."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, LargeBinary, Table, Text, UniqueConstraint

from supplychain.storage.columns import Serial, label, metadata, moment

networks = Table(
    "networks",
    metadata,
    Column("version", Serial, primary_key=True),
    label("digest"),
    Column("body", LargeBinary, nullable=False),
    label("author"),
    moment("created_at"),
    UniqueConstraint("digest"),
)

tunings = Table(
    "tunings",
    metadata,
    Column("version", Serial, primary_key=True),
    Column("body", JSON, nullable=False),
    label("author"),
    Column("reason", Text, nullable=False),
    moment("created_wall"),
)

priors = Table(
    "priors",
    metadata,
    Column("version", Serial, primary_key=True),
    label("digest"),
    Column("body", LargeBinary, nullable=False),
    Column("degraded", Boolean, nullable=False),
    moment("fitted_through"),
    moment("created_wall"),
    UniqueConstraint("digest"),
)

lessons = Table(
    "lessons",
    metadata,
    Column("version", Serial, primary_key=True),
    label("digest"),
    Column("body", LargeBinary, nullable=False),
    Column("sessions", BigInteger, nullable=False),
    moment("learned_through"),
    moment("created_wall"),
    UniqueConstraint("digest"),
)

thresholds = Table(
    "thresholds",
    metadata,
    Column("version", Serial, primary_key=True),
    label("shape"),
    Column("body", JSON, nullable=False),
    label("author"),
    Column("reason", Text, nullable=False),
    moment("created_wall"),
)

active = Table(
    "active",
    metadata,
    label("kind", key=True),
    Column("version", BigInteger, nullable=False),
)

history = Table(
    "history",
    metadata,
    label("day", key=True),
    label("sku", key=True),
    label("region", key=True),
    label("channel", key=True),
    Column("units", BigInteger, nullable=False),
    Column("synthetic", Boolean, nullable=False),
)

shelf_forecasts = Table(
    "shelf_forecasts",
    metadata,
    Column("model", BigInteger, primary_key=True),
    label("sku", key=True),
    Column("first_day", BigInteger, nullable=False),
    Column("regions", JSON, nullable=False),
    label("method"),
    Column("tuning_version", BigInteger, nullable=False),
)

room_days = Table(
    "room_days",
    metadata,
    label("day", key=True),
    label("room", key=True),
    label("host", key=True),
    Column("pieces", BigInteger, nullable=False),
    Column("minutes", BigInteger, nullable=False),
    Column("offer_minutes", BigInteger, nullable=False),
)

shelf_scores = Table(
    "shelf_scores",
    metadata,
    label("day", key=True),
    label("segment", key=True),
    Column("model", BigInteger, nullable=False),
    Column("series", BigInteger, nullable=False),
    Column("inside", BigInteger, nullable=False),
    Column("pieces", Float, nullable=False),
    Column("expected", Float, nullable=False),
    Column("error", Float, nullable=False),
    Column("loss", Float, nullable=False),
)
