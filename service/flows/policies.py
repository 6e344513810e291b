"""The parts of a flow file that are objects of their own: how work is tried again, limited, watched and routed, and what a flow gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from runners.fields import Dynamic, Interval, Model, Number, Older, Positive, Text, by_kind, wrong
from service.engine.program import Route
from service.flows.names import InputId, Labels

#: Of each type of retry, the properties of its own, and those that must be there.
_RETRIES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "constant": (("interval",), ("interval",)),
    "exponential": (("interval", "maxInterval", "delayFactor"), ("interval", "maxInterval")),
    "random": (("minInterval", "maxInterval"), ("minInterval", "maxInterval")),
}


_RETRY_NAMES = tuple(dict.fromkeys(name for own, _ in _RETRIES.values() for name in own))


class Retry(Model):
    """How a failed task, or a failed flow, is tried again."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [by_kind("type", kind, needed, [name for name in _RETRY_NAMES if name not in own]) for kind, (own, needed) in _RETRIES.items()]
        }
    )

    type: Literal["constant", "exponential", "random"] = Field(description="How the pauses follow each other.")
    interval: Interval | None = Field(None, description="The pause; of an exponential retry the first one.")
    min_interval: Interval | None = Field(None, description="The shortest pause of a random retry.")
    max_interval: Interval | None = Field(None, description="The longest pause.")
    delay_factor: Annotated[Number, Field(gt=0)] = Field(2.0, description="By what each pause of an exponential retry is longer than the last.")
    max_attempts: Positive | None = Field(None, validation_alias=Older("maxAttempts", "maxAttempt"), description="All attempts, the first one counted.")
    max_duration: Interval | None = Field(None, description="Nothing is tried again this long after the first attempt began.")
    warning_on_retry: bool = Field(False, description="A success that was not the first attempt's is WARNING.")
    behavior: Literal["RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"] = Field("RETRY_FAILED_TASK", description="The task alone, or everything.")

    @model_validator(mode="after")
    def _of_its_type(self) -> Retry:  # noqa: N804  # "after" validates an instance
        factor = self.delay_factor if "delay_factor" in self.model_fields_set else None
        given = {"interval": self.interval, "minInterval": self.min_interval, "maxInterval": self.max_interval, "delayFactor": factor}
        own, needed = _RETRIES[self.type]
        for name, value in given.items():
            if value is None and name in needed:
                raise wrong("missing_here", f"a retry of the type {self.type} needs `{name}`", f"add `{name}: PT…`")
            if value is not None and name not in own:
                raise wrong(
                    "unknown_here", f"a retry of the type {self.type} has no `{name}`", "its own: " + ", ".join(f"`{own_name}`" for own_name in own), at=name
                )
        self._check_lengths()
        return self

    def _check_lengths(self) -> None:
        pairs = (
            ("interval", self.interval, "maxDuration", self.max_duration),
            ("interval", self.interval, "maxInterval", self.max_interval),
            ("minInterval", self.min_interval, "maxInterval", self.max_interval),
        )
        for shorter, short, longer, long in pairs:
            if short is not None and long is not None and short >= long:
                raise wrong("lengths", f"`{shorter}` must be shorter than `{longer}`", at=shorter)


class WorkerGroup(Model):
    """Runners that a task is for, by the name of their group."""

    key: Dynamic[Text] = Field(description="The group: a label that its runners have.")
    fallback: Literal["WAIT", "FAIL", "CANCEL", "IGNORE"] = Field("WAIT", description="What happens while it has no runner.")

    def route(self, text: Callable[[str], str]) -> Route:
        """With its templates rendered."""
        return Route((text(self.key),), fallback=self.fallback)


class WorkerSelector(Model):
    """Runners that a task is for, by their tags."""

    tags: list[Dynamic[Text]] = Field(min_length=1, max_length=20, description="The tags: labels of runners, `name` or `name=value`.")
    match: Literal["ALL", "ANY"] = Field("ALL", description="All of them, or one.")
    fallback: Literal["FAIL", "WAIT", "CANCEL", "IGNORE"] = Field("FAIL", description="What happens while no runner has them.")

    def route(self, text: Callable[[str], str]) -> Route:
        """With its templates rendered."""
        return Route(tuple(sorted({text(tag) for tag in self.tags})), self.match == "ANY", self.fallback)


class TaskCache(Model):
    """Outputs that are taken over from an earlier run of the same task."""

    enabled: bool = Field(True, description="Whether they are.")
    ttl: Interval | None = Field(None, description="How long they are kept.")


class Asset(Model):
    """A thing that a task reads or makes: a table, a file, a data set."""

    id: Dynamic[Text] = Field(description="Its name.")
    namespace: Dynamic[Text] | None = Field(None, description="Where it belongs.")
    type: Dynamic[Text] | None = Field(None, description="What it is.")
    display_name: Dynamic[Text] | None = Field(None, description="What people see.")
    description: Dynamic[Text] | None = Field(None, description="Markdown for people.")
    metadata: Dynamic[dict[str, Any]] | None = Field(None, description="Anything else about it.")


class Assets(Model):
    """What a task reads and makes."""

    inputs: Dynamic[list[Asset]] | None = Field(None, description="What it reads.")
    outputs: Dynamic[list[Asset]] | None = Field(None, description="What it makes.")
    enable_auto: Dynamic[bool] | None = Field(None, description="Found by itself, where the task can.")
    asset_failure_behavior: Dynamic[Literal["WARN", "FAIL", "IGNORE"]] | None = Field(None, description="When it can't be recorded.")


class Concurrency(Model):
    """How many executions of a flow there are at once."""

    limit: Positive = Field(description="How many.")
    behavior: Literal["QUEUE", "CANCEL", "FAIL"] = Field("QUEUE", description="What becomes of the next one.")


class Sla(Model):
    """What an execution has to keep."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [by_kind("type", "MAX_DURATION", ["duration"], ["assert"]), by_kind("type", "EXECUTION_ASSERTION", ["assert"], ["duration"])]
        }
    )

    id: Text = Field(description="Unique among the flow's.")
    type: Literal["MAX_DURATION", "EXECUTION_ASSERTION"] = Field(description="A time, or something that must hold.")
    duration: Interval | None = Field(None, description="How long an execution may take.")
    assert_: Text | None = Field(None, alias="assert", description="What must hold.")
    behavior: Literal["FAIL", "CANCEL", "NONE"] = Field(description="What becomes of an execution that breaks it.")
    labels: Labels | None = Field(None, description="Labels that it then gets.")

    @model_validator(mode="after")
    def _complete(self) -> Sla:  # noqa: N804
        given = {"duration": self.duration, "assert": self.assert_}
        own, other = ("duration", "assert") if self.type == "MAX_DURATION" else ("assert", "duration")
        if given[own] is None:
            raise wrong("missing_here", f"an SLA of the type {self.type} needs `{own}`", f"add `{own}: …`")
        if given[other] is not None:
            raise wrong("unknown_here", f"an SLA of the type {self.type} has no `{other}`", f"its own is `{own}`", at=other)
        return self


class Check(Model):
    """What must hold for an execution to be made."""

    when: Text = Field(validation_alias=Older("when", "condition"), description="What must be true; where it is not, the check speaks up.")
    message: Text = Field(description="What it says then.")
    style: Literal["ERROR", "SUCCESS", "WARNING", "INFO"] = Field("INFO", description="How it is shown.")
    behavior: Literal["BLOCK_EXECUTION", "FAIL_EXECUTION", "CREATE_EXECUTION"] = Field("BLOCK_EXECUTION", description="What becomes of the execution.")


class Output(Model):
    """What an execution gives back."""

    id: InputId = Field(description="How it is named.")
    type: str = Field(description="The type of its value, one of those of inputs.")
    value: Any = Field(description="An expression.")
    display_name: Text | None = Field(None, description="What people see.")
    description: Text | None = Field(None, description="Markdown for people.")
    required: bool = Field(True, description="Without a value the execution fails.")
