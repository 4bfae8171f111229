"""The name that a parent gives its stream worker."""

from __future__ import annotations

from pathlib import Path

from supplychain.processes.parent import named
from supplychain.settings import BrokerSettings, Settings


def test_a_worker_on_kafka_has_the_same_name_after_every_start(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, broker=BrokerSettings(url="127.0.0.1:9092"))
    name = named(settings).broker.member
    assert name
    assert named(settings).broker.member == name
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "other"})
    assert named(elsewhere).broker.member != name


def test_a_name_that_was_given_stays_and_the_embedded_broker_knows_none(tmp_path: Path) -> None:
    given = Settings(data_dir=tmp_path, broker=BrokerSettings(url="127.0.0.1:9092", member="east-1"))
    assert named(given) == given
    assert named(Settings(data_dir=tmp_path)).broker.member == ""
