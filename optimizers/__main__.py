"""`python -m optimizers`: solve a published benchmark file, or compile the kernels ahead of time."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path

from optimizers.budget import Budget
from optimizers.columns import ProblemError
from optimizers.instances import read_location, read_lot_sizing
from optimizers.network import Design, open_warehouses, size_lots
from optimizers.solution import Status


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when a result was printed, 2 for a bad file, 1 when the limits allowed no result."""
    parser = argparse.ArgumentParser(prog="python -m optimizers")
    commands = parser.add_subparsers(dest="command", required=True)
    solve = commands.add_parser("solve", help="solve a benchmark file")
    solve.add_argument("file", type=Path)
    solve.add_argument("--format", choices=("orlib-cap", "lot-sizing"), required=True)
    solve.add_argument("--time-limit", type=float, default=None, help="seconds for the whole call")
    solve.add_argument(
        "--capacity", type=float, default=None, help="value of the word 'capacity' in large OR-Library files"
    )
    solve.add_argument("--json", action="store_true", help="print one JSON object")
    commands.add_parser("warm", help="compile the kernels into numba's cache")
    options = parser.parse_args(arguments)
    return _warm() if options.command == "warm" else _solve(options)


def _warm() -> int:
    from optimizers.coordinated import warm

    started = time.monotonic()
    warm()
    print(f"kernels ready after {time.monotonic() - started:.1f} s")
    return 0


def _solve(options: argparse.Namespace) -> int:
    budget = Budget(time.monotonic, time.monotonic(), options.time_limit, lambda: False)
    try:
        text = options.file.read_text()
        design = _read_and_solve(text, options, budget)
    except (OSError, UnicodeDecodeError) as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return 2
    except ProblemError as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return 2
    _show(design, budget.spent(), options.json)
    return 0 if math.isfinite(design.objective) else 1


def _read_and_solve(text: str, options: argparse.Namespace, budget: Budget) -> Design:
    if options.format == "lot-sizing":
        return size_lots(read_lot_sizing(text), budget)
    return open_warehouses(read_location(text, options.capacity), budget)


def _show(design: Design, seconds: float, as_json: bool) -> None:
    found = math.isfinite(design.objective)
    status = (Status.OPTIMAL if design.gap <= 1e-4 else Status.FEASIBLE) if found else "unknown"
    row = {
        "status": str(status),
        "objective": design.objective if found else None,
        "bound": design.bound if math.isfinite(design.bound) else None,
        "gap": design.gap if found else None,
        "seconds": round(seconds, 3),
    }
    print(json.dumps(row) if as_json else "\n".join(f"{name:10} {value}" for name, value in row.items()))


if __name__ == "__main__":
    sys.exit(main())
