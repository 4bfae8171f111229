"""The command line: help everywhere, faults with the exit code of their kind and a way out, JSON that parses."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from supplychain import __version__
from supplychain.cli import main
from supplychain.cli.app import app
from supplychain.cli.output import pairs, table
from supplychain.storage.engine import Database
from supplychain.storage.store import SqlStore
from tests.unit.planning.small_trade import T0, add_plan, line_of, move_of, open_trade

NETWORK = Path(__file__).parents[3] / "config" / "network"


class Said(NamedTuple):
    """How a command ended, and what it said where."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as the shell would; output is not wrapped to a terminal."""
    from supplychain.cli import output

    monkeypatch.setattr(output.screen, "_width", 500)
    monkeypatch.setattr(output.errors, "_width", 500)

    def call(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["supplychain", *(str(word) for word in words)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def folder(migrated_file: Path, tmp_path: Path) -> Path:
    """A data directory with the small trade and a plan of two lines."""
    path = tmp_path / "data"
    path.mkdir()
    shutil.copyfile(migrated_file, path / "supplychain.db")
    database = Database(f"sqlite:///{path}/supplychain.db")
    store = SqlStore(database)
    open_trade(store)
    add_plan(store, line_of("l1"), move_of("m1"))
    database.close()
    return path


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _commands(inner, (*path, name))


COMMANDS = list(_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=[" ".join(path) or "supplychain" for path in COMMANDS])
def test_every_command_has_help_that_says_what_it_does(path: tuple[str, ...]) -> None:
    for flag in ("--help", "-h"):
        found = CliRunner().invoke(app, [*path, flag])
        assert found.exit_code == 0, found.output
        assert "Usage:" in found.output
        told = [line.strip(" │") for line in found.output.splitlines() if line.strip(" │╭╰─╮╯")]
        assert len(told) > 2, found.output


def test_the_commands_of_the_loop_are_there() -> None:
    wanted = ["demo", "serve", "partner", "replay", "status", "plan list", "plan show", "plan approve", "plan reject"]
    wanted += ["plan edit", "plan release", "plan run", "tuning show", "tuning diff", "tuning activate"]
    wanted += ["tuning rollback", "network import", "deadletters list", "admin migrate", "bench loop"]
    assert set(wanted) <= {" ".join(path) for path in COMMANDS}


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("bench optimizer --skus 0", "--skus"),
        ("bench optimizer --skus=-5", "--skus"),
        ("bench optimizer --tightness 0", "--tightness"),
        ("bench optimizer --tightness nan", "--tightness"),
        ("bench optimizer --features some", "--features"),
        ("bench optimizer --peer excel", "--peer"),
        ("bench optimizer --peer-seconds inf", "--peer-seconds"),
        ("bench spikes --rate=-3", "--rate"),
        ("bench spikes --rate nan", "--rate"),
        ("bench spikes --quiet-hours nan", "--quiet-hours"),
        ("bench spikes --engagement likes", "--engagement"),
        ("bench loop --scale nan", "--scale"),
    ],
)
def test_a_bench_that_cannot_be_measured_is_refused_by_its_option(run: Run, command: str, says: str) -> None:
    said = run(*command.split())
    assert (said.code, said.out) == (2, "")
    assert says in said.err


def test_version_is_told(run: Run) -> None:
    assert run("--version").out.strip() == __version__


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[broker]\nurls = 'x'\n", "broker.urls"),
        ("[web]\nport = 99999\n", "web.port"),
        ("clock = 'sundial'\n", "clock"),
        ("data_dir = [\n", "no TOML"),
    ],
)
def test_bad_settings_file_is_named_with_its_key(run: Run, tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    said = run("plan", "list", "--config", path)
    assert (said.code, said.out) == (2, "")
    assert says in said.err
    assert "settings.toml" in said.err.replace("\n", "")
    assert "way out" in said.err


def test_missing_settings_file_is_named(run: Run, tmp_path: Path) -> None:
    said = run("status", "--config", tmp_path / "none.toml")
    assert said.code == 2
    assert "does not exist" in said.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[detector]\nratio = 99\n", "detector.ratio is 99, outside 1.1 to 10"),
        ("[detector]\nration = 3\n", "unknown tuning value detector.ration"),
        ("[detektor]\nratio = 3\n", "unknown tuning section 'detektor'"),
        ("[detector]\nratio = 'three'\n", "detector.ratio is 'three', not a number"),
        ("[detector\n", "is no TOML"),
    ],
)
@pytest.mark.parametrize("command", ["diff", "activate"])
def test_bad_tuning_file_names_the_value(run: Run, folder: Path, command: str, text: str, says: str) -> None:
    path = folder / "tuning.toml"
    path.write_text(text, encoding="utf-8")
    words = ("--reason", "x") if command == "activate" else ()
    said = run("tuning", command, path, "--data-dir", folder, *words)
    assert (said.code, said.out) == (2, "")
    assert says in said.err
    assert json.loads(run("tuning", "show", "--versions", "--data-dir", folder, "--json").out) == []


def test_set_without_a_value_is_refused(run: Run, folder: Path) -> None:
    assert run("tuning", "diff", "--set", "ratio=3", "--data-dir", folder).code == 2
    assert run("tuning", "diff", "nothing.toml", "--data-dir", folder).code == 4


def test_bad_network_names_file_line_and_field_and_stores_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    bad = tmp_path / "network"
    shutil.copytree(NETWORK, bad)
    lines = (bad / "skus.csv").read_text(encoding="utf-8").splitlines()
    column = lines[0].split(",").index("price_minor")
    cells = lines[3].split(",")
    cells[column] = "cheap"
    lines[3] = ",".join(cells)
    (bad / "skus.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = run("network", "import", bad, "--data-dir", folder, "--json")
    assert said.code == 2
    document = json.loads(said.out)
    assert not document["imported"]
    assert {"file": "skus.csv", "line": 4, "field": "price_minor", "value": "cheap"}.items() <= next(
        found for found in document["findings"] if found["field"] == "price_minor"
    ).items()
    shown = run("network", "import", bad, "--data-dir", folder)
    assert shown.code == 2
    for word in ("skus.csv", "4", "price_minor", "cheap"):
        assert word in shown.out
    positions = json.loads(run("network", "show", "--data-dir", folder, "--json").out)
    assert {row["sku"] for row in positions} >= {"A", "B"}
    assert run("network", "import", tmp_path / "nowhere", "--data-dir", folder).code == 4


def test_good_network_is_imported(run: Run, folder: Path) -> None:
    checked = run("network", "import", NETWORK, "--check", "--data-dir", folder, "--json")
    assert checked.code == 0
    assert json.loads(checked.out)
    done = run("network", "import", NETWORK, "--data-dir", folder, "--json")
    assert (done.code, done.err) == (0, "")
    json.loads(done.out)


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "show", "nope"),
        ("plan", "approve", "nope"),
        ("plan", "reject", "nope", "--reason", "x"),
        ("plan", "release", "nope"),
        ("plan", "edit", "nope", "l1", "--quantity", "1", "--reason", "x"),
        ("plan", "run", "--sku", "nope"),
        ("tuning", "rollback", "9", "--reason", "x"),
        ("tuning", "show", "--version", "9"),
        ("deadletters", "show", "nope"),
    ],
    ids=" ".join,
)
def test_what_is_unknown_ends_with_four_and_a_sentence(run: Run, folder: Path, words: tuple[str, ...]) -> None:
    said = run(*words, "--data-dir", folder)
    assert said.code == 4, said.err
    assert said.out == ""
    assert said.err.startswith("error")
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "list"),
        ("plan", "show", "p1"),
        ("tuning", "show"),
        ("tuning", "show", "--versions"),
        ("tuning", "diff", "--set", "detector.ratio=3"),
        ("network", "show"),
        ("deadletters", "list"),
        ("admin", "audit"),
        ("status",),
    ],
    ids=" ".join,
)
def test_results_are_one_json_document_or_a_table(run: Run, folder: Path, words: tuple[str, ...]) -> None:
    said = run(*words, "--data-dir", folder, "--json")
    assert (said.code, said.err) == (0, ""), said.err
    json.loads(said.out)
    shown = run(*words, "--data-dir", folder)
    assert (shown.code, shown.err) == (0, ""), shown.err
    assert shown.out.strip()


def _json(said: Said) -> Any:
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_plan_is_edited_approved_and_on_record_from_the_command_line(run: Run, folder: Path) -> None:
    at = ("--data-dir", folder, "--json")
    (edited,) = _json(run("plan", "edit", "p1", "l1", "--quantity", 120, "--reason", "more", *at))
    assert (edited["quantity"], edited["override"], edited["version"]) == (120, 120, 2)
    assert run("plan", "edit", "p1", "l1", "--quantity", 130, "--reason", "x", "--version", 1, *at).code == 5
    assert run("plan", "edit", "p1", "l1", "--quantity", -1, "--reason", "x", *at).code == 2
    assert run("plan", "reject", "p1", "--line", "m1", *at).code == 2, "no reason"
    _json(run("plan", "reject", "p1", "--line", "m1", "--reason", "no", *at))
    assert run("plan", "approve", "p1", "--digest", "0" * 64, *at).code == 5
    approved = _json(run("plan", "approve", "p1", "--actor", "ping", *at))
    assert [(line["line"], line["state"]) for line in approved] == [("l1", "released")]
    assert run("plan", "approve", "p1", *at).code == 5
    audit = _json(run("admin", "audit", *at))
    assert audit["sound"] == len(audit["entries"]) == 3
    assert audit["entries"][0]["actor"] == "ping"
    shown = _json(run("plan", "show", "p1", *at))
    assert shown["cut"] == T0
    assert {line["state"] for line in shown["lines"]} == {"released", "rejected"}


def test_tuning_goes_there_and_back(run: Run, folder: Path) -> None:
    at = ("--data-dir", folder, "--json")
    assert run("tuning", "activate", "--set", "detector.ratio=3", *at).code == 2, "no reason"
    first = _json(run("tuning", "activate", "--set", "detector.ratio=3", "--reason", "calm", *at))["version"]
    back = _json(run("tuning", "rollback", 0, "--reason", "back", *at))["version"]
    assert back > first
    values = {row["name"]: row["value"] for row in _json(run("tuning", "show", *at))["values"]}
    assert values["detector.ratio"] == 2.0


def test_a_mistyped_folder_is_no_new_service(tmp_path: Path, run: Run) -> None:
    wrong = tmp_path / "mistyped"
    said = run("plan", "list", "--data-dir", wrong)
    assert (said.code, said.out) == (4, "")
    assert f"there is no data in {wrong}" in said.err
    assert not wrong.exists()


def test_the_title_of_a_narrow_table_stays_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    pairs("a title of several words", {"x": 1})
    table("another title of several words", ("y",), [(2,)])
    told = capsys.readouterr().out
    assert "a title of several words\n" in told
    assert "another title of several words\n" in told
