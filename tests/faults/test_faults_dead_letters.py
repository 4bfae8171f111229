"""Dead letters of every kind as a person meets them: listed, shown, and sent again once their cause is gone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from supplychain.domain.units import HOUR
from supplychain.messages.codec import encode
from supplychain.messages.topics import SALES
from supplychain.messages.v1 import Sale
from tests.faults.history import Written, placed, ticks
from tests.faults.stage import Stage, rows

pytestmark = pytest.mark.deep


def ask(stage: Stage, *words: str, fails: bool = False) -> Any:
    """Run `supplychain deadletters` as at a terminal and return its JSON, or what it says when it fails."""
    command = [sys.executable, "-m", "supplychain", "deadletters", *words, "--data-dir", str(stage.folder)]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else json.loads(done.stdout)


def good_sales(history: list[Written]) -> Iterator[Sale]:
    """Yield the sales of a history that can be read."""
    decoder = msgspec.json.Decoder(Sale)
    for record in history:
        if record.topic == SALES.name and b'"kind":"paid"' in record.value:
            yield decoder.decode(record.value)


def test_letters_of_all_kinds_are_listed_shown_and_sent_again(stage: Stage, history: list[Written]) -> None:
    first = next(good_sales(history))
    start = first.occurred_at - first.occurred_at % 5_000
    early = msgspec.structs.replace(first, event_id="early", occurred_at=start + HOUR)
    bad: dict[str, bytes] = {
        "malformed": b'{"type":"sale"',
        "invalid": encode(first).replace(b'"qty":', b'"qty":"x","q":'),
        "too-large": b'{"x":"' + b"y" * 500_000 + b'"}',
        "too-deep": b"[" * 5_000,
        "impossible-quantity": encode(msgspec.structs.replace(first, event_id="none", qty=-1)),
        "impossible-time": encode(early),
        "id-conflict": encode(msgspec.structs.replace(first, qty=first.qty + 5)),
    }
    stage.publish([*ticks(start), placed(SALES, "room-lin", first)])
    stage.publish([placed(SALES, "room-lin", value) for value in bad.values()])
    with stage.role() as worker:
        stage.until_all_read(worker)
        listed = ask(stage, "list")
        assert {row["reason"] for row in listed} == bad.keys()
        for row in listed:
            shown = ask(stage, "show", row["dead_letter"][:12])
            assert shown["size"] == len(bad[row["reason"]])
            assert shown["payload"].encode() == bad[row["reason"]][: len(shown["payload"])]
        by_reason = {row["reason"]: row["dead_letter"] for row in listed}
        assert "only the first" in ask(stage, "redrive", by_reason["too-large"], fails=True)
        assert "0 dead letters" in ask(stage, "show", "no-such-letter", fails=True)
        stage.publish(ticks(start + HOUR))  # its time has come
        stage.until_all_read(worker)
        for _ in range(2):  # a person who is not sure sends it twice
            sent = ask(stage, "redrive", by_reason["impossible-time"])
            assert sent["topic"] == SALES.name
        ask(stage, "redrive", by_reason["malformed"])  # its cause is not gone: it comes back as another letter
        stage.until_all_read(worker)
        worker.end(signal.SIGTERM)
    books = {row.bucket: row.events for row in _books(stage)}
    assert books["counted"] == 2
    assert books["duplicates"] == 1
    assert books["dead_letters"] == len(bad) + 1
    letters = rows(stage.services, "SELECT reason, redriven_wall FROM dead_letters")
    redriven = sorted(row.reason for row in letters if row.redriven_wall is not None)
    assert redriven == ["impossible-time", "malformed"]


def _books(stage: Stage) -> list[Any]:
    query = "SELECT bucket, SUM(events) AS events FROM counts WHERE topic = 'sales.v1' GROUP BY bucket"
    return rows(stage.services, query)
