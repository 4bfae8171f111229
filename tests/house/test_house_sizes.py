"""The house stays readable: sizes of files and functions, names of modules, nothing of anybody's machine in a tracked file."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
MOST_TEST_LINES = 500
MOST_FUNCTION_LINES = 60
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc", "tools"}
MIGRATIONS = "supplychain/storage/migrations/versions/"
BINARY = {".png", ".jpg", ".ico", ".parquet", ".woff2", ".gz", ".zip"}

# Written in pieces, so that this file does not find itself.
MACHINE = re.compile("|".join([r"(?<![\w.])/" + "work/", "/" + r"home/\w+/", "/" + r"root/\w", "/" + r"Users/\w"]))
REGISTRY = re.compile(
    "|".join(["files" + r"\.pythonhosted\.org", "pypi" + r"\.org/simple", "artifact" + "ory", "--index" + "-url http"])
)


def _tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout: nothing is tracked")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def _modules() -> Iterator[tuple[str, str]]:
    for name in _tracked():
        if name.endswith(".py") and not name.startswith(MIGRATIONS):
            yield name, (ROOT / name).read_text(encoding="utf-8")


def _lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its decorators and its docstring: reasons may be as long as they need to be."""
    last = node.end_lineno or node.lineno
    first = node.body[0]
    told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = ((first.end_lineno or first.lineno) - first.lineno + 1) if told else 0
    return last - node.lineno + 1 - docstring


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    long = {}
    for name, text in _modules():
        most = MOST_TEST_LINES if name.startswith("tests/") else MOST_LINES
        if text.count("\n") > most:
            long[name] = text.count("\n")
    assert long == {}


def test_no_function_is_longer_than_sixty_lines() -> None:
    long = {
        f"{name}:{node.name}": lines
        for name, text in _modules()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (lines := _lines_of(node)) > MOST_FUNCTION_LINES
    }
    assert long == {}


def test_modules_are_named_after_the_trade() -> None:
    named = {name for name, _ in _modules() if FORBIDDEN_NAMES & set(Path(name).with_suffix("").parts)}
    assert named == set()


def test_every_module_says_why_it_exists() -> None:
    silent = [
        name
        for name, text in _modules()
        if not name.startswith("tests/") and text.strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


def test_no_path_of_a_machine_and_no_registry_in_tracked_files() -> None:
    found = []
    for name in _tracked():
        if Path(name).suffix in BINARY:
            continue
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            if MACHINE.search(line) or REGISTRY.search(line):
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    assert found == []


def test_lock_has_hashes_for_every_line_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "@ " not in text
    entries = [entry for entry in text.replace("\\\n", " ").splitlines() if entry.strip() and entry[0] != "#"]
    assert len(entries) > 50
    unhashed = [entry[:60] for entry in entries if "--hash=sha256:" not in entry]
    assert unhashed == []
    unpinned = [entry[:60] for entry in entries if not re.match(r"[A-Za-z0-9._\[\],-]+==\S+ ", entry)]
    assert unpinned == []
