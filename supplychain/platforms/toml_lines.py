"""Lines of a TOML file: the standard reader gives values without saying where they stood, and a finding needs a line."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

from supplychain.platforms.cells import Finding

Path = tuple[str | int, ...]

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(
    r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*="
)
_LINE: Final = re.compile(r"at line (\d+)")


def read_toml(file: str, text: str, findings: list[Finding]) -> tuple[dict[str, Any], dict[Path, int]] | None:
    """Return the values of a TOML text and the line of each table and key, or None with a finding."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        values = tomllib.loads(plain)
    except ValueError as refused:  # also numbers of too many digits
        match = _LINE.search(str(refused))
        line = int(match[1]) if match else max(1, plain.count("\n"))
        findings.append(Finding(file, line, "", "", f"no readable TOML: {refused}"))
        return None
    except RecursionError:
        findings.append(Finding(file, 1, "", "", "no readable TOML: nested too deeply"))
        return None
    return values, _lines(plain)


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of a key, or of the closest table around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _lines(text: str) -> dict[Path, int]:
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    quote = ""
    for number, line in enumerate(text.split("\n"), 1):
        inside = bool(quote)
        for mark in re.findall(r'"""|\'\'\'', line):
            quote = "" if quote == mark else quote or mark
        if inside:
            continue
        if header := _HEADER.match(line):
            table = _place(_parts(header[2]), header[1] == "[[", counts)
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(key[1])), number)
    return lines


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s]+", dotted)]


def _place(parts: list[str], repeated: bool, counts: dict[Path, int]) -> Path:
    path: Path = ()
    for part in parts[:-1]:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path])
    path = (*path, parts[-1])
    if repeated:
        counts[path] = counts.get(path, -1) + 1
        path = (*path, counts[path])
    return path
