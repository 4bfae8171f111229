"""The tables. Times are UTC milliseconds in 64-bit integers, money integer minor units, pieces integers.

Columns ending in `_wall` are wall time (leases, retries, latency); all other times are business time.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Serial = BigInteger().with_variant(Integer, "sqlite")


def _at(name: str, *, nullable: bool = False, default: int | None = None) -> Column[Any]:
    return Column(name, BigInteger, nullable=nullable, server_default=None if default is None else str(default))


def _name(name: str, *, key: bool = False, nullable: bool = False, default: str | None = None) -> Column[Any]:
    return Column(name, String(255), primary_key=key, nullable=nullable, server_default=default)


# Versions of what people decide ------------------------------------------------------------------------------------------

networks = Table(
    "networks",
    metadata,
    Column("version", Serial, primary_key=True),
    _name("digest"),
    Column("body", LargeBinary, nullable=False),
    _name("author"),
    _at("created_at"),
    UniqueConstraint("digest"),
)

tunings = Table(
    "tunings",
    metadata,
    Column("version", Serial, primary_key=True),
    Column("body", JSON, nullable=False),
    _name("author"),
    Column("reason", Text, nullable=False),
    _at("created_wall"),
)

priors = Table(
    "priors",
    metadata,
    Column("version", Serial, primary_key=True),
    _name("digest"),
    Column("body", LargeBinary, nullable=False),
    Column("degraded", Boolean, nullable=False),
    _at("fitted_through"),
    _at("created_wall"),
    UniqueConstraint("digest"),
)

active = Table(
    "active",
    metadata,
    _name("kind", key=True),
    Column("version", BigInteger, nullable=False),
)

history = Table(
    "history",
    metadata,
    _name("day", key=True),
    _name("sku", key=True),
    _name("region", key=True),
    _name("channel", key=True),
    Column("units", BigInteger, nullable=False),
    Column("synthetic", Boolean, nullable=False),
)

# State of the streams ----------------------------------------------------------------------------------------------------

partitions = Table(
    "partitions",
    metadata,
    _name("topic", key=True),
    Column("partition", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    _name("cluster"),
    Column("next_offset", BigInteger, nullable=False),
    _at("watermark"),
    Column("snapshot", LargeBinary),
    _at("committed_wall"),
)

windows = Table(
    "windows",
    metadata,
    _name("session", key=True),
    _name("sku", key=True),
    _name("region", key=True),
    _name("channel", key=True),
    Column("due", BigInteger, primary_key=True),
    Column("bin_start", BigInteger, primary_key=True),
    Column("known_bin", BigInteger, primary_key=True),
    Column("orders", BigInteger, nullable=False),
    Column("gross", BigInteger, nullable=False),
    Column("cancelled", BigInteger, nullable=False),
    Column("refunded", BigInteger, nullable=False),
    Column("returned", BigInteger, nullable=False),
    Column("revenue_minor", BigInteger, nullable=False),
    Index("ix_windows_sku_known", "sku", "known_bin"),
    Index("ix_windows_session_bin", "session", "bin_start"),
)

corrections = Table(
    "corrections",
    metadata,
    _name("topic", key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    _name("session"),
    _name("sku"),
    _name("region"),
    _name("kind"),
    Column("qty", BigInteger, nullable=False),
    _at("occurred_at"),
    _at("lateness"),
)

seen_blocks = Table(
    "seen_blocks",
    metadata,
    _name("topic", key=True),
    Column("partition", Integer, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("first_offset", BigInteger, primary_key=True),
    Column("block", LargeBinary, nullable=False),
)

counts = Table(
    "counts",
    metadata,
    _name("topic", key=True),
    Column("partition", Integer, primary_key=True),
    _name("bucket", key=True),
    _name("reason", key=True),
    Column("events", BigInteger, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    _name("dead_letter", key=True),
    _name("topic"),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    _name("reason"),
    Column("detail", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    _at("created_wall"),
    _at("redriven_wall", nullable=True),
    UniqueConstraint("topic", "partition", "offset", "reason"),
)

findings = Table(
    "findings",
    metadata,
    _name("kind", key=True),
    _name("subject", key=True),
    Column("events", BigInteger, nullable=False),
    _at("first_wall"),
    _at("last_wall"),
)

incidents = Table(
    "incidents",
    metadata,
    _name("incident", key=True),
    _name("kind"),
    _name("subject"),
    Column("detail", Text, nullable=False),
    _at("created_wall"),
)

spikes = Table(
    "spikes",
    metadata,
    _name("spike", key=True),
    _name("session"),
    _name("room"),
    _name("sku"),
    _at("started_at"),
    _at("judged_at"),
    _at("ended_at", nullable=True),
    Column("ratio", Float, nullable=False),
    Column("observed", BigInteger, nullable=False),
    Column("expected", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("reason", JSON, nullable=False),
    Column("tuning_version", BigInteger, nullable=False),
    _at("committed_wall"),
    Index("ix_spikes_judged_at", "judged_at"),
)

forecasts = Table(
    "forecasts",
    metadata,
    _name("session", key=True),
    _name("sku", key=True),
    Column("as_of", BigInteger, primary_key=True),
    _at("ends_at"),
    Column("regions", JSON, nullable=False),
    Column("prior_rest", Float, nullable=False),
    Column("total", Float, nullable=False),
    Column("tuning_version", BigInteger, nullable=False),
    _name("model_version"),
    Column("degraded", Boolean, nullable=False),
    Index("ix_forecasts_as_of", "as_of"),
    Index("ix_forecasts_sku_as_of", "sku", "as_of"),
)

audience = Table(
    "audience",
    metadata,
    _name("room", key=True),
    Column("bin_start", BigInteger, primary_key=True),
    Column("samples", BigInteger, nullable=False),
    Column("viewers", BigInteger, nullable=False),
    Column("comments", BigInteger, nullable=False),
    Column("likes", BigInteger, nullable=False),
)

show_events = Table(
    "show_events",
    metadata,
    _name("room", key=True),
    _name("sku", key=True),
    _name("kind", key=True),
    Column("at", BigInteger, primary_key=True),
    Column("started", Boolean, nullable=False),
    Column("price_minor", BigInteger),
)

stock_log = Table(
    "stock_log",
    metadata,
    _name("warehouse", key=True),
    Column("sequence", BigInteger, primary_key=True),
    _name("sku", key=True),
    _name("kind"),
    _at("as_of"),
    Column("pieces", BigInteger, nullable=False),
    Column("sellable", BigInteger, nullable=False),
    _name("region", nullable=True),
    _name("plan_line", nullable=True),
    _name("movement", nullable=True),
    Column("closes", Boolean, nullable=False),
    Column("applied", Boolean, nullable=False),
    Index("ix_stock_log_sku_as_of", "sku", "as_of"),
)

# Planning ----------------------------------------------------------------------------------------------------------------

signals = Table(
    "signals",
    metadata,
    _name("signal", key=True),
    _name("kind"),
    _name("plan_group"),
    _at("at"),
    _name("subject"),
    _at("committed_wall"),
    _name("request", nullable=True),
    _at("handled_wall", nullable=True),
    Index("ix_signals_open", "request", "at"),
)

requests = Table(
    "requests",
    metadata,
    _name("request", key=True),
    _at("cut"),
    Column("groups", JSON, nullable=False),
    Column("reasons", JSON, nullable=False),
    _name("state"),
    _name("claimed_by", nullable=True),
    _at("lease_wall", nullable=True),
    Column("attempts", Integer, nullable=False),
    _name("plan", nullable=True),
    Column("error", Text),
    _at("created_wall"),
    _at("done_wall", nullable=True),
    Index("ix_requests_state_cut", "state", "cut"),
)

group_cuts = Table(
    "group_cuts",
    metadata,
    _name("plan_group", key=True),
    _at("cut"),
    Column("basis", JSON, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    _name("plan", key=True),
    Column("serial", BigInteger, nullable=False),
    Column("groups", JSON, nullable=False),
    _at("cut"),
    _name("digest"),
    _name("input_digest"),
    Column("version", Integer, nullable=False),
    Column("objective_minor", BigInteger, nullable=False),
    Column("bound_minor", BigInteger, nullable=False),
    Column("gap", Float, nullable=False),
    _name("solve_status"),
    _name("stop_reason"),
    Column("network_version", BigInteger, nullable=False),
    Column("tuning_version", BigInteger, nullable=False),
    _name("model_version"),
    Column("reasons", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("shortages", JSON, nullable=False),
    _at("created_wall"),
    Index("ix_plans_cut", "cut"),
    UniqueConstraint("serial"),
)

plan_lines = Table(
    "plan_lines",
    metadata,
    _name("line", key=True),
    _name("plan"),
    _name("plan_group"),
    _name("kind"),
    _name("sku"),
    _name("destination"),
    _at("release_at"),
    _at("arrive_at"),
    Column("recommended", BigInteger, nullable=False),
    _name("zone"),
    _name("supplier", nullable=True),
    _name("offer", nullable=True),
    _name("mode"),
    _name("origin", nullable=True),
    Column("unit_cost_minor", BigInteger, nullable=False),
    Column("cost_minor", BigInteger, nullable=False),
    Column("override", BigInteger),
    Column("override_reason", Text, nullable=False),
    _name("override_basis", nullable=True),
    _name("state"),
    Column("fence", Text, nullable=False),
    Column("stale", Boolean, nullable=False),
    Column("confirmed", BigInteger),
    Column("shipped", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    _at("changed_at"),
    Column("explanation", JSON, nullable=False),
    Index("ix_plan_lines_plan", "plan"),
    Index("ix_plan_lines_state_group", "state", "plan_group"),
    Index("ix_plan_lines_sku_state", "sku", "state"),
)

revisions = Table(
    "revisions",
    metadata,
    _name("line", key=True),
    Column("version", Integer, primary_key=True),
    _name("actor"),
    _name("action"),
    Column("reason", Text, nullable=False),
    _at("at"),
    _at("created_wall"),
    _name("state_before"),
    _name("state_after"),
    Column("quantity_before", BigInteger, nullable=False),
    Column("quantity_after", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("entry", Serial, primary_key=True),
    _at("created_wall"),
    _at("at"),
    _name("actor"),
    _name("action"),
    _name("subject"),
    Column("detail", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    _name("previous_hash"),
    _name("hash"),
    UniqueConstraint("previous_hash"),
)

# The bridge to the outside and back --------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    Column("serial", Serial, primary_key=True),
    _name("message"),
    _name("channel"),
    _name("lane_key"),
    _name("kind"),
    Column("payload", LargeBinary, nullable=False),
    Column("lines", JSON, nullable=False),
    _at("released_at"),
    _name("state"),
    Column("attempts", Integer, nullable=False),
    _at("next_wall"),
    _name("claimed_by", nullable=True),
    _at("lease_wall", nullable=True),
    Column("error", Text),
    _at("created_wall"),
    _at("delivered_wall", nullable=True),
    UniqueConstraint("message"),
    Index("ix_outbox_state_channel_lane", "state", "channel", "lane_key"),
)

inbox = Table(
    "inbox",
    metadata,
    _name("message", key=True),
    _name("kind"),
    _name("source"),
    _at("effective_at"),
    Column("payload", LargeBinary, nullable=False),
    _name("fingerprint"),
    _name("state"),
    Column("error", Text),
    _at("received_wall"),
    _at("applied_wall", nullable=True),
    Index("ix_inbox_state_effective_at", "state", "effective_at"),
)

# Running -----------------------------------------------------------------------------------------------------------------

job_runs = Table(
    "job_runs",
    metadata,
    _name("job", key=True),
    Column("slot", BigInteger, primary_key=True),
    _name("state"),
    Column("detail", Text, nullable=False),
    _at("started_wall"),
    _at("ended_wall", nullable=True),
)

leases = Table(
    "leases",
    metadata,
    _name("lease", key=True),
    _name("holder"),
    Column("epoch", BigInteger, nullable=False),
    _at("expires_wall"),
)

idempotency = Table(
    "idempotency",
    metadata,
    _name("key", key=True),
    _name("fingerprint"),
    Column("status", Integer),
    Column("response", LargeBinary),
    _at("created_wall"),
)

facts = Table(
    "facts",
    metadata,
    _name("name", key=True),
    Column("value", JSON, nullable=False),
)
