"""When to try again: exponential back-off for a message, a circuit breaker for its receiver.

Both are functions of the message, the number of attempts and the time given, so a test can replay them. The jitter comes
from the message's id: receivers that failed together are not asked together again, and yet every run waits alike.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

LONGEST_PAUSE_MS: Final = 3_600_000
LONGEST_ASKED_PAUSE_MS: Final = 24 * 3_600_000
"""A receiver may ask for a longer pause than ours, but not put a message away for good."""


def pause_ms(message: str, attempt: int, first_ms: int) -> int:
    """Return the milliseconds to wait after a failed attempt.

    Parameters
    ----------
    message
        Id of the message: the seed of the jitter.
    attempt
        Number of the attempt that failed, from 1.
    first_ms
        The pause after the first; it doubles with every attempt, up to an hour, and is then shortened by up to half.
    """
    full = min(LONGEST_PAUSE_MS, first_ms << min(attempt - 1, 40))
    seed = blake2b(f"{message}\x1f{attempt}".encode(), digest_size=8).digest()
    share = int.from_bytes(seed) / 2**64
    return max(1, round(full * (0.5 + share / 2)))


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    open_until: int = 0


class Breakers:
    """One circuit per receiver: after several failures in a row it opens, and lets one attempt through when it is time.

    A message waits for its own back-off anyway; the circuit keeps the *next* messages of a receiver that is down from
    beginning their attempts at full speed. It lives in memory: after a restart a receiver gets a fresh chance.

    Parameters
    ----------
    threshold
        Failures in a row that open a circuit.
    first_ms, longest_ms
        How long it stays open; doubles with each failed probe.
    """

    def __init__(self, threshold: int = 5, first_ms: int = 15_000, longest_ms: int = 300_000) -> None:
        self._threshold = threshold
        self._first_ms = first_ms
        self._longest_ms = longest_ms
        self._circuits: dict[tuple[str, str], _Circuit] = {}
        self._lock = threading.Lock()

    def succeeded(self, channel: str, lane: str) -> None:
        """Close the circuit of a receiver."""
        with self._lock:
            self._circuits.pop((channel, lane), None)

    def failed(self, channel: str, lane: str, now: int) -> int:
        """Count a failure and return until when the circuit is open (UTC milliseconds, 0 when it is closed)."""
        with self._lock:
            circuit = self._circuits.setdefault((channel, lane), _Circuit())
            circuit.failures += 1
            extra = circuit.failures - self._threshold
            if extra >= 0:
                circuit.open_until = now + min(self._longest_ms, self._first_ms << min(extra, 20))
            return circuit.open_until

    def blocked_until(self, channel: str, lane: str, now: int) -> int | None:
        """Return until when nothing should be tried, None when an attempt is welcome."""
        with self._lock:
            circuit = self._circuits.get((channel, lane))
            return circuit.open_until if circuit and circuit.open_until > now else None

    def healthy(self, channel: str, lane: str) -> bool:
        """Tell whether the last attempt at this receiver went well, or none was made."""
        with self._lock:
            return (channel, lane) not in self._circuits

    def open_lanes(self, now: int) -> list[tuple[str, str]]:
        """Return channel and lane of every open circuit, for the status page."""
        with self._lock:
            return sorted(key for key, circuit in self._circuits.items() if circuit.open_until > now)
