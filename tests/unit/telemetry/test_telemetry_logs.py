"""Log lines are JSON, carry their trace, and hide secrets."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain import telemetry


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    level = root.level
    telemetry.setup("info", "plan", stream)
    yield stream
    root.handlers = [
        handler for handler in root.handlers if not isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter)
    ]
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


def _read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_what_where_and_when(lines: io.StringIO) -> None:
    telemetry.log("supplychain.test").info("plan made", plan="P1", gap=0.01, 名="爆款")
    (line,) = _read(lines)
    assert line["message"] == "plan made"
    assert (line["logger"], line["level"], line["role"], line["plan"], line["名"]) == (
        "supplychain.test",
        "info",
        "plan",
        "P1",
        "爆款",
    )
    assert line["at"].endswith("Z")


def test_the_level_is_kept(lines: io.StringIO) -> None:
    telemetry.log("supplychain.test").debug("too fine")
    assert _read(lines) == []


def test_libraries_speak_the_same_way(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("started on %s", "http://me:hunter2@host", extra={"port": 8000})
    logging.getLogger("httpx").info("HTTP Request: POST")
    (line,) = _read(lines)
    assert (line["message"], line["port"]) == ("started on http://me:***@host", 8000)


def test_secrets_never_reach_the_log(lines: io.StringIO) -> None:
    log = telemetry.log("supplychain.test")
    log.info("sent", headers={"webhook-signature": "v1,abc", "Authorization": "Bearer xyz"}, api_key="k")
    try:
        raise ValueError("bad secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    except ValueError:
        log.exception("failed")
    text = lines.getvalue()
    assert "whsec_***" not in text
    for secret in ("v1,abc", "xyz", "MfKQ9r8G", '"k"'):
        assert secret not in text
    assert "ValueError" in text


def test_a_trace_marks_every_line_of_its_block(lines: io.StringIO) -> None:
    log = telemetry.log("supplychain.test")
    with telemetry.trace(request="R1") as first:
        log.info("one")
        header = telemetry.traceparent()
        assert header is not None
        with telemetry.trace(header) as second:
            log.info("two")
    log.info("three")
    one, two, three = _read(lines)
    assert first == second == one["trace_id"] == two["trace_id"]
    assert one["request"] == "R1"
    assert "trace_id" not in three
    assert telemetry.traceparent() is None


@pytest.mark.parametrize("given_id", [None, "", "00-zz-1-1", "x" * 32])
def test_an_unreadable_trace_starts_a_new_one(given_id: str | None) -> None:
    with telemetry.trace(given_id) as identity:
        assert len(identity) == 32
        assert identity != given_id


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=8,
    )
)
def test_a_secret_is_hidden_wherever_it_stands(around: Any) -> None:
    hidden = telemetry.hide_secrets({"a": [around, {"client_secret": "hunter2", "note": "Bearer hunter2"}]})
    assert "hunter2" not in json.dumps(hidden)


def test_setup_twice_writes_once(lines: io.StringIO) -> None:
    telemetry.setup("info", "web", lines)
    telemetry.log("supplychain.test").info("once")
    assert len(_read(lines)) == 1
