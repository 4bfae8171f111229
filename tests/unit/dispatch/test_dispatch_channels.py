"""Files appear whole and inside their folder; records carry key and confirmation; secrets are checked and kept private."""

import base64
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from supplychain.dispatch.file_drop import FileDrop
from supplychain.dispatch.outcome import Verdict
from supplychain.dispatch.records import EVENT_HEADERS, RecordChannel, SharedPublisher
from supplychain.dispatch.signing_secrets import SecretsFile, load_secrets, new_secret, write_secrets
from supplychain.domain.errors import SettingsError, UnavailableError
from supplychain.planning.ports import Message


def _message(message: str = "M1", lane: str = "S1", serial: int = 7, payload: bytes = b"{}") -> Message:
    return Message(message, "file", lane, "order", payload, (), 0, serial=serial)


def test_an_order_becomes_one_file(tmp_path: Path) -> None:
    drop = FileDrop(tmp_path / "out")
    outcome = drop.deliver(_message(payload=b'{"a":1}'))
    target = tmp_path / "out" / "S1" / "000000000007-M1.json"
    assert outcome.verdict is Verdict.DELIVERED
    assert outcome.detail == str(target)
    assert target.read_bytes() == b'{"a":1}'
    assert drop.deliver(_message(payload=b'{"a":1}')).verdict is Verdict.DELIVERED
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_files_sort_in_the_order_of_release(tmp_path: Path) -> None:
    drop = FileDrop(tmp_path)
    for serial in (10, 9, 100):
        drop.deliver(_message(f"M{serial}", serial=serial))
    assert [path.stem.split("-")[1] for path in sorted((tmp_path / "S1").iterdir())] == ["M9", "M10", "M100"]


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_no_name_leaves_the_folder(lane: str, message: str) -> None:
    root = Path("/drop")
    lane, message = lane.encode(errors="replace").decode(), message.encode(errors="replace").decode()
    path = FileDrop(root).path(_message(message, lane))
    assert path.parent.parent == root
    assert path.parent.name not in {"", ".", ".."}
    assert not path.name.startswith(".")


def test_long_names_stay_apart_and_fit_the_file_system(tmp_path: Path) -> None:
    drop = FileDrop(tmp_path)
    for end in ("甲", "乙"):
        assert drop.deliver(_message(lane="供应商" * 30 + end)).verdict is Verdict.DELIVERED
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert FileDrop(blocked).deliver(_message()).verdict is Verdict.RETRY


class RecordingPublisher:
    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, Mapping[str, bytes] | None]] = []
        self.down = False
        self.closed = False

    def send_and_wait(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Mapping[str, bytes] | None = None,
        timeout: float = 30.0,
    ) -> Any:
        if self.down:
            raise UnavailableError("broker is down")
        self.sent.append((topic, key, value, headers))

    def close(self, timeout: float = 30.0) -> None:
        self.closed = True
        if self.down:
            raise UnavailableError("1 records did not arrive")


def test_a_record_is_keyed_by_its_warehouse_and_marked_as_an_event() -> None:
    publisher = RecordingPublisher()
    shared = SharedPublisher(lambda: publisher)
    channel = RecordChannel("allocations.v1", shared, timeout_seconds=1, headers=EVENT_HEADERS)
    assert channel.deliver(_message(lane="仓1", payload=b"{}")).verdict is Verdict.DELIVERED
    assert publisher.sent == [("allocations.v1", "仓1".encode(), b"{}", EVENT_HEADERS)]
    shared.close()
    assert publisher.closed


def test_an_unconfirmed_record_is_tried_again_by_the_same_producer() -> None:
    made: list[RecordingPublisher] = []

    def make() -> RecordingPublisher:
        made.append(RecordingPublisher())
        return made[-1]

    channel = RecordChannel("tuning.v1", SharedPublisher(make), timeout_seconds=1)
    assert made == []
    channel.deliver(_message())
    made[0].down = True
    outcome = channel.deliver(_message())
    assert (outcome.verdict, outcome.detail) == (Verdict.RETRY, "broker is down")
    made[0].down = False
    assert channel.deliver(_message()).verdict is Verdict.DELIVERED
    assert len(made) == 1


def test_a_producer_that_cannot_flush_does_not_stop_the_stopping() -> None:
    publisher = RecordingPublisher()
    shared = SharedPublisher(lambda: publisher)
    assert shared.get() is publisher
    publisher.down = True
    shared.close()
    shared.close()
    assert publisher.closed


def test_fresh_secrets_are_private_and_sign(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secrets.toml"
    write_secrets(path, ["S1", 'odd "name"\\'])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secrets = load_secrets(path)
    assert set(secrets) == {"S1", 'odd "name"\\'}
    assert len(set(secrets.values())) == 2
    assert len(base64.b64decode(secrets["S1"].removeprefix("whsec_"))) == 32
    Webhook(secrets["S1"])


def test_known_secrets_are_kept_and_new_suppliers_added(tmp_path: Path) -> None:
    path = tmp_path / "secrets.toml"
    one, two = new_secret(), new_secret()
    path.write_text(f'S1 = ["{one}", "{two}"]\n')
    write_secrets(path, ["S1", "S2"])
    assert load_secrets(path)["S1"] == f"{one} {two}"
    assert load_secrets(path)["S2"].startswith("whsec_")


@pytest.mark.parametrize(
    "text",
    [
        "S1 = 5",
        "S1 = 'whsec_short'",
        "S1 = 'plain'",
        "S1 = []",
        "S1 = ['whsec_!!!!']",
        "[S1]\nx = 1",
        "S1 = 'whsec_" + "A" * 100 + "'",
        "no toml",
    ],
)
def test_a_bad_secrets_file_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_secrets(path)
    assert "whsec_" not in caught.value.detail
    assert str(path) in caught.value.detail


def test_a_secrets_file_counts_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "secrets.toml"
    secrets = SecretsFile(path)
    assert dict(secrets) == {}
    write_secrets(path, ["S1"])
    one = secrets["S1"]
    write_secrets(path, ["S1", "S2"])
    assert (secrets["S1"], len(secrets)) == (one, 2)
    path.write_text("no toml")
    assert secrets["S1"] == one
    assert secrets.get("S9") is None


def test_a_missing_secrets_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_secrets(tmp_path / "secrets.toml")
