"""Write what `config/` says about settings and tuning from the code, so that the two cannot drift apart.

Run `.venv/bin/python docs/make_config.py` after a change of `supplychain/settings.py` or `supplychain/domain/tuning.py`. It
writes `config/embedded.toml`, `config/tuning.toml` and the table of settings in `config/README.md`; a test compares them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from supplychain.domain.tuning import describe
from supplychain.settings import Settings

CONFIG: Final = Path(__file__).parents[1] / "config"
BEGIN, END = "<!-- settings: written by docs/make_config.py -->", "<!-- end of settings -->"

ABOUT: Final = {
    "data_dir": "database, embedded broker's address, secrets, keys and order files; relative to the working directory",
    "clock": "business time: the wall clock, or the ticks of a replay",
    "zone": "business zone: hours of scheduled jobs",
    "log_level": "debug, info, warning or error",
    "broker.url": "empty: the embedded broker, in memory; else Kafka addresses, host:port separated by commas",
    "broker.replication": "replication factor of topics that the service creates",
    "broker.commit_interval_seconds": "how often offsets are told to the broker; the database has the true ones",
    "broker.chunk_records": "most records of one chunk transaction",
    "broker.chunk_bytes": "most bytes of one chunk transaction",
    "broker.session_timeout_seconds": "a stream worker that is silent for so long loses its partitions",
    "broker.member": "name of the stream worker in its group on Kafka, no other may have it: with it a restarted one has its partitions at once; empty: `serve` makes one of host and data directory",
    "database.url": "empty: SQLite in the data directory; else a SQLAlchemy URL such as postgresql+psycopg://...",
    "database.pool_size": "connections that each process keeps open",
    "database.busy_seconds": "how long a SQLite writer waits for another process",
    "web.host": "address that console and API listen on",
    "web.port": "port that console and API listen on",
    "web.open_to_all": "no sign-in, every visitor is planner, approver and operator; loopback addresses only",
    "partner.stand_in": "send every supplier's orders to the stand-in partner",
    "partner.seed": "seed of what the stand-in decides",
    "partner.opening_at": "UTC milliseconds of its first stock snapshots; left out: no snapshot",
    "partner.host": "address that the stand-in listens on",
    "partner.port": "port that the stand-in listens on",
    "plan.workers": "processes that solve plans",
    "plan.poll_milliseconds": "how often the plan role looks for work",
    "plan.lease_seconds": "a plan request whose worker died is claimed again after so long",
    "dispatch.poll_milliseconds": "how often the dispatch role looks for messages",
    "dispatch.timeout_seconds": "longest attempt to deliver a message",
    "dispatch.lease_seconds": "a message whose dispatcher died is claimed again after so long; at least twice the timeout",
    "dispatch.first_retry_seconds": "pause after the first failed attempt; it doubles with each",
    "dispatch.attempts": "attempts before a message is parked for a person",
    "dispatch.allowed_hosts": "own hosts that webhooks may reach, with or without port; others must be public addresses",
    "dispatch.file_formats": "form of order files by supplier: json (where nothing is said), x12 or edifact",
    "dispatch.secrets_file": "TOML of supplier = 'whsec_...'; empty: secrets.toml in the data directory",
    "jobs.refit_hour": "hour of the nightly refit of the prior, in the business zone",
    "jobs.replan_hour": "hour of the daily review of every planning group, in the business zone",
    "jobs.prune_days": "rows of closed business older than this are removed",
}


class Setting(NamedTuple):
    """One setting: dotted name, default, bounds in words, meaning."""

    name: str
    default: Any
    bounds: str
    about: str


def settings() -> Iterator[Setting]:
    """Yield every setting in the order of the code."""
    for name, info in Settings.model_fields.items():
        default = info.default
        if isinstance(default, BaseModel):
            for inner, found in type(default).model_fields.items():
                dotted = f"{name}.{inner}"
                yield Setting(dotted, found.default, _bounds(found), ABOUT[dotted])
        else:
            yield Setting(name, default, _bounds(info), ABOUT[name])


def _bounds(info: FieldInfo) -> str:
    words = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}
    found = [
        form.format(getattr(rule, name))
        for rule in info.metadata
        for name, form in words.items()
        if hasattr(rule, name)
    ]
    return ", ".join(found).replace(", to", " to")


def toml(value: Any) -> str:
    """Write a value of a setting or tuning as TOML."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {toml(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, Path):
        return json.dumps(str(value))
    return json.dumps(value)


def embedded() -> str:
    """Return `config/embedded.toml`."""
    lines = [
        "# The defaults, written out: embedded broker (in memory), SQLite, console on the loopback address. Written by",
        "# docs/make_config.py. Copy it, change what you need, and give it with --config; unknown keys are refused.",
        "# An environment variable wins over the file: SUPPLYCHAIN_WEB__PORT=8080.",
        "",
    ]
    section = ""
    for setting in settings():
        head, _, key = setting.name.rpartition(".")
        if head != section:
            lines += ["", f"[{head}]"]
            section = head
        lines.append(f"# {setting.about}{f' ({setting.bounds})' if setting.bounds else ''}")
        lines.append(f"# {key} = 1762858800000" if setting.default is None else f"{key} = {toml(setting.default)}")
    return "\n".join(lines) + "\n"


def tuning() -> str:
    """Return `config/tuning.toml`."""
    lines = [
        "# Every tuning value with its default: meaning, unit, bounds. Written by docs/make_config.py.",
        "# Give a file with the values to change to `supplychain tuning diff FILE` and `supplychain tuning activate FILE`;",
        "# what is left out stays as it is.",
    ]
    section = ""
    for head, name, item in describe():
        if head != section:
            lines += ["", f"[{head}]"]
            section = head
        meta = item.metadata
        bounds = (
            "true or false" if isinstance(item.default, bool) else f"{_number(meta['low'])} to {_number(meta['high'])}"
        )
        unit = "" if meta["unit"] in {"1", "bool"} else f" {meta['unit']}"
        lines.append(f"{name} = {toml(item.default)}  # {meta['about']}; {bounds}{unit}; default {toml(item.default)}")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{int(value):_}" if value == int(value) else f"{value:g}"


def readme(text: str) -> str:
    """Return `config/README.md` with a fresh table of settings."""
    rows = ["| setting | default | bounds | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{s.name}` | {'none' if s.default is None else f'`{toml(s.default)}`'} | {s.bounds} | {s.about} |"
        for s in settings()
    ]
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n" + "\n".join(rows) + f"\n{END}{after}"


def written() -> dict[Path, str]:
    """Return every file that this script writes, with its content."""
    page = CONFIG / "README.md"
    return {
        CONFIG / "embedded.toml": embedded(),
        CONFIG / "tuning.toml": tuning(),
        page: readme(page.read_text(encoding="utf-8")),
    }


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
