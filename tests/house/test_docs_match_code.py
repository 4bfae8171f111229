"""What the documents say about settings, tuning, topics, payloads, commands and files is what the code has."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml  # type: ignore[import-untyped]  # the library carries no types

from supplychain.cli.app import app
from supplychain.domain.tuning import Tuning, parse
from supplychain.messages import v1
from supplychain.messages.codec import decode_json, encode, plain
from supplychain.messages.topics import TOPICS
from supplychain.settings import Settings, load

HOUSE = Path(__file__).parents[2]
PAGES = sorted(
    [HOUSE / "README.md", HOUSE / "CHANGELOG.md"]
    + [path for folder in ("docs", "config", "deploy") for path in (HOUSE / folder).rglob("*.md")]
)
CODE = re.compile(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def code_of(page: Path) -> Iterator[str]:
    """Yield every line of code of a page: fenced blocks line by line, and inline code."""
    for fenced, inline in CODE.findall(page.read_text(encoding="utf-8")):
        yield from (fenced or inline).replace("\\\n", " ").replace("\\|", "|").splitlines()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SUPPLYCHAIN_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("script", ["make_config", "make_schemas"])
def test_generated_files_are_up_to_date(script: str) -> None:
    made = runpy.run_path(str(HOUSE / "docs" / f"{script}.py"))
    stale = [
        path.name
        for path, text in made["written"]().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, f"run .venv/bin/python docs/{script}.py"


def test_no_setting_or_schema_is_left_over() -> None:
    config = runpy.run_path(str(HOUSE / "docs" / "make_config.py"))
    schemas = runpy.run_path(str(HOUSE / "docs" / "make_schemas.py"))
    assert set(config["ABOUT"]) == {setting.name for setting in config["settings"]()}
    assert set((HOUSE / "docs" / "schemas").glob("*.json")) == set(schemas["written"]())


def test_embedded_settings_are_the_defaults() -> None:
    assert load(HOUSE / "config" / "embedded.toml") == Settings()


def test_production_settings_load() -> None:
    settings = load(HOUSE / "config" / "production.toml")
    assert settings.broker.url
    assert settings.database_url.startswith("postgresql+psycopg://")
    assert not settings.web.open_to_all


def test_tuning_file_is_the_default_tuning() -> None:
    given = tomllib.loads((HOUSE / "config" / "tuning.toml").read_text(encoding="utf-8"))
    assert parse(given) == Tuning()
    assert {section: set(values) for section, values in given.items()} == {
        section: set(values) for section, values in plain(Tuning()).items()
    }


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("sale", v1.Sale("e", "douyin", "s", "o", "l", v1.SaleKind.PAID, "A", 1, 0, "CN-ZJ")),
        ("tick", v1.Tick(5_000)),
        ("stock-snapshot", v1.StockSnapshot("WH-HZ", 1, 0, [v1.StockRow("A", 3)])),
        ("supplier-answer", v1.SupplierAnswer("a", "S1", "o", 0, [v1.LineAnswer("l", "short", 5)])),
        ("movement", v1.Movement("m", "out", 1, None, "create", "l", "A", 9, "W1", "W2", 0, 1)),
    ],
)
def test_what_the_code_writes_fits_its_schema(name: str, payload: object) -> None:
    schema = json.loads((HOUSE / "docs" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    document = decode_json(encode(payload))
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    del document[next(iter(schema["$defs"][type(payload).__name__]["required"]))]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)


def test_topics_of_the_messages_page_are_those_of_the_code() -> None:
    text = (HOUSE / "docs" / "messages.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z]+\.v\d+)` \| (\d+) \| ([^|]+) \| (yes|no) \| ([^|]+) \|$", text, re.MULTILINE)
    wanted = [(t.name, str(t.partitions), t.key, "yes" if t.ticked else "no", t.about) for t in TOPICS]
    assert rows == wanted


def test_topics_of_asyncapi_are_those_of_the_code() -> None:
    document = yaml.safe_load((HOUSE / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))
    found = {c["address"]: (c["x-partitions"], c["x-ticked"]) for c in document["channels"].values()}
    assert found == {topic.name: (topic.partitions, topic.ticked) for topic in TOPICS}
    for topic in TOPICS:
        channel = next(c for c in document["channels"].values() if c["address"] == topic.name)
        assert channel["description"].startswith(topic.about)


def test_references_of_asyncapi_lead_somewhere() -> None:
    document = yaml.safe_load((HOUSE / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))
    found = list(_references(document))
    assert found
    for reference in found:
        if reference.startswith("#/"):
            node = document
            for part in reference[2:].split("/"):
                node = node[part]
        else:
            assert (HOUSE / "docs" / reference).is_file(), reference


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from _references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _references(inner)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_linked_files_exist(page: Path) -> None:
    targets = [target.partition("#")[0] for target in LINK.findall(page.read_text(encoding="utf-8"))]
    missing = [t for t in targets if t and "://" not in t and not (page.parent / t).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_commands_exist(page: Path) -> None:
    faults = [f"{line}: {fault}" for line in code_of(page) for fault in unknown_in(line)]
    assert not faults


@cache
def command_line() -> Any:
    """Return the root of the command line."""
    return typer.main.get_command(app)


def unknown_in(line: str) -> list[str]:
    """Return what a line of code asks of the command line that it does not have."""
    found = re.match(r"\s*(?:[A-Z_]+=\S+ )*(?:\S*/|docker .* )?supplychain(?:$|\s+(.*?)(?:\s[|;&#].*)?$)", line)
    if found is None:
        return []
    command = command_line()
    words = shlex.split(found[1] or "")
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        names = words.pop(0).split("|")
        unknown = [name for name in names if name not in command.commands]
        if unknown:
            return [f"no command {unknown[0]!r}"]
        command = command.commands[names[0]]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "-h"}
    given = [word.strip("[]").partition("=")[0] for word in words if word.strip("[]").startswith("-")]
    return [f"no option {option}" for option in given if option not in known]


def test_the_search_for_commands_finds_faults() -> None:
    assert unknown_in(".venv/bin/supplychain plan show ID --json") == []
    assert unknown_in("supplychain plan list|show|approve") == []
    assert unknown_in("supplychain plan explode") == ["no command 'explode'"]
    assert unknown_in("supplychain serve --config x.toml --colour blue") == ["no option --colour"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (HOUSE / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    asked = {found for line in code_of(page) for found in re.findall(r"^make ([a-z-]+)", line)}
    assert asked <= targets


def test_every_package_is_on_the_map() -> None:
    text = (HOUSE / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in HOUSE.glob("supplychain/*/__init__.py")} | {"streams", "optimizers"}
    assert {name for name in packages if f"`{name}`" not in text} == set()


def test_the_two_commands_of_the_readme_are_run_on_every_change() -> None:
    promised = {line for line in code_of(HOUSE / "README.md") if line in {"make demo", "make test"}}
    assert promised == {"make demo", "make test"}
    script = (HOUSE / ".ci" / "run").read_text(encoding="utf-8")
    for command in promised:
        assert re.search(rf'^step "[^"]+" \d+ {command}(?:\s|$)', script, re.MULTILINE), command


def test_every_setting_and_tuning_value_that_is_named_exists() -> None:
    config = runpy.run_path(str(HOUSE / "docs" / "make_config.py"))
    known = {setting.name for setting in config["settings"]()}
    known |= {f"{section}.{name}" for section, values in plain(Tuning()).items() for name in values}
    sections = {name.partition(".")[0] for name in known if "." in name}
    named = re.compile(rf"(?:--set )?((?:{'|'.join(sorted(sections))})\.[a-z_]+)(?: ?=.*)?")
    found = {(page.name, hit[1]) for page in PAGES for line in code_of(page) if (hit := named.fullmatch(line.strip()))}
    assert found
    assert {(page, name) for page, name in found if name not in known and not name.endswith(".jsonl")} == set()


def test_every_environment_variable_that_is_named_is_a_setting() -> None:
    config = runpy.run_path(str(HOUSE / "docs" / "make_config.py"))
    known = {"SUPPLYCHAIN_" + setting.name.replace(".", "__").upper() for setting in config["settings"]()}
    files = [*PAGES, *(HOUSE / "config").glob("*.toml"), HOUSE / "deploy/compose.yaml", HOUSE / "deploy/Containerfile"]
    found = {name for file in files for name in re.findall(r"SUPPLYCHAIN_[A-Z_]*[A-Z]", file.read_text("utf-8"))}
    assert found
    assert found <= known


def test_every_metric_that_is_named_is_measured() -> None:
    text = (HOUSE / "docs" / "operations.md").read_text(encoding="utf-8")
    measured = (HOUSE / "supplychain" / "telemetry.py").read_text(encoding="utf-8")
    named = {name.removesuffix("_total") for name in re.findall(r"`(supplychain_[a-z_]+)`", text)}
    assert named
    assert {name for name in named if f'"{name}"' not in measured} == set()
