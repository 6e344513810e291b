"""How tasks stand to each other: dependencies, ways that lead nowhere, calls of oneself, lengths of time, defaults that reach nothing."""

from __future__ import annotations

import pytest

from service import discovery
from service.flows.catalogue import Catalogue
from service.flows.problems import Severity
from tests.flows.world import LOG, PUSH, RETURN, SCHEDULE, SHELL, lines, read, refusals, tasks

ALL = Catalogue(discovery.index(), discovery.load)
FLOW = "io.kestra.plugin.core.flow."
FAIL = "io.kestra.plugin.core.execution.Fail"
EXIT = "io.kestra.plugin.core.execution.Exit"
FLOW_TRIGGER = "io.kestra.plugin.core.trigger.Flow"
DIGEST = "sha256:" + "0" * 64


def log(id: str, rest: str = "") -> str:
    """A task, on one line."""
    return f"{{id: {id}, type: {LOG}, message: x{rest}}}"


def said(text: str, **options: object) -> list[str]:
    """What is said, with its place, but for what is not run yet or not installed."""
    found = lines(text, catalogue=ALL, **{"allow_unknown_types": True, **options})
    return [line.removeprefix(".flows/x.yaml:") for line in found if not any(code in line for code in ("HG-0206", "HG-0220", "HG-0222", "HG-0208"))]


# Dag


def dag(*entries: tuple[str, str]) -> str:
    """A Dag: each of its tasks with what it depends on."""
    return f"- id: all\n  type: {FLOW}Dag\n  tasks:\n" + "\n".join(f"    - task: {log(name)}\n      dependsOn: [{needs}]" for name, needs in entries)


def test_tasks_of_a_dag_wait_for_tasks_of_the_same_dag():
    assert said(tasks(dag(("a", ""), ("b", "a"), ("c", "a, b")))) == []
    assert said(tasks(f"{dag(('first', ''), ('b', 'frist'))}\n- {log('outside')}")) == [
        "10:21: error HG-0250: `b` depends on `frist`, which is no task of the Dag `all` (did you mean `first`?)"
    ]
    assert said(tasks(f"{dag(('a', 'outside'))}\n- {log('outside')}")) == [
        "8:21: error HG-0250: `a` depends on `outside`, which is no task of the Dag `all` (only tasks of the same Dag can be waited for)"
    ]


def test_a_dependency_is_named_once():
    assert said(tasks(dag(("a", ""), ("b", "a, a")))) == ["10:24: notice HG-0250: `a` is named twice (once is enough)"]


def test_no_two_tasks_wait_for_each_other():
    assert said(tasks(dag(("a", "a")))) == ["8:21: error HG-0251: `a` depends on itself (take it out)"]
    assert said(tasks(dag(("a", "x, b"), ("b", "c"), ("c", "a"), ("x", "")))) == [
        "8:24: error HG-0251: tasks depend on each other in a circle: a → b → c → a (one of them must come first)"
    ]


def test_a_long_chain_of_dependencies_is_walked_in_bounded_time():
    chain = dag(("t0", ""), *((f"t{number}", f"t{number - 1}") for number in range(1, 900)))
    assert said(tasks(chain)) == []
    assert len(said(tasks(chain.replace("dependsOn: []", "dependsOn: [t899]")))) == 1


# ways that lead nowhere


@pytest.mark.parametrize("rest", ["", "  cases: {}\n", "  defaults: []\n"])
def test_a_switch_needs_a_way_to_go(rest):
    assert said(tasks(f"- id: s\n  type: {FLOW}Switch\n  value: a\n{rest}")) == [
        "5:11: error HG-0252: `s` has neither `cases` nor `defaults`: nothing can match (add `cases:` with a list of tasks for each value)"
    ]
    assert said(tasks(f"- id: s\n  type: {FLOW}Switch\n  value: a\n  cases: {{a: [{log('a')}]}}")) == []
    assert said(tasks(f"- id: s\n  type: {FLOW}Switch\n  value: a\n  defaults: [{log('a')}]")) == []


def branches(condition: str) -> str:
    """A condition with two ways."""
    return tasks(f"- id: i\n  type: {FLOW}If\n  condition: {condition}\n  then:\n    - {log('a')}\n  else:\n    - {log('b')}")


@pytest.mark.parametrize("condition", ["true", "'true'", "1", "'{{ true }}'", "'yes'"])
def test_what_always_holds_never_goes_the_other_way(condition):
    assert said(branches(condition)) == ["9:5: warning HG-0253: `else` is never reached: the condition of `i` always holds"]


@pytest.mark.parametrize("condition", ["false", "'false'", "0", "''", "'{{ false }}'"])
def test_what_never_holds_never_goes_its_way(condition):
    assert said(branches(condition)) == ["7:5: warning HG-0253: `then` is never reached: the condition of `i` never holds"]


def test_an_expression_without_braces_is_text():
    assert said(branches("outputs.a.value == 1")) == [
        '6:16: warning HG-0253: this is text and no expression, so the condition always holds (write `condition: "{{ outputs.a.value == 1 }}"`)'
    ]


@pytest.mark.parametrize("condition", ["'{{ flow.id }}'", "'{% if true %}a{% endif %}'", "\"{{ flow.id == 'true' }}\""])
def test_a_question_may_be_answered_either_way(condition):
    assert said(branches(condition)) == []


def test_a_condition_with_one_way_may_be_settled():
    assert said(tasks(f"- {{id: i, type: {FLOW}If, condition: true, then: [{log('a')}]}}")) == []


@pytest.mark.parametrize(
    ("kind", "what", "remedy"),
    [(FAIL, "fails", "condition"), (EXIT, "ends the execution", "runIf"), ("io.kestra.core.tasks.executions.Fail", "fails", "condition")],
)
def test_nothing_follows_the_end(kind, what, remedy):
    body = f"- {{id: end, type: {kind}}}\n- {log('idle', ', disabled: true')}\n- {log('a')}\n- {log('b')}"
    assert said(tasks(body)) == [f"6:10: warning HG-0253: `a` is never reached: `end`, above, always {what} (give `end` a `{remedy}`, or put it last)"]
    assert len(said(tasks(f"- id: g\n  type: {FLOW}Sequential\n  tasks:\n    - {{id: end, type: {kind}}}\n    - {log('a')}"))) == 1


@pytest.mark.parametrize(
    "body",
    [
        f"- {{id: end, type: {FAIL}, condition: '{{{{ flow.id }}}}'}}\n- {log('a')}",
        f"- {{id: end, type: {FAIL}, runIf: '{{{{ flow.id }}}}'}}\n- {log('a')}",
        f"- {{id: end, type: {FAIL}, allowFailure: true}}\n- {log('a')}",
        f"- {{id: end, type: {FAIL}, disabled: true}}\n- {log('a')}",
        f"- {{id: p, type: {FLOW}Parallel, tasks: [{{id: end, type: {FAIL}}}, {log('a')}]}}",
        f"- {{id: p, type: {FLOW}If, condition: '{{{{ flow.id }}}}', then: [{{id: end, type: {EXIT}}}]}}\n- {log('a')}",
        f"- {log('a')}\n- {{id: end, type: {EXIT}}}",
        f"- {{id: g, type: {FLOW}Sequential, tasks: [{{id: end, type: {FAIL}}}], errors: [{log('a')}], finally: [{log('b')}]}}",
    ],
)
def test_an_end_that_may_not_come_is_followed(body):
    assert said(tasks(body)) == []


# what can't stand where it stands


def test_a_working_directory_has_no_groups():
    folder = f"- id: folder\n  type: {FLOW}WorkingDirectory\n  tasks:\n    - "
    assert said(tasks(f"{folder}{{id: a, type: {SHELL}, commands: [x]}}\n    - {log('b')}")) == []
    for kind in (f"Sequential, tasks: [{log('b')}]", "Subflow, namespace: a, flowId: b"):
        assert said(tasks(f"{folder}{{id: a, type: {FLOW}{kind}}}")) == [
            "7:23: error HG-0254: `a` can't stand in the WorkingDirectory `folder`: it runs no program but other tasks"
            " (put it around the group, or its tasks here)"
        ]
    assert said(tasks(f"{folder}{{id: a, type: some.thing.Else}}")) == []


def call(namespace: str, flow: str, kind: str = "Subflow", rest: str = "") -> list[str]:
    """What is said of a call in the flow `dev.x`."""
    return said(tasks(f"- id: a\n  type: {FLOW}{kind}\n  namespace: {namespace}\n  flowId: {flow}\n{rest}"))


def test_a_flow_does_not_call_itself():
    words = "HG-0255: `a` calls the flow that it stands in (it would call itself without end)"
    assert call("dev", "x") == [f"7:13: error {words}"]
    assert call("'{{ flow.namespace }}'", "'{{ flow.id }}'") == [f"7:13: warning {words}"]
    assert call("dev", "x", "ForEachItem", "  items: x\n") == [f"7:13: warning {words}"]
    assert call("dev", "y") == call("other", "x") == call("dev", "'{{ inputs.x ?? 1 }}'") == call("dev", "x", rest="  disabled: true\n") == []


@pytest.mark.parametrize(
    ("trigger", "place"),
    [
        ("dependsOn: [{namespace: dev, flowId: x}]", "8:42"),
        ("preconditions: {id: p, flows: [{namespace: other, flowId: y}, {namespace: dev, flowId: x}]}", "8:92"),
        ("conditions: [{type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: dev, flowId: x}]", "8:96"),
    ],
)
def test_a_flow_does_not_wait_for_itself(trigger, place):
    text = tasks(f"- {log('a')}", f"triggers:\n  - id: t\n    type: {FLOW_TRIGGER}\n    {trigger}\n")
    words = "`t` waits for the flow that it stands in: executions never fire triggers of their own flow (name another flow)"
    assert said(text) == [f"{place}: warning HG-0404: {words}"]


def test_a_flow_waits_for_others():
    rest = f"triggers:\n  - id: t\n    type: {FLOW_TRIGGER}\n    dependsOn: [{{namespace: dev, flowId: y}}, {{namespace: other, flowId: x}}, {{flowId: x}}]\n"
    assert said(tasks(f"- {log('a')}", rest)) == []


# lengths of time


@pytest.mark.parametrize(
    ("body", "rest", "found"),
    [
        (log("a", ", timeout: PT0S"), "", "must be longer than nothing"),
        (log("a", ", timeout: -PT1M"), "", "must be longer than nothing"),
        (log("a"), f"triggers: [{{id: t, type: {SCHEDULE}, cron: '@daily', lateMaximumDelay: -PT1M}}]\n", "can't be negative"),
        (f"{{id: a, type: {FLOW}Pause, pauseDuration: -PT1M}}", "", "can't be negative"),
        (f"{{id: a, type: {FLOW}LoopUntil, condition: x, checkFrequency: {{interval: -PT1M}}, tasks: [{log('b')}]}}", "", "can't be negative"),
        (f"{{id: a, type: {FLOW}LoopUntil, condition: x, checkFrequency: {{maxDuration: PT0S}}, tasks: [{log('b')}]}}", "", "must be longer than nothing"),
        (f"{{id: a, type: {FLOW}WorkingDirectory, cache: {{patterns: [x], ttl: -P1D}}, tasks: [{log('b')}]}}", "", "can't be negative"),
    ],
)
def test_time_does_not_run_backwards(body, rest, found):
    (line,) = said(tasks(f"- {body}", rest))
    assert "error HG-0205" in line
    assert found in line


def test_a_pause_of_nothing_and_an_expression_are_let_be():
    timed = log("b", ", timeout: '{{ flow.id }}'")
    assert said(tasks(f"- {{id: a, type: {FLOW}Pause, pauseDuration: PT0S}}\n- {timed}")) == []


# plugin defaults


def defaulted(entry: str, **options: object) -> list[str]:
    """What is said of a plugin default."""
    return said(tasks(f"- {log('a')}", f"pluginDefaults:\n  - {entry}\n"), **{"allow_unknown_types": False, **options})


@pytest.mark.parametrize(
    "entry",
    [
        f"{{type: {LOG}, values: {{level: WARN, timeout: PT1M}}}}",
        "{type: io.kestra.core.tasks.log.Log, values: {level: WARN}}",
        "{type: io.kestra.plugin.scripts, values: {containerImage: alpine, pullPolicy: NEVER, allowFailure: true}}",
        "{type: io.kestra.plugin.scripts., values: {env: {A: b}}}",
        f"{{type: {PUSH}, values: {{branches: main, inputs: {{a: b}}}}}}",
        f"{{type: {FLOW}EachSequential, values: {{value: [1]}}}}",
        f"{{type: {FLOW}ForEach, values: {{errors: []}}}}",
    ],
)
def test_a_default_that_reaches_something_is_right(entry):
    assert defaulted(entry) == []


def test_a_default_for_no_type_is_a_warning():
    entry = "{type: io.kestra.plugin.core.logs.Log, values: {level: WARN}}"
    assert defaulted(entry) == [
        "6:12: warning HG-0224: no installed type is `io.kestra.plugin.core.logs.Log` or begins with it (did you mean `io.kestra.plugin.core.log.Log`?)"
    ]
    assert defaulted(entry, allow_unknown_types=True) == []


def test_a_missing_type_is_told_where_it_is_used():
    text = tasks("- {id: a, type: some.cloud.Copy}", "pluginDefaults:\n  - {type: some.cloud, values: {region: x}}\n")
    assert [line.split(": ")[1][-7:] for line in lines(text)] == ["HG-0220"]


def test_a_property_that_no_type_has_is_a_warning_at_its_name():
    assert defaulted("{type: io.kestra.plugin.scripts, values: {containerImages: alpine}}") == [
        "6:47: warning HG-0225: none of the types of `io.kestra.plugin.scripts` has a property `containerImages` (did you mean `containerImage`?)"
    ]
    assert "`io.kestra.plugin.core.debug.Return` has no property `formt`" in defaulted(f"{{type: {RETURN}, values: {{formt: x}}}}")[-1]


def test_old_names_of_defaults_are_looked_at_where_they_stand():
    text = tasks(f"- {log('a')}", "taskDefaults:\n  - {type: some.cloud, values: {region: x}}\n")
    assert [line for line in lines(text) if "HG-0224" in line] == [".flows/x.yaml:6:12: warning HG-0224: no installed type is `some.cloud` or begins with it"]


# images


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.ERROR])
def test_an_image_needs_a_digest_where_that_is_asked_for(severity):
    text = tasks(f"- id: a\n  type: {SHELL}\n  commands: [x]\n  containerImage: alpine:3.20")
    reading = read(text, require_digests=severity)
    assert [(found.code, found.severity, found.line, found.column) for found in reading.problems] == [("HG-0232", severity, 7, 21)]
    assert reading.valid is (severity is Severity.WARNING)
    assert read(text).problems == ()
    assert read(text.replace("3.20", f"3.20@{DIGEST}"), require_digests=severity).problems == ()
    assert read(text.replace("alpine:3.20", "'{{ flow.id }}'"), require_digests=severity).problems == ()


def test_images_of_task_runners_and_of_the_first_dialect_are_images():
    runner = tasks(f"- id: a\n  type: {SHELL}\n  commands: [x]\n  taskRunner: {{type: io.kestra.plugin.scripts.runner.docker.Docker, image: alpine}}")
    old = tasks(f"- id: a\n  type: {SHELL}\n  commands: [x]\n  docker: {{image: alpine}}")
    for text in (runner, old):
        assert [found.code for found in read(text, require_digests=Severity.WARNING).problems if found.severity is Severity.WARNING] == ["HG-0232"]


# outputs of loops, listeners


def test_outputs_of_iterations_have_types():
    text = tasks(f"- id: l\n  type: {FLOW}Loop\n  values: [1]\n  tasks: [{log('a')}]\n  outputs:\n    - {{id: o, type: STRIN, value: x}}")
    (found,) = [line for line in lines(text) if "HG-0220" in line]
    assert found == ".flows/x.yaml:9:23: error HG-0220: unknown output type `STRIN` (did you mean `STRING`?)"


def test_a_listener_is_read_like_everything_else():
    condition = "{type: io.kestra.plugin.core.condition.ExecutionStatus, in: [FAILED]}"
    assert said(tasks(f"- {log('a')}", f"listeners:\n  - conditions: [{condition}]\n    tasks: [{log('b')}]\n")) == []
    assert said(tasks(f"- {log('a')}", f"listeners:\n  - conditons: [{condition}]\n    tasks: [{log('b')}]\n")) == [
        "6:5: error HG-0201: unknown property `listeners[0].conditons` (did you mean `conditions`?)"
    ]
    assert said(tasks(f"- {log('a')}", f"listeners:\n  - conditions: [{condition.replace('FAILED', '{}')}]\n    tasks: [{log('b')}]\n"))[0].startswith(
        "6:79: error HG-0204"
    )
    assert said(tasks(f"- {log('a')}", "listeners:\n  - conditions: []\n")) == ["6:5: error HG-0202: `listeners[0].tasks` is missing (add `tasks: …`)"]


@pytest.mark.parametrize(
    ("task", "refused"),
    [
        ("type: io.kestra.plugin.core.flow.Subflow, namespace: dev, flowId: my flow", "HG-0210 my flow"),
        ("type: io.kestra.plugin.core.flow.Subflow, namespace: My.Team, flowId: y", "HG-0212 My.Team"),
        ("type: io.kestra.plugin.core.flow.ForEachItem, items: x, namespace: dev, flowId: a/b", "HG-0210 a/b"),
    ],
)
def test_what_can_only_fail_when_it_runs_is_refused(task, refused):
    assert refusals(tasks(f"- {{id: a, {task}}}")) == [refused]


@pytest.mark.parametrize(
    ("loop", "written"),
    [("ForEach, values: [a, null]", "null"), ("EachSequential, value: [a, ~]", "~"), ("Loop, values: [null]", "null")],
)
def test_a_loop_over_null_is_run_and_fails_as_a_warning_says(loop: str, written: str):
    reading = read(tasks(f"- {{id: a, type: {FLOW}{loop}, tasks: [{{id: b, type: {LOG}, message: x}}]}}"))
    (found,) = (each for each in reading.problems if each.code == "HG-0204")
    assert found.severity is Severity.WARNING
    assert reading.flow is not None
    assert reading.flow.source.splitlines()[found.line - 1][found.column - 1 :].startswith(written)
