"""Starts a flow when executions of others reach a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

from pydantic import ConfigDict, Field, model_validator

from runners.fields import Duration, Dynamic, Interval, LabelMap, Length, Model, Positive, Text, by_kind, given, wrong
from runners.times import TimeOfDay, TimeWindow
from service.engine.state import State
from service.triggers import TriggerType

Operator = Literal["EQUAL_TO", "NOT_EQUAL_TO", "IN", "NOT_IN", "IS_TRUE", "IS_FALSE", "IS_NULL", "IS_NOT_NULL", "STARTS_WITH", "ENDS_WITH", "REGEX", "CONTAINS"]
_AMONG = ("IN", "NOT_IN")


def _needed(operator: str) -> dict[str, Any]:
    """What a JSON Schema says that a filter needs."""
    if operator not in _AMONG:
        return by_kind("type", operator, ["value"])
    return {**by_kind("type", operator), "then": {"required": ["values"], "properties": {"values": {"type": "array", "minItems": 1}}}}


#: Of a window, what does not stand without what.
_TOGETHER: Mapping[str, str] = {"from": "to", "to": "from", "offset": "every"}


class Upstream(Model):
    """Executions of one flow, or of all flows of a namespace."""

    namespace: Text | None = Field(None, description="Their namespace.")
    flow_id: Text | None = Field(None, description="Their flow.")
    states: list[State] | None = Field(None, description="The states that count.")
    labels: LabelMap | None = Field(None, description="Labels they must have.")


class DependsOn(Upstream):
    """An upstream flow, with a condition of its own."""

    when: Text | None = Field(None, description="What must hold for the execution to count.")


class Filter(Model):
    """One test of an execution."""

    model_config = ConfigDict(json_schema_extra={"allOf": [_needed(kind) for kind in get_args(Operator) if not kind.startswith("IS_")]})

    field: Literal["FLOW_ID", "NAMESPACE", "STATE", "EXPRESSION"] = Field(description="What is looked at.")
    type: Operator = Field(description="How it is compared.")
    value: Text | None = Field(None, description="With what; for EXPRESSION the expression itself.")
    values: list[Text] | None = Field(None, description="With which, for IN and NOT_IN.")

    @model_validator(mode="after")
    def _complete(self) -> Filter:  # noqa: N804  # "after" validates an instance
        if self.type in _AMONG:
            if not self.values:
                raise wrong("missing_here", f"a filter of the type {self.type} needs `values`", "add `values: […]`")
        elif self.value is None and (self.field == "EXPRESSION" or not self.type.startswith("IS_")):
            raise wrong("missing_here", f"a filter of {self.field} by {self.type} needs `value`", "add `value: …`")
        return self


class Where(Model):
    """Tests that hold together, or of which one is enough."""

    id: Text = Field(description="Unique among the tests.")
    operand: Literal["AND", "OR"] = Field("AND", description="All of them, or one.")
    filters: list[Filter] = Field(min_length=1, description="The tests.")


class Preconditions(Model):
    """Several executions that must all have come to an end within a time window."""

    id: Text = Field(description="Under which its progress is kept.")
    time_window: TimeWindow | None = Field(None, description="Within which time.")
    reset_on_success: bool = Field(True, description="Begins anew once it has fired.")
    flows: list[Upstream] | None = Field(None, description="The flows that are waited for.")
    where: list[Where] | None = Field(None, description="Further tests of executions.")


class Window(Model):
    """Within which time all dependencies must have been met, in its newer form."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                given("deadline", lacks=("from", "to", "every", "offset", "lookback")),
                given("from", "to", lacks=("deadline", "every", "offset", "lookback")),
                given("every", lacks=("deadline", "from", "to", "lookback")),
                given("lookback", lacks=("deadline", "from", "to", "every", "offset")),
            ]
        }
    )

    deadline: TimeOfDay | None = Field(None, description="Every day until this time.")
    from_: TimeOfDay | None = Field(None, alias="from", description="Every day from this time …")
    to: TimeOfDay | None = Field(None, description="… until this one.")
    every: Interval | None = Field(None, description="Windows of this length, one after another …")
    offset: Duration | None = Field(None, description="… whose beginnings are moved by this.")
    lookback: Length | None = Field(None, description="The time before each execution.")
    fire_once: bool = Field(False, description="At most once in a window.")

    @model_validator(mode="after")
    def _of_one_kind(self) -> Window:  # noqa: N804
        given = {"deadline": self.deadline, "from": self.from_, "to": self.to, "every": self.every, "offset": self.offset, "lookback": self.lookback}
        for name, other in _TOGETHER.items():
            if given[name] is not None and given[other] is None:
                raise wrong("missing_here", f"a window with `{name}` needs `{other}`", f"add `{other}: …`")
        kinds = [name for name in ("deadline", "from", "every", "lookback") if given[name] is not None]
        if len(kinds) != 1:
            what = f"`{kinds[0]}` and `{kinds[1]}` are different windows" if kinds else "a window needs to be said"
            raise wrong("window", what, "one of `deadline`, `from` with `to`, `every`, `lookback`", **({"at": kinds[1]} if kinds else {}))
        return self


class OnMiss(Model):
    """What happens when a window passes unmet."""

    behavior: Literal["FAIL"] = Field("FAIL", description="FAIL: an execution is created, and is FAILED.")
    labels: LabelMap | None = Field(None, description="Labels of that execution.")


class Flow(TriggerType):
    """Fires when an execution of another flow reaches one of `states`, and everything it depends on is met."""

    TYPE = "io.kestra.plugin.core.trigger.Flow"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Flow",)
    KIND = "flow"
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "executionId": "The other execution's id.",
        "executionLabels": "Its labels.",
        "namespace": "The namespace of its flow.",
        "flowId": "The id of its flow.",
        "flowRevision": "The revision of its flow.",
        "state": "Its state.",
        "outputs": "Its outputs.",
        "startDate": "When it began.",
        "endDate": "When it ended.",
        "firstFailedTaskId": "The first of its tasks that failed.",
        "lastTaskId": "The last of its tasks.",
    }
    RUN = False

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {**by_kind("mode", "AT_LEAST", ["minSatisfied"]), "else": given(lacks=("minSatisfied",))},
            ]
        }
    )

    states: list[State] | None = Field(None, description="The states that count; all ends, and PAUSED, when absent.")
    preconditions: Preconditions | None = Field(None, description="Executions that must all have ended within a time.")
    depends_on: list[DependsOn] | None = Field(None, min_length=1, description="Flows that are waited for.")
    window: Window | None = Field(None, description="Within which time.")
    mode: Literal["ALL", "ANY", "AT_LEAST"] = Field("ALL", description="How many of them are needed.")
    min_satisfied: Dynamic[Positive] | None = Field(None, description="How many, for AT_LEAST.")
    on_miss: OnMiss | None = Field(None, description="What happens when a window passes unmet.")

    @model_validator(mode="after")
    def _enough(self) -> Flow:  # noqa: N804
        if self.mode == "AT_LEAST" and self.min_satisfied is None:
            raise wrong("missing_here", "the mode AT_LEAST needs `minSatisfied`", "add `minSatisfied: …`")
        if self.min_satisfied is not None and self.mode != "AT_LEAST":
            raise wrong("unknown_here", f"the mode {self.mode} has no `minSatisfied`", "add `mode: AT_LEAST`", at="minSatisfied")
        if isinstance(self.min_satisfied, int) and self.min_satisfied > len(self.depends_on or ()):
            raise wrong("count", "`minSatisfied` is more than `dependsOn` names", at="minSatisfied")
        return self
