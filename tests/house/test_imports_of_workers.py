"""A stream worker that is started after a crash is awaited: it imports nothing heavy that it does not use."""

import subprocess
import sys

HEAVY = ("pandas", "alembic", "numba", "ortools", "prophet", "lightgbm", "nicegui", "fastapi")


def test_stream_worker_imports_nothing_heavy() -> None:
    code = f"import streams.app, supplychain.processes.roles, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.strip() == "[]"
