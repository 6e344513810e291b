"""What the language has for every task and every flow: each spelling, each default, and what is refused where."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.engine.program import Node
from tests.flows.world import LOG, RETURN, SHELL, flow, lines, refusals, tasks


def task(properties: str) -> Node:
    """The node of a task with these properties beside its own."""
    return flow(around(properties)).program.nodes["a"]


def around(properties: str) -> str:
    """A flow with one task that has these properties."""
    return tasks(f"- {{id: a, type: {LOG}, message: x, {properties}}}")


def with_flow(properties: str) -> str:
    """A flow that has these properties."""
    return tasks(f"- {{id: a, type: {LOG}, message: x}}", properties + "\n")


def dumped(value: Any) -> Any:
    """What was said, under the names of YAML."""
    return value.model_dump(by_alias=True, exclude_unset=True)


@pytest.mark.parametrize(
    ("properties", "name", "value"),
    [
        ("description: hi", "description", "hi"),
        ("timeout: PT5M", "timeout", "PT5M"),
        ("timeout: '{{ vars.t ?? 1 }}'", "timeout", "{{ vars.t ?? 1 }}"),
        ("runIf: '{{ true }}'", "run_if", "{{ true }}"),
        ("when: '{{ true }}'", "run_if", "{{ true }}"),
        ("runIf: false", "run_if", "false"),
        ("allowFailure: true", "allow_failure", True),
        ("allowWarning: true", "allow_warning", True),
        ("logLevel: WARN", "log_level", "WARN"),
        ("logToFile: true", "log_to_file", True),
        ("delivery: at_most_once", "delivery", "at_most_once"),
    ],
)
def test_a_property_of_every_task_is_read(properties, name, value):
    assert getattr(task(properties), name) == value


def test_what_a_task_does_not_say_has_its_default():
    node = task("description: x")
    assert (node.run_if, node.timeout, node.allow_failure, node.allow_warning, node.log_level, node.log_to_file) == (None, None, False, False, None, False)
    assert (node.retry, node.cache, node.worker, node.depends_on, node.disabled) == (None, None, None, (), False)
    assert node.delivery == "at_least_once"


@pytest.mark.parametrize(
    ("properties", "refused"),
    [
        ("disabled: maybe", "HG-0203 maybe"),
        ("timeout: 5 minutes", "HG-0205 5 minutes"),
        ("timeout: [PT1M]", "HG-0203 [PT1M]"),
        ("timeout: P1Y", "HG-0205 P1Y"),
        ("allowFailure: {}", "HG-0203 {}"),
        ("logLevel: LOUD", "HG-0204 LOUD"),
        ("logLevel: warn", "HG-0204 warn"),
        ("minLogLevel: WARN", "HG-0201 minLogLevel"),
        ("dependson: [b]", "HG-0201 dependson"),
        ("workerGroup: {fallback: WAIT}", "HG-0202 workerGroup"),
        ("workerGroup: {key: a, fallback: NEVER}", "HG-0204 NEVER"),
        ("workerSelector: {tags: []}", "HG-0204 []"),
        ("workerSelector: {tags: [a], match: SOME}", "HG-0204 SOME"),
        ("taskCache: {ttl: 1h}", "HG-0205 1h"),
        ("taskCache: {ttl: PT0S}", "HG-0205 PT0S"),
        ("delivery: exactly_once", "HG-0204 exactly_once"),
        ("assets: {inputs: [{namespace: a}]}", "HG-0202 {namespace: a}"),
        ("assets: {assetFailureBehavior: SHRUG}", "HG-0204 SHRUG"),
        ("assets: {outputs: a}", "HG-0203 a"),
    ],
)
def test_a_wrong_property_of_a_task_is_pointed_at(properties, refused):
    (found,) = refusals(around(properties))
    assert found.startswith(refused)


def test_runners_are_chosen_by_group_or_by_tags_and_each_has_its_fallback():
    group, selector = task("workerGroup: {key: gpu}").worker, task("workerSelector: {tags: [gpu]}").worker
    assert (group.key, group.fallback) == ("gpu", "WAIT")
    assert (selector.tags, selector.match, selector.fallback) == (["gpu"], "ALL", "FAIL")
    assert task("workerSelector: {tags: [a, 1], match: ANY, fallback: CANCEL}").worker.tags == ["a", "1"]


def test_outputs_are_kept_when_the_task_says_so():
    assert dumped(task("taskCache: {enabled: true, ttl: P1D}").cache) == {"enabled": True, "ttl": "PT86400S"}


def test_assets_take_expressions():
    assert not refusals(
        around("assets: {inputs: '{{ vars.x ?? 1 }}', outputs: [{id: '{{ flow.id }}', type: x.Table, metadata: {a: 1}}], enableAuto: '{{ true }}'}")
    )


@pytest.mark.parametrize(
    ("files", "refused"), [("{enabled: false, inlcude: [a]}", "HG-0201 inlcude"), ("{ifExists: SKIP}", "HG-0204 SKIP"), ("[a]", "HG-0203 [a]")]
)
def test_which_files_of_a_namespace_a_script_gets_is_checked(files, refused):
    (found,) = refusals(tasks(f"- {{id: a, type: {SHELL}, commands: [x], namespaceFiles: {files}}}"))
    assert found.startswith(refused)


@pytest.mark.parametrize("files", ["true", "{enabled: true}", "{include: [a], namespaces: [b]}", "'{{ labels.files }}'"])
def test_a_script_may_ask_for_files_of_a_namespace(files):
    text = tasks(f"- {{id: a, type: {SHELL}, commands: [x], namespaceFiles: {files}}}")
    assert not refusals(text)
    assert flow(text).refusal() is None


@pytest.mark.parametrize("property", ["host: tcp://x:1"])
def test_a_property_that_is_not_run_yet_is_named_when_the_flow_is_started(property):
    runner = f"{{type: io.kestra.plugin.scripts.runner.docker.Docker, {property}}}"
    text = tasks(f"- {{id: a, type: {SHELL}, commands: [x], taskRunner: {runner}}}")
    name = property.partition(":")[0]
    assert str(flow(text).refusal()).startswith(f"`dev.x` can't be started: `{name}`, at 4:")


# how a task is tried again


@pytest.mark.parametrize(
    "retry",
    [
        {"type": "constant", "interval": "PT60S", "maxAttempts": 3},
        {"type": "constant", "interval": "PT1S", "maxDuration": "PT2S", "warningOnRetry": True, "behavior": "CREATE_NEW_EXECUTION"},
        {"type": "exponential", "interval": "PT1S", "maxInterval": "PT60S", "delayFactor": 3.0},
        {"type": "random", "minInterval": "PT1S", "maxInterval": "PT60S", "maxDuration": "PT1S"},
    ],
)
def test_a_retry_is_read(retry):
    assert dumped(task(f"retry: {retry}").retry) == retry
    assert dumped(flow(with_flow(f"retry: {retry}")).retry) == retry


def test_the_first_dialect_counts_attempts_in_the_singular():
    assert task("retry: {type: constant, interval: PT1S, maxAttempt: 3}").retry.max_attempts == 3
    assert any("`maxAttempt` is the old spelling of `maxAttempts`" in line for line in lines(around("retry: {type: constant, interval: PT1S, maxAttempt: 3}")))


def test_a_retry_has_defaults():
    retry = task("retry: {type: exponential, interval: PT1S, maxInterval: PT1M}").retry
    assert (retry.delay_factor, retry.max_attempts, retry.max_duration) == (2.0, None, None)
    assert (retry.warning_on_retry, retry.behavior, retry.max_interval) == (False, "RETRY_FAILED_TASK", timedelta(minutes=1))


@pytest.mark.parametrize(
    ("retry", "refused"),
    [
        ("{interval: PT1S}", "HG-0202 retry"),
        ("{type: linear, interval: PT1S}", "HG-0204 linear"),
        ("{type: constant}", "HG-0202 retry"),
        ("{type: exponential, interval: PT1S}", "HG-0202 retry"),
        ("{type: random, minInterval: PT1S}", "HG-0202 retry"),
        ("{type: constant, interval: PT1S, delayFactor: 2}", "HG-0201 delayFactor"),
        ("{type: constant, interval: PT1S, minInterval: PT1S}", "HG-0201 minInterval"),
        ("{type: random, minInterval: PT1S, maxInterval: PT2S, interval: PT1S}", "HG-0201 interval"),
        ("{type: constant, interval: PT0S}", "HG-0205 PT0S"),
        ("{type: constant, interval: 60}", "HG-0203 60"),
        ("{type: constant, interval: PT1M, maxDuration: PT1M}", "HG-0204 interval"),
        ("{type: exponential, interval: PT1M, maxInterval: PT1S}", "HG-0204 interval"),
        ("{type: exponential, interval: PT1S, maxInterval: PT1M, delayFactor: 0}", "HG-0204 0"),
        ("{type: exponential, interval: PT1S, maxInterval: PT1M, delayFactor: true}", "HG-0203 true"),
        ("{type: random, minInterval: PT1M, maxInterval: PT1M}", "HG-0204 minInterval"),
        ("{type: constant, interval: PT1S, maxAttempts: 0}", "HG-0204 0"),
        ("{type: constant, interval: PT1S, maxAttempts: true}", "HG-0203 true"),
        ("{type: constant, interval: PT1S, maxAttempts: 3, maxAttempt: 3}", "HG-0104 maxAttempt"),
        ("{type: constant, interval: PT1S, behavior: AGAIN}", "HG-0204 AGAIN"),
        ("PT1S", "HG-0203 PT1S"),
    ],
)
def test_a_wrong_retry_is_pointed_at(retry, refused):
    (found,) = refusals(around(f"retry: {retry}"))
    assert found.startswith(refused)


# what a flow has


@pytest.mark.parametrize(
    ("properties", "name", "value"),
    [
        ("concurrency: {limit: 2}", "concurrency", {"limit": 2}),
        ("concurrency: {limit: 2, behavior: CANCEL}", "concurrency", {"limit": 2, "behavior": "CANCEL"}),
        ("workerGroup: {key: a}", "worker", {"key": "a"}),
        ("workerSelector: {tags: [a]}", "worker", {"tags": ["a"]}),
    ],
)
def test_a_property_of_a_flow_is_read(properties, name, value):
    assert dumped(getattr(flow(with_flow(properties)), name)) == value


def test_executions_beyond_the_limit_wait_unless_told_otherwise():
    limit = flow(with_flow("concurrency: {limit: 2}")).concurrency
    assert limit is not None
    assert limit.behavior == "QUEUE"


def test_an_sla_is_a_time_or_an_assertion():
    time, assertion = flow(
        with_flow(
            "sla:\n  - {id: a, type: MAX_DURATION, duration: PT1H, behavior: CANCEL, labels: [{key: late, value: 1}]}\n"
            "  - {id: b, type: EXECUTION_ASSERTION, assert: '{{ true }}', behavior: NONE}"
        )
    ).sla
    assert (time.duration, time.behavior, time.labels) == (timedelta(hours=1), "CANCEL", {"late": "1"})
    assert (assertion.assert_, assertion.behavior, assertion.labels) == ("{{ true }}", "NONE", None)


@pytest.mark.parametrize("spelling", ["when", "condition"])
def test_a_check_is_read_in_both_spellings(spelling):
    (check,) = flow(with_flow(f"checks: [{{{spelling}: '{{{{ true }}}}', message: wait}}]")).checks
    assert (check.when, check.message, check.style, check.behavior) == ("{{ true }}", "wait", "INFO", "BLOCK_EXECUTION")


def test_outputs_of_a_flow_are_read():
    first, second = flow(with_flow("outputs:\n  - {id: a, type: STRING, value: x}\n  - {id: b, type: FILE, value: y, required: false, displayName: B}")).outputs
    assert (first.id, first.type, first.value, first.required) == ("a", "STRING", "x", True)
    assert (second.required, second.display_name) == (False, "B")


@pytest.mark.parametrize(
    ("properties", "refused"),
    [
        ("concurrency: {limit: 0}", "HG-0204 0"),
        ("concurrency: {behavior: QUEUE}", "HG-0202 concurrency"),
        ("concurrency: {limit: 1, behavior: WAIT}", "HG-0204 WAIT"),
        ("concurrency: 3", "HG-0203 3"),
        ("sla: [{id: a, type: MAX_DURATION, behavior: FAIL}]", "HG-0202 {id: a"),
        ("sla: [{id: a, type: MAX_DURATION, duration: PT1H, assert: x, behavior: FAIL}]", "HG-0201 assert"),
        ("sla: [{id: a, type: EXECUTION_ASSERTION, duration: PT1H, behavior: FAIL}]", "HG-0202 {id: a"),
        ("sla: [{id: a, type: MAX_DURATION, duration: PT0S, behavior: FAIL}]", "HG-0205 PT0S"),
        ("sla: [{id: a, type: MAX_DURATION, duration: PT1H}]", "HG-0202 {id: a"),
        ("sla: [{id: a, type: MAX_DURATION, duration: PT1H, behavior: SHOUT}]", "HG-0204 SHOUT"),
        ("sla: [{id: a, type: MAX_TIME, duration: PT1H, behavior: FAIL}]", "HG-0204 MAX_TIME"),
        ("checks: [{message: wait}]", "HG-0202 {message: wait}"),
        ("checks: [{when: a, condition: b, message: wait}]", "HG-0104 condition"),
        ("checks: [{when: a, message: wait, style: LOUD}]", "HG-0204 LOUD"),
        ("checks: [{when: a, message: wait, behavior: STOP}]", "HG-0204 STOP"),
        ("outputs: [{id: a, type: FORM, value: x}]", "HG-0220 FORM"),
        ("outputs: [{id: a, type: STRNG, value: x}]", "HG-0220 STRNG"),
        ("outputs: [{id: a, value: x}]", "HG-0202 {id: a"),
        ("outputs: [{id: a, type: STRING}]", "HG-0202 {id: a"),
        ("outputs: [{id: ../a, type: STRING, value: x}]", "HG-0210 ../a"),
        ("outputs: [a]", "HG-0203 a"),
        ("pluginDefaults: [{values: {a: b}}]", "HG-0202 {values"),
        ("pluginDefaults: [{type: a.b}]", "HG-0202 {type"),
        ("pluginDefaults: [{type: a.b, values: [a]}]", "HG-0203 [a]"),
        ("labels: [{key: a}]", "HG-0217 [{key: a}]"),
        ("labels: {system.from: a}", "HG-0217 system.from"),
        ("variables: [a]", "HG-0203 [a]"),
        ("listeners: [{conditions: []}]", "HG-0202 {conditions"),
        ("listeners: [{tasks: [], condition: x}]", "HG-0204 []"),
        (f"listeners: [{{tasks: [{{id: b, type: {RETURN}}}], conditions: [{{type: x.Weekday}}]}}]", "HG-0220 x.Weekday"),
        (f"listeners: [{{tasks: [{{id: b, type: {LOG}}}]}}]", "HG-0202 {id: b"),
    ],
)
def test_a_wrong_property_of_a_flow_is_pointed_at(properties, refused):
    found = refusals(with_flow(properties))
    assert found
    assert found[0].startswith(refused)


@pytest.mark.parametrize(
    "properties",
    [
        "sla:\n  - {id: a, type: MAX_DURATION, duration: PT1H, behavior: FAIL}\n  - {id: a, type: MAX_DURATION, duration: PT2H, behavior: FAIL}",
        "outputs:\n  - {id: a, type: STRING, value: x}\n  - {id: a, type: STRING, value: y}",
    ],
)
def test_ids_of_slas_and_of_outputs_are_unique(properties):
    assert refusals(with_flow(properties)) == ["HG-0213 a"]


def test_listeners_conditions_are_read_under_their_old_names():
    condition = "{type: io.kestra.core.models.conditions.types.ExecutionStatusCondition, in: [FAILED]}"
    text = with_flow(f"listeners: [{{tasks: [{{id: b, type: {RETURN}}}], conditions: [{condition}]}}]")
    assert any("is an old name of `io.kestra.plugin.core.condition.ExecutionStatus`" in line for line in lines(text))
    assert flow(text).refusal() == "`dev.x` can't be started: `listeners`, at 5:1, is not run by this version"


def test_plugin_defaults_have_an_older_name():
    values = f"[{{type: {LOG}, values: {{level: WARN}}}}]"
    for name in ("pluginDefaults", "taskDefaults"):
        assert flow(with_flow(f"{name}: {values}")).program.nodes["a"].model.level == "WARN"
    assert refusals(with_flow(f"pluginDefaults: {values}\ntaskDefaults: {values}")) == ["HG-0104 taskDefaults"]
