"""Where two generations of the language say the same in different words, side by side. Both are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Place = Literal["flow", "task", "script", "trigger", "flow trigger", "input", "tasks"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One thing in both. `older` and `newer` are YAML for one line, at home in `place`: among the properties of a flow, a task, … or as a list of tasks."""

    what: str
    place: Place
    older: str
    newer: str


_LOG = "{id: b, type: io.kestra.plugin.core.log.Log, message: hi}"

DIALECTS: tuple[Dialect, ...] = (
    Dialect(
        "the same tasks for each value",
        "tasks",
        f"{{id: a, type: io.kestra.plugin.core.flow.ForEach, values: [1, 2], tasks: [{_LOG}]}}",
        f"{{id: a, type: io.kestra.plugin.core.flow.Loop, values: [1, 2], tasks: [{_LOG}]}}",
    ),
    Dialect("the value within them", "task", "description: '{{ taskrun.value }}'", "description: '{{ item.value }}'"),
    Dialect(
        "whether a trigger fires",
        "trigger",
        "conditions: [{type: io.kestra.plugin.core.condition.Expression, expression: '{{ trigger.date }}'}]",
        "when: '{{ trigger.date }}'",
    ),
    Dialect(
        "the same of schedules, before that",
        "trigger",
        "scheduleConditions: [{type: io.kestra.plugin.core.condition.Weekend}]",
        "conditions: [{type: io.kestra.plugin.core.condition.Weekend}]",
    ),
    Dialect(
        "several flows that a trigger waits for",
        "flow trigger",
        "preconditions: {id: both, flows: [{namespace: dev, flowId: f}]}",
        "dependsOn: [{namespace: dev, flowId: f}]",
    ),
    Dialect(
        "within which time",
        "flow trigger",
        "preconditions: {id: both, timeWindow: {type: SLIDING_WINDOW, window: PT1H}}",
        "dependsOn: [{flowId: f}], window: {lookback: PT1H}",
    ),
    Dialect(
        "defaults of types",
        "flow",
        "taskDefaults: [{type: io.kestra.plugin.core.log, values: {level: WARN}}]",
        "pluginDefaults: [{type: io.kestra.plugin.core.log, values: {level: WARN}}]",
    ),
    Dialect("an input's name", "input", "name: who, type: STRING", "id: who, type: STRING"),
    Dialect("true or false", "input", "id: yes_or_no, type: BOOLEAN", "id: yes_or_no, type: BOOL"),
    Dialect("one of several", "input", "id: one, type: ENUM, values: [a, b]", "id: one, type: SELECT, values: [a, b]"),
    Dialect("runners for a task", "script", "workerGroup: {key: gpu, fallback: WAIT}", "workerSelector: {tags: [gpu], match: ALL, fallback: FAIL}"),
    Dialect("a check of an execution", "flow", "checks: [{condition: '{{ true }}', message: wait}]", "checks: [{when: '{{ true }}', message: wait}]"),
    Dialect("whether a task runs", "task", "runIf: '{{ true }}'", "when: '{{ true }}'"),
    Dialect(
        "how often a task is tried", "task", "retry: {type: constant, interval: PT1M, maxAttempt: 3}", "retry: {type: constant, interval: PT1M, maxAttempts: 3}"
    ),
    Dialect("a state", "flow trigger", "states: [CANCELED]", "states: [CANCELLED]"),
    Dialect("where a script runs", "script", "runner: PROCESS", "taskRunner: {type: io.kestra.plugin.core.runner.Process}"),
    Dialect("the image of a script", "script", "docker: {image: alpine}", "containerImage: alpine"),
    Dialect(
        "how long a pause is",
        "tasks",
        "{id: a, type: io.kestra.plugin.core.flow.Pause, delay: PT1M}",
        "{id: a, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT1M}",
    ),
    Dialect(
        "what follows a pause",
        "tasks",
        f"{{id: a, type: io.kestra.plugin.core.flow.Pause, tasks: [{_LOG}]}}",
        f"{{id: a, type: io.kestra.plugin.core.flow.Pause}}, {_LOG}",
    ),
    Dialect(
        "outputs of a subflow, which that flow names itself now",
        "tasks",
        "{id: a, type: io.kestra.plugin.core.flow.Subflow, namespace: dev, flowId: f, outputs: {sum: '{{ outputs.add.value }}'}}",
        "{id: a, type: io.kestra.plugin.core.flow.Subflow, namespace: dev, flowId: f}",
    ),
    Dialect("labels", "flow", "labels: [{key: env, value: prod}]", "labels: {env: prod}"),
    Dialect("the lowest level of a trigger's log", "trigger", "minLogLevel: WARN", "logLevel: WARN"),
)
