"""The secrets that sign orders: read from a TOML file of their own, so that no settings or catalogue ever holds one."""

from __future__ import annotations

import base64
import os
import threading
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from supplychain import telemetry
from supplychain.domain.errors import SettingsError

PREFIX: Final = "whsec_"
_FORM: Final = (
    "one line for each supplier: S1 = 'whsec_<base64 of 24 to 64 bytes>', or a list of two while changing over"
)
_LOG: Final = telemetry.log(__name__)


def load_secrets(path: Path) -> Mapping[str, str]:
    """Read signing secrets by name; a list of several is joined by blanks, the newest first.

    Raises
    ------
    SettingsError
        If the file is missing or no TOML, or a secret is too short or no base64; secrets are never repeated.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"secrets file {path} does not exist", way_out=_FORM, file=str(path)) from None
    except OSError as fault:
        raise SettingsError(f"secrets file {path}: {fault.strerror}", file=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise SettingsError(f"secrets file {path} is no TOML", way_out=_FORM, file=str(path)) from None
    if path.stat().st_mode & 0o007:
        _LOG.warning("secrets file is open to everybody on this machine", file=str(path), way_out="chmod 600")
    return {name: " ".join(_checked(name, value, path)) for name, value in given.items()}


class SecretsFile(Mapping[str, str]):
    """The secrets of a file as it is now: a secret added or changed counts from the next attempt on.

    A file that is missing has no secrets. One that cannot be read leaves what was read before, and is logged once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._secrets: Mapping[str, str] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> str:
        return self._current()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    def _current(self) -> Mapping[str, str]:
        try:
            status = self._path.stat()
        except OSError:
            return {}
        seen = (status.st_mtime_ns, status.st_ino)
        with self._lock:
            if seen != self._seen:
                self._seen = seen
                try:
                    self._secrets = load_secrets(self._path)
                except SettingsError as fault:
                    _LOG.error("secrets file not taken over, the old secrets stay", fault=str(fault))
            return self._secrets


def write_secrets(path: Path, names: Iterable[str], random: Callable[[int], bytes] = os.urandom) -> None:
    """Write a file of fresh secrets, readable by its owner alone; one that exists is kept and completed."""
    known = dict(load_secrets(path)) if path.exists() else {}
    fresh = sorted(set(names) - set(known))
    if known and not fresh:
        return
    known |= {name: new_secret(random) for name in fresh}
    lines = [f"{_quoted(name)} = {_written(known[name].split())}\n" for name in sorted(known)]
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.{os.getpid()}.part")
    handle = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.writelines(lines)
    hidden.replace(path)


def new_secret(random: Callable[[int], bytes] = os.urandom) -> str:
    """Return a fresh secret of 32 random bytes."""
    return PREFIX + base64.b64encode(random(32)).decode()


def _checked(name: str, value: object, path: Path) -> list[str]:
    several = value if isinstance(value, list) else [value]
    fault = SettingsError(f"secret {name} in {path} is no signing secret", way_out=_FORM, file=str(path), field=name)
    if not several:
        raise fault
    for secret in several:
        if not isinstance(secret, str) or not secret.startswith(PREFIX):
            raise fault
        try:
            text = secret.removeprefix(PREFIX).rstrip("=")
            size = len(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
        except ValueError:
            raise fault from None
        if not 24 <= size <= 64:
            raise fault
    return [str(secret) for secret in several]


def _written(secrets: list[str]) -> str:
    return _quoted(secrets[0]) if len(secrets) == 1 else f"[{', '.join(_quoted(one) for one in secrets)}]"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
