"""Shapes of requests and answers, for validation and for OpenAPI. Times are UTC milliseconds, money minor units."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Reason = Annotated[str, Field(max_length=1_000, description="why; kept in the audit trail")]
Id = Annotated[str, Field(min_length=1, max_length=200)]
Lines = Annotated[
    list[Id] | None, Field(default=None, max_length=10_000, description="line ids; all that apply when absent")
]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Row(BaseModel):
    """A row of a read model: the members named are promised, more may come."""

    model_config = ConfigDict(extra="allow")


class Approval(_Request):
    """Approve lines of exactly the plan that was read: `digest` and `version` come from there."""

    lines: Lines = None
    digest: str | None = Field(default=None, max_length=200)
    version: int | None = Field(default=None, ge=1)
    reason: Reason = ""


class Decision(_Request):
    """Reject or release lines."""

    lines: Lines = None
    reason: Reason = ""


class Rejection(_Request):
    """Reject lines; a rejection says why."""

    lines: Lines = None
    reason: Annotated[str, Field(min_length=1, max_length=1_000)]


class Edit(_Request):
    """What a planner may change of a line: its quantity, with a reason. All else is refused."""

    quantity: int | None = Field(ge=0, le=1_000_000_000, strict=True, description="pieces; null lifts an earlier edit")
    reason: Annotated[str, Field(min_length=1, max_length=1_000)]


class Wanted(_Request):
    """Ask for a plan of some planning groups; of all when absent."""

    groups: list[Id] | None = Field(default=None, max_length=10_000)
    reason: Reason = ""


class TuningDocument(_Request):
    """Values by section; what is not named keeps its active value."""

    document: dict[str, dict[str, float | bool]]


class TuningActivation(TuningDocument):
    """A tuning to activate, with a reason."""

    reason: Annotated[str, Field(min_length=1, max_length=1_000)]


class Because(_Request):
    """A reason."""

    reason: Annotated[str, Field(min_length=1, max_length=1_000)]


class Line(_Row):
    """A plan line."""

    line: str
    plan: str
    kind: str
    sku: str
    state: str
    quantity: int
    version: int


class PlanSummary(_Row):
    """A plan in a list."""

    plan: str
    status: str


class Plan(PlanSummary):
    """A plan with its lines and explanations."""

    digest: str
    version: int
    lines: list[Line]


class PlanPage(BaseModel):
    """A page of plans, newest first; `next` is the cursor of the following page."""

    items: list[PlanSummary]
    next: str | None = None


class LinesChanged(BaseModel):
    """The lines as they are now."""

    lines: list[Line]


class Rows(BaseModel):
    """Rows of a read model."""

    items: list[dict[str, Any]]


class TuningVersionRow(_Row):
    """A tuning version in the list of versions."""

    version: int


class TuningChanged(BaseModel):
    """The version that is active now."""

    version: int


class Fault(BaseModel):
    """One element of a batch that was refused, by its place in the batch."""

    index: int
    code: str
    detail: str


class EventsTaken(BaseModel):
    """How many elements went to the broker, and which did not."""

    accepted: int
    rejected: list[Fault]


class AnswersTaken(BaseModel):
    """How many answers were taken, each with its outcome."""

    accepted: int
    items: list[dict[str, Any]]
