"""The properties of the flow language that belong to no task type: of the flow, of every task, of every trigger, of plugin defaults.

What the language has and this version does not run is listed here too, so that it is refused by name and never silently dropped. A later
version takes a name off these lists in the same change that makes it work.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from runners.fields import Duration, Dynamic, Model, Text

MOST_TASKS = 1_000
LONGEST_DESCRIPTION = 16_384
#: Words of the API's paths below a namespace.
RESERVED = frozenset({"pause", "resume", "force-run", "change-status", "kill", "executions", "search", "source", "disable", "enable"})

NOT_YET_FLOW = frozenset(
    {"retry", "concurrency", "sla", "checks", "outputs", "afterExecution", "listeners", "workerGroup", "workerSelector", "policyRefs", "templates"},
)
NOT_YET_TASK = frozenset({"retry", "taskCache", "logToFile", "workerGroup", "workerSelector", "pluginDefaultsRef", "policyRefs", "version"})
NOT_YET_TRIGGER = frozenset(
    {
        *("conditions", "scheduleConditions", "when", "preconditions", "dependsOn", "backfill", "stopAfter", "allowConcurrent", "failOnTriggerError"),
        *("logLevel", "minLogLevel", "logToFile", "workerGroup", "workerSelector", "pluginDefaultsRef", "policyRefs", "version"),
    },
)
#: Taken without a word (`extend` is metadata of blueprints), and taken with a notice.
SILENT_FLOW = frozenset({"extend"})
IGNORED_FLOW = {
    "revision": "revisions are counted by Headgate, one for each commit that changes the flow",
    "tenantId": "the environment a flow runs in follows from its branch",
    "deleted": "a flow is deleted by deleting its file",
    "assets": "assets are not recorded by this version",
}
IGNORED_TASK = {"assets": "assets are not recorded by this version"}

_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]*", re.ASCII)
_DOTTED_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", re.ASCII)
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)


def _checked(pattern: re.Pattern[str], most: int, kind: str, wording: str) -> Any:
    def check(value: str) -> str:
        if len(value) > most:
            raise PydanticCustomError(kind, "longer than {most} characters", {"most": most})
        if not pattern.fullmatch(value):
            suggestion = _suggested(value, pattern)
            raise PydanticCustomError(kind, wording, {"hint": f"for example `{suggestion}`"} if suggestion else {})
        return value

    return AfterValidator(check)


def _suggested(value: str, pattern: re.Pattern[str]) -> str | None:
    """The value with what is not allowed taken out, where something readable is left."""
    ascii_text = unicodedata.normalize("NFKD", value[:60]).encode("ascii", "ignore").decode()
    text = re.sub(r"[^a-zA-Z0-9._-]+", "-", ascii_text).strip("-._")
    text = text.lower() if pattern is _NAMESPACE else text
    for candidate in (text, text.replace(".", "-")):
        if candidate and pattern.fullmatch(candidate):
            return candidate
    return None


def _not_reserved(value: str) -> str:
    if value in RESERVED:
        raise PydanticCustomError("reserved", "`{value}` is a word of the API's paths", {"value": value, "hint": f"for example `{value}-flow`"})
    return value


def _described(value: str) -> str:
    if len(value.encode("utf-8", "replace")) > LONGEST_DESCRIPTION:
        raise PydanticCustomError("too_long", "a description has at most 16 KB", {"hint": "put the long version into a file beside the flow"})
    return value


TaskId = Annotated[Text, _checked(_ID, 256, "id", "not an id: letters, digits, `-` and `_`, beginning with a letter or digit")]
FlowId = Annotated[
    Text,
    _checked(_DOTTED_ID, 100, "id", "not an id: letters, digits, `.`, `-` and `_`, beginning with a letter or digit"),
    AfterValidator(_not_reserved),
]
InputId = Annotated[Text, _checked(_DOTTED_ID, 256, "id", "not an id: letters, digits, `.`, `-` and `_`, beginning with a letter or digit")]
Namespace = Annotated[
    Text,
    _checked(_NAMESPACE, 150, "namespace", "not a namespace: lower-case letters, digits, `.`, `-` and `_`, beginning with a letter or digit"),
]
Description = Annotated[Text, AfterValidator(_described)]
LogLevel = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]


def _read_labels(value: Any) -> Any:
    """A map, or a list of `{key, value}`; later entries win."""
    if not isinstance(value, list):
        return value
    labels: dict[str, Any] = {}
    for entry in value:
        if not isinstance(entry, dict) or set(entry) != {"key", "value"} or not isinstance(entry["key"], str):
            raise PydanticCustomError("label", "in a list each label is a map of `key` and `value`")
        labels[entry["key"]] = entry["value"]
    return labels


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    for key, value in labels.items():
        mistake = _label_mistake(key, value)
        if mistake:
            raise PydanticCustomError("label", "the label `{key}` {mistake}", {"key": key[:60], "mistake": mistake, "at": key})
    return labels


def _label_mistake(key: str, value: str) -> str | None:
    if key.startswith("system.") and key != "system.readOnly":
        return "belongs to Headgate: keys that begin with `system.` are its own"
    if not key or unicodedata.category(key[0]) != "Ll":
        return "must begin with a lower-case letter"
    if not all(character in "0123456789._-" or character.isalpha() for character in key):
        return "may have only letters, digits, `.`, `_` and `-` in its key"
    return None if value.strip() else "has no value"


Labels = Annotated[dict[str, Text], BeforeValidator(_read_labels), AfterValidator(_check_labels)]


class FlowProperties(Model):
    """The top level of a flow. Lists are looked at entry by entry elsewhere."""

    id: FlowId = Field(description="The flow's name within its namespace.")
    namespace: Namespace = Field(description="Where the flow belongs; dots build a hierarchy.")
    description: Description | None = Field(None, description="Markdown for people.")
    disabled: bool = Field(False, description="Nothing starts this flow.")
    labels: Labels | None = Field(None, description="Copied to every execution.")
    inputs: list[Any] | None = Field(None, description="What an execution is given.")
    variables: dict[str, Any] | None = Field(None, description="Values for expressions: `vars.name`.")
    tasks: list[Any] = Field(min_length=1, description="What is done, in order.")
    errors: list[Any] | None = Field(None, description="Done when a task has failed.")
    finally_: list[Any] | None = Field(None, alias="finally", description="Done at the end, whatever the result.")
    triggers: list[Any] | None = Field(None, description="What starts the flow.")
    plugin_defaults: list[Any] | None = Field(None, description="Properties for all tasks of a type.")


class TaskProperties(Model):
    """What every task has, whatever its type."""

    id: TaskId = Field(description="Unique over the whole flow.")
    type: Text = Field(description="What the task does.")
    description: Description | None = Field(None, description="Markdown for people.")
    timeout: Dynamic[Duration] | None = Field(None, description="How long an attempt may take.")
    disabled: bool = Field(False, description="Left out, as if it were not there.")
    run_if: Text | None = Field(None, description="Skipped unless this renders to something true.")
    allow_failure: bool = Field(False, description="A failure becomes a warning.")
    allow_warning: bool = Field(False, description="A warning becomes a success.")
    log_level: LogLevel | None = Field(None, description="The lowest level of log entries that is kept.")


class TriggerProperties(Model):
    """What every trigger has, whatever its type."""

    id: TaskId = Field(description="Unique among the flow's triggers.")
    type: Text = Field(description="What starts the flow.")
    description: Description | None = Field(None, description="Markdown for people.")
    disabled: bool = Field(False, description="Does not fire.")


class PluginDefault(Model):
    """Properties for every task, trigger or task runner of a type, or of all types below a package."""

    type: Text = Field(description="A type, an old spelling of it, or the beginning of type names, up to a dot.")
    forced: bool = Field(False, description="Wins over what the task itself says.")
    values: dict[str, Any] = Field(description="The properties.")
