"""One error tree: fields instead of sentences, so that every edge can map it once.

The HTTP edge turns an error into problem+json by `status` and `code`, the command line into an exit code, the stream
into a dead letter. `detail` says what is wrong and `way_out` what to do about it.
"""

from __future__ import annotations

from typing import ClassVar


class SupplyChainError(Exception):
    """Something the caller can name and act on."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, detail: str, *, way_out: str = "", **fields: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.way_out = way_out
        self.fields = fields

    def __str__(self) -> str:
        return f"{self.detail}; {self.way_out}" if self.way_out else self.detail


class InvalidInputError(SupplyChainError):
    """A value that cannot be: a row, a field, a file, a request."""

    code = "invalid-input"
    status = 422
    exit_code = 2


class NotFoundError(SupplyChainError):
    """The thing named does not exist, or is not the caller's to see."""

    code = "not-found"
    status = 404
    exit_code = 4


class ConflictError(SupplyChainError):
    """Somebody else was first, or the thing is no longer in a state that allows this."""

    code = "conflict"
    status = 409
    exit_code = 5


class ForbiddenError(SupplyChainError):
    """The actor may not do this, or not for this amount."""

    code = "forbidden"
    status = 403
    exit_code = 6


class UnauthorizedError(SupplyChainError):
    """The caller did not prove who they are."""

    code = "unauthorized"
    status = 401
    exit_code = 6


class UnavailableError(SupplyChainError):
    """A part outside (database, broker, port, supplier) does not answer."""

    code = "unavailable"
    status = 503
    exit_code = 7


class FencedError(SupplyChainError):
    """Another owner of the same partition has written since: this writer is a zombie and must stop."""

    code = "fenced"
    status = 409
    exit_code = 8


class SettingsError(InvalidInputError):
    """A deployment setting that is unknown, missing or out of range."""

    code = "invalid-settings"


class TuningError(InvalidInputError):
    """A tuning value that is unknown or out of its bounds."""

    code = "invalid-tuning"
