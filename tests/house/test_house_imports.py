"""The floors of the house hold: every import contract of `pyproject.toml` is kept."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_import_contract_is_kept(tmp_path: Path) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert len(contracts["contracts"]) >= 10
    command = [str(Path(sys.executable).parent / "lint-imports"), "--cache-dir", str(tmp_path), "--no-logo"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert found.returncode == 0, found.stdout[-4_000:] + found.stderr[-2_000:]
    assert f"{len(contracts['contracts'])} kept, 0 broken" in found.stdout
