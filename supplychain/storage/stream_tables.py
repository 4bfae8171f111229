"""Tables of the streams: state, windows, spikes, forecasts, engagement, the stock log, and what could not be used."""

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
)

from supplychain.storage.columns import label, metadata, moment

partitions = Table(
    "partitions",
    metadata,
    label("topic", key=True),
    Column("partition", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    label("cluster"),
    Column("next_offset", BigInteger, nullable=False),
    moment("watermark"),
    Column("snapshot", LargeBinary),
    moment("committed_wall"),
)

windows = Table(
    "windows",
    metadata,
    label("session", key=True),
    label("sku", key=True),
    label("region", key=True),
    label("channel", key=True),
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
    label("cluster", key=True),  # another broker begins its offsets anew
    label("topic", key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    label("session"),
    label("sku"),
    label("region"),
    label("kind"),
    Column("qty", BigInteger, nullable=False),
    moment("occurred_at"),
    moment("lateness"),
)

seen_blocks = Table(
    "seen_blocks",
    metadata,
    label("cluster", key=True),
    label("topic", key=True),
    Column("partition", Integer, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("first_offset", BigInteger, primary_key=True),
    Column("block", LargeBinary, nullable=False),
)

counts = Table(
    "counts",
    metadata,
    label("topic", key=True),
    Column("partition", Integer, primary_key=True),
    label("bucket", key=True),
    label("reason", key=True),
    Column("events", BigInteger, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    label("dead_letter", key=True),
    label("topic"),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    label("reason"),
    Column("detail", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    moment("created_wall"),
    moment("redriven_wall", nullable=True),
    Index("ix_dead_letters_created_wall", "created_wall"),
)

findings = Table(
    "findings",
    metadata,
    label("kind", key=True),
    label("subject", key=True),
    Column("events", BigInteger, nullable=False),
    moment("first_wall"),
    moment("last_wall"),
)

incidents = Table(
    "incidents",
    metadata,
    label("incident", key=True),
    label("kind"),
    label("subject"),
    Column("detail", Text, nullable=False),
    moment("created_wall"),
)

spikes = Table(
    "spikes",
    metadata,
    label("spike", key=True),
    label("session"),
    label("room"),
    label("sku"),
    moment("started_at"),
    moment("judged_at"),
    moment("ended_at", nullable=True),
    Column("ratio", Float, nullable=False),
    Column("observed", BigInteger, nullable=False),
    Column("expected", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("reason", JSON, nullable=False),
    Column("tuning_version", BigInteger, nullable=False),
    moment("committed_wall"),
    Index("ix_spikes_judged_at", "judged_at"),
)

forecasts = Table(
    "forecasts",
    metadata,
    label("session", key=True),
    label("sku", key=True),
    Column("as_of", BigInteger, primary_key=True),
    moment("ends_at"),
    Column("regions", JSON, nullable=False),
    Column("prior_rest", Float, nullable=False),
    Column("total", Float, nullable=False),
    Column("tuning_version", BigInteger, nullable=False),
    label("model_version"),
    Column("degraded", Boolean, nullable=False),
    Index("ix_forecasts_as_of", "as_of"),
    Index("ix_forecasts_sku_as_of", "sku", "as_of"),
)

audience = Table(
    "audience",
    metadata,
    label("room", key=True),
    Column("bin_start", BigInteger, primary_key=True),
    Column("samples", BigInteger, nullable=False),
    Column("viewers", BigInteger, nullable=False),
    Column("comments", BigInteger, nullable=False),
    Column("likes", BigInteger, nullable=False),
    Column("clicks", BigInteger, nullable=False, server_default="0"),
    Index("ix_audience_bin_start", "bin_start"),
)

item_clicks = Table(
    "item_clicks",
    metadata,
    label("room", key=True),
    Column("bin_start", BigInteger, primary_key=True),
    label("sku", key=True),
    Column("clicks", BigInteger, nullable=False),
    Index("ix_item_clicks_bin_start", "bin_start"),
)

show_events = Table(
    "show_events",
    metadata,
    label("room", key=True),
    label("sku", key=True),
    label("kind", key=True),
    Column("at", BigInteger, primary_key=True),
    Column("started", Boolean, nullable=False),
    Column("price_minor", BigInteger),
)

stock_log = Table(
    "stock_log",
    metadata,
    label("warehouse", key=True),
    Column("sequence", BigInteger, primary_key=True),
    label("sku", key=True),
    label("kind"),
    moment("as_of"),
    Column("pieces", BigInteger, nullable=False),
    Column("sellable", BigInteger, nullable=False),
    label("region", nullable=True),
    label("plan_line", nullable=True),
    label("movement", nullable=True),
    Column("closes", Boolean, nullable=False),
    Column("applied", Boolean, nullable=False),
    Index("ix_stock_log_sku_as_of", "sku", "as_of"),
)
