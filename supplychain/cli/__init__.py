"""The command line: one file per group of commands."""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command; an error of ours becomes one line and its exit code."""
    from rich.markup import escape

    from supplychain.cli.app import app
    from supplychain.cli.output import errors
    from supplychain.domain.errors import SupplyChainError

    try:
        app()
    except SupplyChainError as fault:
        errors.print(f"[bold red]error[/] {escape(fault.detail)}")
        if fault.way_out:
            errors.print(f"  [dim]way out:[/] {escape(fault.way_out)}")
        sys.exit(fault.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
