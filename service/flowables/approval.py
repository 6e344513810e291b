"""Waiting for a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, Model, Older, Text
from service.flowables import HANDLERS, Drawn, FlowableTask, Shape, Way

Behavior = Literal["CONTINUE", "WARN", "FAIL", "SUCCEED", "CANCEL", "KILL"]


class Decisions(Model):
    """What the two buttons say."""

    approve: Text | None = Field(None, description="For approval.")
    deny: Text | None = Field(None, description="For refusal.")


class Approval(FlowableTask):
    """Pauses the execution until somebody approves or denies, or until it is due."""

    TYPE = "io.kestra.plugin.core.flow.Approval"
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"onWait": "list", "onApprove": "list", "onDeny": "list", **HANDLERS}
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    DRAWN = Drawn("ways", "choice", ways={"onWait": Way("waiting", "parallel"), "onApprove": Way("approved", passes=True), "onDeny": Way("denied")})
    RUN = False

    inputs: list[dict[str, Any]] | None = Field(None, description="Inputs that whoever decides gives.")
    decisions: Decisions | None = Field(None, description="What the two buttons say.")
    comment_required: Dynamic[bool] = Field(False, description="A decision needs a comment.")
    auto_approve: Text | bool | None = Field(None, description="Approves by itself when this holds.")
    due: Dynamic[Text] | None = Field(None, validation_alias=Older("due", "expiry"), description="When it expires: a duration or a date.")
    approve_behavior: Behavior = Field("CONTINUE", description="What approval does to the execution.")
    deny_behavior: Behavior = Field("CANCEL", description="What refusal does to the execution.")
    expire_behavior: Behavior = Field("CANCEL", description="What the end of the time does to the execution.")
