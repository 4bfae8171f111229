"""What came of one attempt to hand a message over, in the same words for every channel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from supplychain.planning.ports import Message


class Verdict(StrEnum):
    """The receiver has it; try again later; a person has to look."""

    DELIVERED = "delivered"
    RETRY = "retry"
    PARK = "park"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one attempt, with its reason in words.

    `retry_after_ms` is the pause the receiver asked for, in milliseconds.
    """

    verdict: Verdict
    detail: str = ""
    retry_after_ms: int = 0

    @classmethod
    def delivered(cls, detail: str = "") -> Outcome:
        """The receiver has the message."""
        return cls(Verdict.DELIVERED, detail)

    @classmethod
    def retry(cls, detail: str, retry_after_ms: int = 0) -> Outcome:
        """Not now: the same bytes may pass later."""
        return cls(Verdict.RETRY, detail, retry_after_ms)

    @classmethod
    def park(cls, detail: str) -> Outcome:
        """Not without a person: trying again changes nothing."""
        return cls(Verdict.PARK, detail)


class Channel(Protocol):
    """A way to hand over messages of one kind; `deliver` is called from several threads, for different lanes.

    It returns within its timeout and raises nothing that it can foresee.
    """

    def deliver(self, message: Message) -> Outcome:
        """Make one attempt."""

    def close(self) -> None:
        """Let go of what is kept open between attempts."""
