"""Starts a flow when executions of others reach a state."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from runners.fields import Duration, Dynamic, Interval, Length, Model, Positive, Text, wrong
from runners.times import TimeOfDay
from service.engine.state import State
from service.triggers import TriggerType


def _state(value: Any) -> Any:
    """`CANCELED` was once spelt so."""
    return "CANCELLED" if value == "CANCELED" else value


States = list[Annotated[State, BeforeValidator(_state)]]
Operator = Literal["EQUAL_TO", "NOT_EQUAL_TO", "IN", "NOT_IN", "IS_TRUE", "IS_FALSE", "IS_NULL", "IS_NOT_NULL", "STARTS_WITH", "ENDS_WITH", "REGEX", "CONTAINS"]


class Upstream(Model):
    """Executions of one flow, or of all flows of a namespace."""

    namespace: Text | None = Field(None, description="Their namespace.")
    flow_id: Text | None = Field(None, description="Their flow.")
    states: States | None = Field(None, description="The states that count.")
    labels: dict[str, Text] | None = Field(None, description="Labels they must have.")


class DependsOn(Upstream):
    """An upstream flow, with a condition of its own."""

    when: Text | None = Field(None, description="What must hold for the execution to count.")


class Filter(Model):
    """One test of an execution."""

    field: Literal["FLOW_ID", "NAMESPACE", "STATE", "EXPRESSION"] = Field(description="What is looked at.")
    type: Operator = Field(description="How it is compared.")
    value: Text | None = Field(None, description="With what.")
    values: list[Text] | None = Field(None, description="With which, for IN and NOT_IN.")


class Where(Model):
    """Tests that hold together, or of which one is enough."""

    id: Text = Field(description="Unique among the tests.")
    operand: Literal["AND", "OR"] = Field("AND", description="All of them, or one.")
    filters: list[Filter] = Field(min_length=1, description="The tests.")


class TimeWindow(Model):
    """Within which time all preconditions must have been met."""

    type: Literal["DURATION_WINDOW", "SLIDING_WINDOW", "DAILY_TIME_DEADLINE", "DAILY_TIME_WINDOW"] = Field("DURATION_WINDOW", description="Its kind.")
    window: Length | None = Field(None, description="Its length; one day when absent.")
    window_advance: Duration | None = Field(None, description="How far the window's beginning is moved.")
    deadline: TimeOfDay | None = Field(None, description="For DAILY_TIME_DEADLINE.")
    start_time: TimeOfDay | None = Field(None, description="For DAILY_TIME_WINDOW.")
    end_time: TimeOfDay | None = Field(None, description="For DAILY_TIME_WINDOW.")

    @model_validator(mode="after")
    def _complete(self) -> TimeWindow:  # noqa: N804  # "after" validates an instance
        needed = {"DAILY_TIME_DEADLINE": ("deadline",), "DAILY_TIME_WINDOW": ("startTime", "endTime"), "SLIDING_WINDOW": ("window",)}.get(self.type, ())
        given = {"deadline": self.deadline, "startTime": self.start_time, "endTime": self.end_time, "window": self.window}
        for name in needed:
            if given[name] is None:
                raise wrong("missing_here", f"a window of the type {self.type} needs `{name}`", f"add `{name}: …`")
        return self


class Preconditions(Model):
    """Several executions that must all have come to an end within a time window."""

    id: Text = Field(description="Under which its progress is kept.")
    time_window: TimeWindow | None = Field(None, description="Within which time.")
    reset_on_success: bool = Field(True, description="Begins anew once it has fired.")
    flows: list[Upstream] | None = Field(None, description="The flows that are waited for.")
    where: list[Where] | None = Field(None, description="Further tests of executions.")


class Window(Model):
    """Within which time all dependencies must have been met, in its newer form."""

    deadline: TimeOfDay | None = Field(None, description="Every day until this time.")
    from_: TimeOfDay | None = Field(None, alias="from", description="Every day from this time …")
    to: TimeOfDay | None = Field(None, description="… until this one.")
    every: Interval | None = Field(None, description="Windows of this length, one after another …")
    offset: Duration | None = Field(None, description="… whose beginnings are moved by this.")
    lookback: Length | None = Field(None, description="The time before each execution.")
    fire_once: bool = Field(False, description="At most once in a window.")


class OnMiss(Model):
    """What happens when a window passes unmet."""

    behavior: Literal["FAIL"] = Field("FAIL", description="FAIL: an execution is created, and is FAILED.")
    labels: dict[str, Text] | None = Field(None, description="Labels of that execution.")


class Flow(TriggerType):
    """Fires when an execution of another flow reaches one of `states`, and everything it depends on is met."""

    TYPE = "io.kestra.plugin.core.trigger.Flow"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Flow",)
    KIND = "flow"
    VARIABLES = frozenset(
        {
            *("executionId", "executionLabels", "namespace", "flowId", "flowRevision", "state", "outputs"),
            *("startDate", "endDate", "firstFailedTaskId", "lastTaskId"),
        }
    )
    RUN = False

    states: States | None = Field(None, description="The states that count; all ends, and PAUSED, when absent.")
    preconditions: Preconditions | None = Field(None, description="Executions that must all have ended within a time.")
    depends_on: list[DependsOn] | None = Field(None, min_length=1, description="Flows that are waited for.")
    window: Window | None = Field(None, description="Within which time.")
    mode: Literal["ALL", "ANY", "AT_LEAST"] = Field("ALL", description="How many of them are needed.")
    min_satisfied: Dynamic[Positive] | None = Field(None, description="How many, for AT_LEAST.")
    on_miss: OnMiss | None = Field(None, description="What happens when a window passes unmet.")
