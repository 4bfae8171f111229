"""Logs and metrics of every role: structured, traceable, and without secrets. This is the only room of structlog.

Metrics are declared once, here. What the database knows better than any process (how long plans took, how old the oldest
message is) is not counted a second time: it is read when the page is rendered, see `StoredFigures`.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

Log = structlog.stdlib.BoundLogger
"""What `log` returns: `info("what happened", field=value)`, `bind(field=value)`."""

# Logs --------------------------------------------------------------------------------------------------------------------

HIDDEN: Final = "***"
_SECRET_KEY: Final = re.compile(
    r"secret|passw|token|authorization|cookie|signature|credential|api_?key|private_?key", re.IGNORECASE
)
_SECRET_TEXT: Final = re.compile(
    r"(?P<keep>://[^/\s:@]+:)[^/\s@]+(?=@)"  # the password of an address
    r"|wh(?:sec|sk)_[A-Za-z0-9+/_=-]+"
    r"|(?P<scheme>\b(?:Bearer|Basic) )[A-Za-z0-9+/._~=-]+"
)
_DEPTH: Final = 6
_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_CHATTY: Final = (
    "aiokafka", "alembic", "apscheduler", "cmdstanpy", "faust", "httpcore", "httpx", "matplotlib", "mode", "prophet", "uvicorn",
)  # fmt: skip


def hide_secrets(value: Any, depth: int = _DEPTH) -> Any:
    """Return a copy of `value` in which whatever looks like a secret, by its key or its text, is hidden.

    >>> hide_secrets({"supplier": "S1", "secret": "x", "url": "https://me:pw@host/", "sent": ["whsec_MfKQ9r8G"]})
    {'supplier': 'S1', 'secret': '***', 'url': 'https://me:***@host/', 'sent': ['***']}
    """
    if isinstance(value, str):
        return _SECRET_TEXT.sub(_hidden, value)
    if depth == 0:
        return value
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _SECRET_KEY.search(str(key)) and inner is not None else hide_secrets(inner, depth - 1)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [hide_secrets(inner, depth - 1) for inner in value]
    return value


def _hidden(found: re.Match[str]) -> str:
    return f"{found['keep'] or found['scheme'] or ''}{HIDDEN}"


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    cleaned: dict[str, Any] = hide_secrets(event)
    for private in ("_record", "_from_structlog"):  # the formatter's own marks pass untouched
        if private in event:
            cleaned[private] = event[private]
    return cleaned


_SHARED: Final[Sequence[Callable[..., Any]]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    structlog.processors.format_exc_info,
    _redact,
)


def setup(level: str, role: str, stream: IO[str] | None = None) -> None:
    """Write logs of this process, ours and those of the libraries, as JSON lines.

    Parameters
    ----------
    level
        debug, info, warning or error. Libraries that talk much are heard from warning on.
    role
        Stands in every line.
    stream
        Where to; standard error when None, so that standard output stays with the command's result.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_SHARED],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(_LEVELS[level], logging.WARNING))
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # it reports a missing plotting library as an error
    structlog.contextvars.bind_contextvars(role=role, pid=os.getpid())


def log(name: str) -> Log:
    """Return the logger of a module; before `setup` only warnings are heard, as with the standard library."""
    logger: Log = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=False,
    )
    return logger


_TRACEPARENT: Final = re.compile(r"00-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


@contextmanager
def trace(trace_id: str | None = None, **fields: Any) -> Iterator[str]:
    """Mark every log line of the block with a trace id and the fields given; yields the trace id.

    Parameters
    ----------
    trace_id
        32 hexadecimal digits or a `traceparent` header; anything else starts a new trace.
    """
    given = trace_id or ""
    found = _TRACEPARENT.fullmatch(given)
    identity = found["trace"] if found else given if re.fullmatch(r"[0-9a-f]{32}", given) else os.urandom(16).hex()
    with structlog.contextvars.bound_contextvars(trace_id=identity, **fields):
        yield identity


def traceparent() -> str | None:
    """Return the header that carries the current trace on to another service, None outside a trace.

    Source: W3C Trace Context, version 00.
    """
    identity = structlog.contextvars.get_contextvars().get("trace_id")
    return f"00-{identity}-{os.urandom(8).hex()}-01" if identity else None


# Metrics -----------------------------------------------------------------------------------------------------------------

REGISTRY: Final = CollectorRegistry()
SPIKE_TO_PLAN: Final = "supplychain_spike_to_plan_seconds"
SPIKE_TO_PLAN_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0, 60.0)

INGEST_EVENTS: Final = Counter(
    "supplychain_ingest_events", "Events taken in at the edge.", ("platform", "outcome"), registry=REGISTRY
)
EVENT_LATENESS: Final = Histogram(
    "supplychain_event_lateness_seconds",
    "How far an event was behind its partition's watermark.",
    buckets=(0.0, 0.5, 1, 2, 5, 10, 30, 60, 300, 1_800),
    registry=REGISTRY,
)
FORECAST_COVERAGE: Final = Gauge(
    "supplychain_forecast_interval_coverage_ratio",
    "Share of outcomes inside the forecast interval.",
    ("segment",),
    registry=REGISTRY,
    multiprocess_mode="livemostrecent",
)
OPTIMIZER_SOLVE: Final = Histogram(
    "supplychain_optimizer_solve_seconds",
    "Wall time of a solve.",
    ("status",),
    buckets=(0.01, 0.03, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
    registry=REGISTRY,
)
OPTIMIZER_GAP: Final = Histogram(
    "supplychain_optimizer_gap_ratio",
    "Relative distance between a plan's cost and the proven bound.",
    buckets=(0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    registry=REGISTRY,
)
WEBHOOK_DELIVERIES: Final = Counter(
    "supplychain_webhook_deliveries",
    "Attempts to hand a message over.",
    ("endpoint_class", "outcome"),
    registry=REGISTRY,
)
DELIVERY_SECONDS: Final = Histogram(
    "supplychain_delivery_seconds",
    "Wall time of one attempt to hand a message over.",
    ("endpoint_class",),
    buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10, 30),
    registry=REGISTRY,
)
STOCK_DRIFT: Final = Gauge(
    "supplychain_stock_drift_units",
    "Pieces by which the last snapshots differed from what events said.",
    registry=REGISTRY,
    multiprocess_mode="livemostrecent",
)
COMPUTE_RESTARTS: Final = Counter(
    "supplychain_compute_restarts", "Compute workers that were started again.", registry=REGISTRY
)
COMPUTE_CUT_OFF: Final = Counter(
    "supplychain_compute_cut_off", "Calls that came to no end.", ("reason",), registry=REGISTRY
)
PLAN_ATTEMPTS: Final = Counter(
    "supplychain_plan_attempts", "Attempts to answer a plan request.", ("outcome",), registry=REGISTRY
)
JOB_RUNS: Final = Counter("supplychain_job_runs", "Slots of the scheduled jobs.", ("job", "outcome"), registry=REGISTRY)
LOOP_FAULTS: Final = Counter(
    "supplychain_loop_faults", "Unexpected errors that a role's loop survived.", ("role",), registry=REGISTRY
)


@dataclass(frozen=True, slots=True)
class StoredFigures:
    """What the database knows at the moment of rendering.

    `spike_to_plan_seconds` are seconds from the commit of a spike to the commit of its plan or of "no plan needed".
    """

    spike_to_plan_seconds: Sequence[float] = ()
    plan_lines: Mapping[str, int] = field(default_factory=dict)
    outbox_pending: int = 0
    outbox_parked: int = 0
    outbox_oldest_seconds: float = 0.0
    dead_letters: int = 0
    incidents: Mapping[str, int] = field(default_factory=dict)


def render(stored: StoredFigures | None = None) -> bytes:
    """Return the metrics page in Prometheus' text format.

    With `PROMETHEUS_MULTIPROC_DIR` in the environment of all roles (before they start), the page covers all of them;
    without it, this process.
    """
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library annotates no constructor
    page = generate_latest(registry)
    if stored is None:
        return page
    figures = CollectorRegistry()
    figures.register(_Stored(stored))
    return page + generate_latest(figures)


class _Stored:
    """A collector of figures that were read from the database."""

    def __init__(self, stored: StoredFigures) -> None:
        self._stored = stored

    def collect(self) -> Iterator[Metric]:
        stored = self._stored
        yield histogram(
            SPIKE_TO_PLAN, "From a stored spike to its plan.", stored.spike_to_plan_seconds, SPIKE_TO_PLAN_BUCKETS
        )
        lines = GaugeMetricFamily("supplychain_plan_lines", "Plan lines by state.", labels=["state"])
        for state in sorted(stored.plan_lines):
            lines.add_metric([state], stored.plan_lines[state])
        yield lines
        for name, about, value in (
            ("supplychain_outbox_pending", "Messages that wait to go out.", stored.outbox_pending),
            ("supplychain_outbox_parked", "Messages that wait for a person.", stored.outbox_parked),
            ("supplychain_outbox_oldest_seconds", "Age of the oldest waiting message.", stored.outbox_oldest_seconds),
            ("supplychain_dead_letters", "Dead letters not sent again.", stored.dead_letters),
        ):
            yield GaugeMetricFamily(name, about, value=value)
        incidents = GaugeMetricFamily("supplychain_incidents", "What happened to the streams.", labels=["kind"])
        for kind in sorted(stored.incidents):
            incidents.add_metric([kind], stored.incidents[kind])
        yield incidents


def histogram(name: str, about: str, values: Sequence[float], buckets: Sequence[float]) -> HistogramMetricFamily:
    """Return a histogram of values that are already known; `buckets` are upper bounds, +Inf is added."""
    bounds = [(str(float(bound)), sum(value <= bound for value in values)) for bound in buckets]
    return HistogramMetricFamily(name, about, buckets=[*bounds, ("+Inf", len(values))], sum_value=sum(values))
