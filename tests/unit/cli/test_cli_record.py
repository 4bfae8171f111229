"""Recordings: what was simulated or lies in the topics comes back as the same events, and no file is written over."""

from __future__ import annotations

from pathlib import Path

from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.publisher import Publisher
from supplychain.broker.subscriber import Subscriber
from supplychain.cli.record import _held, _write
from supplychain.messages.codec import encode
from supplychain.messages.topics import ENGAGEMENT, SALES, partition_counts
from supplychain.messages.v1 import Audience, Sale, SaleKind, Tick
from supplychain.platforms.events import read_events
from tests.unit.cli.test_cli_commands import Run, run

__all__ = ["run"]
AT = 1_794_394_800_000


def test_a_simulated_evening_is_a_recording_that_the_replay_reads(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "evening.jsonl"
    said = run("simulate", file, "--seed", "3", "--scale", "0.02", "--json")
    assert said.code == 0, said.err
    recording = read_events(file)
    assert recording.counts["sale"] > 300
    assert recording.counts["engagement"] > 300
    assert recording.records == len(file.read_bytes().splitlines())
    again = run("simulate", file)
    assert again.code == 5
    assert "exists already" in again.err


def test_a_recording_of_topics_holds_every_event_once_and_no_tick(tmp_path: Path) -> None:
    sale = Sale("e1", "p", "s", "o", "1", SaleKind.PAID, "A", 2, AT, "CN-ZJ", room_id="room")
    audience = Audience("room", AT, 900)
    with EmbeddedBroker(partition_counts()) as broker, Publisher(broker.bootstrap) as publisher:
        publisher.send(SALES.name, b"room", encode(sale))
        publisher.send(SALES.name, b"room", b"{broken\nin two lines")
        publisher.send(SALES.name, b"room", encode(Tick(AT)))
        publisher.send_and_wait(ENGAGEMENT.name, b"room", encode(audience))
        publisher.flush(10.0)
        with Subscriber(broker.bootstrap, "test", [SALES.name, ENGAGEMENT.name]) as reader:
            counts = _write(tmp_path / "held.jsonl", _held(reader))
    assert counts == {SALES.name: 2, ENGAGEMENT.name: 1}
    assert read_events(tmp_path / "held.jsonl").counts == {"sale": 1, "engagement": 1, "raw": 1}
