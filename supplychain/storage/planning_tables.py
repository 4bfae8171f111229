"""Tables of planning: signals, requests, plans, lines, revisions, the audit trail; outbox and inbox; jobs and leases."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from supplychain.storage.columns import Serial, label, metadata, moment

signals = Table(
    "signals",
    metadata,
    label("signal", key=True),
    label("kind"),
    label("plan_group"),
    moment("at"),
    label("subject"),
    moment("committed_wall"),
    label("request", nullable=True),
    moment("handled_wall", nullable=True),
    Index("ix_signals_open", "request", "at"),
)

requests = Table(
    "requests",
    metadata,
    label("request", key=True),
    moment("cut"),
    Column("groups", JSON, nullable=False),
    Column("reasons", JSON, nullable=False),
    label("state"),
    label("claimed_by", nullable=True),
    moment("lease_wall", nullable=True),
    Column("attempts", Integer, nullable=False),
    label("plan", nullable=True),
    Column("error", Text),
    moment("created_wall"),
    moment("done_wall", nullable=True),
    Index("ix_requests_state_cut", "state", "cut"),
)

group_cuts = Table(
    "group_cuts",
    metadata,
    label("plan_group", key=True),
    moment("cut"),
    Column("basis", JSON, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    label("plan", key=True),
    Column("serial", BigInteger, nullable=False),
    Column("groups", JSON, nullable=False),
    moment("cut"),
    label("digest"),
    label("input_digest"),
    Column("version", Integer, nullable=False),
    Column("objective_minor", BigInteger, nullable=False),
    Column("bound_minor", BigInteger, nullable=False),
    Column("gap", Float, nullable=False),
    label("solve_status"),
    label("stop_reason"),
    Column("network_version", BigInteger, nullable=False),
    Column("tuning_version", BigInteger, nullable=False),
    label("model_version"),
    Column("reasons", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("shortages", JSON, nullable=False),
    moment("created_wall"),
    Index("ix_plans_cut", "cut"),
    UniqueConstraint("serial"),
)

plan_lines = Table(
    "plan_lines",
    metadata,
    label("line", key=True),
    label("plan"),
    label("plan_group"),
    label("kind"),
    label("sku"),
    label("destination"),
    moment("release_at"),
    moment("arrive_at"),
    Column("recommended", BigInteger, nullable=False),
    label("zone"),
    label("supplier", nullable=True),
    label("offer", nullable=True),
    label("mode"),
    label("origin", nullable=True),
    Column("unit_cost_minor", BigInteger, nullable=False),
    Column("cost_minor", BigInteger, nullable=False),
    Column("override", BigInteger),
    Column("override_reason", Text, nullable=False),
    label("override_basis", nullable=True),
    label("state"),
    Column("fence", Text, nullable=False),
    Column("stale", Boolean, nullable=False),
    Column("confirmed", BigInteger),
    Column("shipped", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    moment("changed_at"),
    Column("explanation", JSON, nullable=False),
    Index("ix_plan_lines_plan", "plan"),
    Index("ix_plan_lines_state_group", "state", "plan_group"),
    Index("ix_plan_lines_sku_state", "sku", "state"),
)

revisions = Table(
    "revisions",
    metadata,
    label("line", key=True),
    Column("version", Integer, primary_key=True),
    label("actor"),
    label("action"),
    Column("reason", Text, nullable=False),
    moment("at"),
    moment("created_wall"),
    label("state_before"),
    label("state_after"),
    Column("quantity_before", BigInteger, nullable=False),
    Column("quantity_after", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("entry", Serial, primary_key=True),
    moment("created_wall"),
    moment("at"),
    label("actor"),
    label("action"),
    label("subject"),
    Column("detail", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    label("previous_hash"),
    label("hash"),
    UniqueConstraint("previous_hash"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("serial", Serial, primary_key=True),
    label("message"),
    label("channel"),
    label("lane_key"),
    label("kind"),
    Column("payload", LargeBinary, nullable=False),
    Column("lines", JSON, nullable=False),
    moment("released_at"),
    label("state"),
    Column("attempts", Integer, nullable=False),
    moment("next_wall"),
    label("claimed_by", nullable=True),
    moment("lease_wall", nullable=True),
    Column("error", Text),
    moment("created_wall"),
    moment("delivered_wall", nullable=True),
    UniqueConstraint("message"),
    Index("ix_outbox_state_channel_lane", "state", "channel", "lane_key"),
)

inbox = Table(
    "inbox",
    metadata,
    label("message", key=True),
    label("kind"),
    label("source"),
    moment("effective_at"),
    Column("payload", LargeBinary, nullable=False),
    label("fingerprint"),
    label("state"),
    Column("error", Text),
    moment("received_wall"),
    moment("applied_wall", nullable=True),
    Index("ix_inbox_state_effective_at", "state", "effective_at"),
)

job_runs = Table(
    "job_runs",
    metadata,
    label("job", key=True),
    Column("slot", BigInteger, primary_key=True),
    label("state"),
    Column("detail", Text, nullable=False),
    moment("started_wall"),
    moment("ended_wall", nullable=True),
)

leases = Table(
    "leases",
    metadata,
    label("lease", key=True),
    label("holder"),
    Column("epoch", BigInteger, nullable=False),
    moment("expires_wall"),
)

idempotency = Table(
    "idempotency",
    metadata,
    label("key", key=True),
    label("fingerprint"),
    Column("status", Integer),
    Column("response", LargeBinary),
    moment("created_wall"),
)

facts = Table(
    "facts",
    metadata,
    label("name", key=True),
    Column("value", JSON, nullable=False),
)
