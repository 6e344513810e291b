"""The properties of the flow language that belong to no task type: of the flow, of every task, of every trigger, of plugin defaults.

What the language has and this version does not run is in `NOT_RUN_…`: it is read and checked like the rest, a warning says so with its place, and no
execution of such a flow is started. A later version takes a name off these lists in the same change that makes it work.
"""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field

from runners.fields import Dynamic, Interval, Model, Older, Text
from service.engine.program import Delivery
from service.engine.state import State
from service.flows.names import Description, FlowId, Labels, LogLevel, Namespace, TaskId
from service.flows.policies import Assets, Check, Concurrency, Retry, Sla, TaskCache, WorkerGroup, WorkerSelector

MOST_TASKS = 1_000
MOST_TRIGGERS = 1_000
#: The lists of tasks that a flow has, in the order in which they are run; each listener has one more.
TASK_LISTS = ("tasks", "errors", "finally", "afterExecution")

NOT_RUN_FLOW = frozenset({"listeners", "templates", "policyRefs"})
NOT_RUN_TASK = frozenset({"pluginDefaultsRef", "version", "policyRefs"})
NOT_RUN_TRIGGER = frozenset(
    {
        *("conditions", "scheduleConditions", "when", "stopAfter", "allowConcurrent", "failOnTriggerError"),
        *("logLevel", "minLogLevel", "logToFile", "pluginDefaultsRef", "version", "policyRefs", "workerGroup", "workerSelector"),
    }
)
#: Taken without a word (`extend` is metadata of blueprints), and taken with a notice.
SILENT_FLOW = frozenset({"extend"})
_ASSETS = "assets are not recorded by this version"
IGNORED_FLOW = {
    "revision": "revisions are counted by Headgate, one for each commit that changes the flow",
    "tenantId": "the environment a flow runs in follows from its branch",
    "deleted": "a flow is deleted by deleting its file",
    "assets": _ASSETS,
}
IGNORED_TASK = {"assets": _ASSETS}
_OF_ITS_TASKS = "only a task that does something itself has it, not a group"
IGNORED_GROUP = dict.fromkeys(("taskCache", "logToFile", "delivery"), _OF_ITS_TASKS)
#: Of what is not done on a runner: groups without a folder of their own, and what the service does itself.
_ROUTING = ("workerGroup", "workerSelector")
UNROUTED_GROUP = dict.fromkeys(_ROUTING, "only a task that runs on a runner has it, and a group whose tasks share a folder")
UNROUTED_TASK = dict.fromkeys(_ROUTING, "the service itself does this task, on no runner")


class Listener(Model):
    """Tasks to do at the end under conditions, of the oldest dialect."""

    description: Description | None = Field(None, description="Markdown for people.")
    conditions: list[Any] | None = Field(None, description="What must hold for them.")
    tasks: list[Any] = Field(min_length=1, description="What is done, in order.")


class FlowProperties(Model):
    """The top level of a flow. Lists of tasks, triggers, inputs and defaults are looked at entry by entry elsewhere."""

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
    after_execution: list[Any] | None = Field(None, description="Done once the execution has its final state, which it can't change.")
    listeners: list[Listener] | None = Field(None, description="Old: tasks to do at the end under conditions; `afterExecution` has taken their place.")
    triggers: list[Any] | None = Field(None, description="What starts the flow.")
    outputs: list[Any] | None = Field(None, description="What an execution gives back.")
    plugin_defaults: list[Any] | None = Field(None, description="Properties for all tasks of a type.")
    concurrency: Concurrency | None = Field(None, description="How many executions there are at once.")
    retry: Retry | None = Field(None, description="How a failed execution is tried again.")
    sla: list[Sla] | None = Field(None, description="What an execution has to keep.")
    checks: list[Check] | None = Field(None, description="What is looked at before an execution is made.")
    worker_group: WorkerGroup | None = Field(None, description="Runners for its tasks, by group.")
    worker_selector: WorkerSelector | None = Field(None, description="Runners for its tasks, by tags.")
    policy_refs: list[Any] | None = Field(None, description="Policies that it is under.")
    templates: Any = Field(None, description="Old: what subflows have replaced.")


class TaskProperties(Model):
    """What every task has, whatever its type."""

    id: TaskId = Field(description="Unique over the whole flow.")
    type: str = Field(description="What the task does.")
    version: Text | None = Field(None, description="The version of the plugin.")
    description: Description | None = Field(None, description="Markdown for people.")
    timeout: Dynamic[Interval] | None = Field(None, description="How long an attempt may take.")
    retry: Retry | None = Field(None, description="How it is tried again when it fails.")
    disabled: bool = Field(False, description="Left out, as if it were not there.")
    run_if: Text | None = Field(None, validation_alias=AliasChoices("runIf", "when"), description="Skipped unless this renders to something true.")
    allow_failure: bool = Field(False, description="A failure becomes a warning.")
    allow_warning: bool = Field(False, description="A warning becomes a success.")
    log_level: LogLevel | None = Field(None, description="The lowest level of log entries that is kept.")
    log_to_file: bool = Field(False, description="The log becomes a file of the attempt.")
    delivery: Delivery = Field(
        "at_least_once", description="What becomes of an attempt that is lost with its runner: it is done again, or it fails and a person has to look."
    )
    task_cache: TaskCache | None = Field(None, description="Outputs are taken over from an earlier run of the same task.")
    assets: Assets | None = Field(None, description="What it reads and makes.")
    worker_group: WorkerGroup | None = Field(None, description="Runners that it is for, by group.")
    worker_selector: WorkerSelector | None = Field(None, description="Runners that it is for, by tags.")
    plugin_defaults_ref: Text | None = Field(None, description="The set of plugin defaults that it takes.")
    policy_refs: list[Any] | None = Field(None, description="Policies that it is under.")


class TriggerProperties(Model):
    """What every trigger has, whatever its type."""

    id: TaskId = Field(description="Unique among the flow's triggers.")
    type: str = Field(description="What starts the flow.")
    version: Text | None = Field(None, description="The version of the plugin.")
    description: Description | None = Field(None, description="Markdown for people.")
    disabled: bool = Field(False, description="Does not fire.")
    when: Text | None = Field(None, description="It fires only when this renders to something true.")
    conditions: list[Any] | None = Field(None, validation_alias=Older("conditions", "scheduleConditions"), description="What must hold for it to fire.")
    stop_after: list[State] | None = Field(None, description="It is turned off once an execution of its own ends in one of these states.")
    allow_concurrent: bool = Field(False, description="It fires while an execution of its own still runs.")
    fail_on_trigger_error: bool = Field(False, description="When it can't be evaluated, a failed execution shows it.")
    log_level: LogLevel | None = Field(None, validation_alias=Older("logLevel", "minLogLevel"), description="The lowest level of log entries that is kept.")
    log_to_file: bool = Field(False, description="The log becomes a file.")
    assets: Assets | None = Field(None, description="What it reads.")
    worker_group: WorkerGroup | None = Field(None, description="Runners that it is for, by group.")
    worker_selector: WorkerSelector | None = Field(None, description="Runners that it is for, by tags.")
    plugin_defaults_ref: Text | None = Field(None, description="The set of plugin defaults that it takes.")
    policy_refs: list[Any] | None = Field(None, description="Policies that it is under.")


class PluginDefault(Model):
    """Properties for every task, trigger or task runner of a type, or of all types below a package."""

    type: Text = Field(description="A type, an old spelling of it, or the beginning of type names, up to a dot.")
    forced: bool = Field(False, description="Wins over what the task itself says.")
    ref: Text | None = Field(None, description="The name of this set, for tasks that ask for it.")
    values: dict[str, Any] = Field(description="The properties.")
