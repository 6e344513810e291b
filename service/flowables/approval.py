"""Waiting for a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from runners.fields import Dynamic, Model, Older, Text, parse_duration
from runners.times import read_instant
from service.flowables import HANDLERS, Declared, FlowableTask, Joined, Shape, Way

Behavior = Literal["CONTINUE", "WARN", "FAIL", "SUCCEED", "CANCEL", "KILL"]


def _checked_due(text: str) -> str:
    """A length of time, or a date: kept as it was written."""
    if text[:1] in "+-P":
        parse_duration(text)
    else:
        read_instant(text)
    return text


Due = Annotated[Text, AfterValidator(_checked_due), WithJsonSchema({"type": "string", "examples": ["P1D", "2026-01-31T06:00:00Z"]})]


class Decisions(Model):
    """What the two buttons say."""

    approve: Text | None = Field(None, description="For approval.")
    deny: Text | None = Field(None, description="For refusal.")


class Approval(FlowableTask):
    """Pauses the execution until somebody approves or denies, or until it is due."""

    TYPE = "io.kestra.plugin.core.flow.Approval"
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"onWait": "list", "onApprove": "list", "onDeny": "list", **HANDLERS}
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    DECLARES: ClassVar[Mapping[str, Declared]] = {"inputs": "inputs"}
    JOINED = Joined("ways", "choice", ways={"onWait": Way("waiting", "parallel"), "onApprove": Way("approved", passes=True), "onDeny": Way("denied")})
    RUN = False

    inputs: list[Any] | None = Field(None, description="Inputs that whoever decides gives.")
    decisions: Decisions | None = Field(None, description="What the two buttons say.")
    comment_required: Dynamic[bool] = Field(False, description="A decision needs a comment.")
    auto_approve: Text | None = Field(None, description="Approves by itself when this holds.")
    due: Dynamic[Due] | None = Field(None, validation_alias=Older("due", "expiry"), description="When it expires: a duration or a date.")
    approve_behavior: Behavior = Field("CONTINUE", description="What approval does to the execution.")
    deny_behavior: Behavior = Field("CANCEL", description="What refusal does to the execution.")
    expire_behavior: Behavior = Field("CANCEL", description="What the end of the time does to the execution.")
