"""Files made to hurt: nothing raises, nothing takes long, nobody sees a Python class name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from time import thread_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.flows.reading import Reading
from tests.flows.test_reading import WHOLE
from tests.flows.world import LOG, SHELL, read, tasks

_PYTHON = re.compile(r"\b(?:str|dict|int|NoneType|ValueError|TypeError|pydantic|traceback|service\.\w+|runners\.\w+)\b|object at|<class", re.IGNORECASE)


def checked(data: bytes, **options: Any) -> Reading:
    """Reads, and looks at the answer."""
    began = thread_time()
    reading = read(data, **options)
    assert thread_time() - began < 2  # of this thread alone; a machine may be slow, but not twice as slow as the slowest row needs
    for problem in reading.problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert len(problem.message) < 700
        assert problem.message.isprintable()
        assert not _PYTHON.search(re.sub(r"`[^`]*`", "", problem.message)), problem.message
    assert len(reading.problems) <= 50
    assert reading.flow is not None or reading.problems
    return reading


@given(st.binary(max_size=300))
@settings(max_examples=150)
def test_any_bytes_are_answered(data):
    checked(data)


@given(st.text(alphabet="ab:-[]{}'\"#&*!|>%@`?, \n\t0.~<\\", max_size=120))
@settings(max_examples=300)
def test_any_yaml_like_text_is_answered(text):
    checked(text.encode())


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["{{ a }}", "PT1S", LOG, "{{ inputs.x }}", "{%"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "message", "tasks", "values", "x"]) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(
        ["id", "namespace", "labels", "inputs", "variables", "tasks", "errors", "finally", "triggers", "pluginDefaults", "taskDefaults", "disabled"]
    ),
    VALUES,
)
@settings(max_examples=300)
def test_any_value_anywhere_at_the_top_is_answered(key, value):
    checked(json.dumps({**{"id": "x", "namespace": "dev", "tasks": [{"id": "a", "type": LOG, "message": "x"}]}, key: value}).encode())


GROUP = {"id": "g", "namespace": "dev", "flowId": "x", "condition": "{{ outputs.g }}", "value": "{{ outputs.b.code == 500 }}", "values": [1], "items": "x"}


@given(
    st.sampled_from(["If", "Switch", "Dag", "Loop", "LoopUntil", "Subflow", "ForEachItem", "Parallel", "WorkingDirectory", "Pause", "Unheard"]),
    st.sampled_from(
        ["id", "condition", "value", "values", "tasks", "cases", "defaults", "dependsOn", "outputs", "inputs", "onResume", "runIf", "flowId", "then"]
    ),
    VALUES | st.lists(st.fixed_dictionaries({"task": VALUES, "dependsOn": VALUES}), max_size=3),
)
@settings(max_examples=300)
def test_any_value_anywhere_in_a_group_is_answered(kind, key, value):
    group = {**GROUP, "type": f"io.kestra.plugin.core.flow.{kind}", "then": [], "tasks": [], key: value}
    after = {"id": "b", "type": "io.kestra.plugin.core.http.Request", "options": value, "message": "{{ outputs.g.x }}"}
    checked(json.dumps({"id": "x", "namespace": "dev", "tasks": [group, after], "inputs": value, "outputs": [{"value": "{{ outputs.b.x }}"}]}).encode())


@given(
    st.sampled_from(["Flow", "Schedule", "Webhook", "Unheard"]),
    st.sampled_from(["id", "when", "conditions", "preconditions", "dependsOn", "inputs", "labels", "disabled"]),
    VALUES | st.lists(st.fixed_dictionaries({"type": st.just("io.kestra.plugin.core.condition.Or"), "conditions": VALUES, "flows": VALUES}), max_size=3),
)
@settings(max_examples=200)
def test_any_value_anywhere_in_a_trigger_is_answered(kind, key, value):
    trigger = {"id": "t", "type": f"io.kestra.plugin.core.trigger.{kind}", "when": "{{ trigger.x ~ outputs.a }}", key: value}
    task = {"id": "a", "type": LOG, "message": "{{ trigger.body }}"}
    checked(json.dumps({"id": "x", "namespace": "dev", "tasks": [task], "triggers": [trigger], "listeners": [{key: value}], "variables": value}).encode())


def dag(count: int, needs: Callable[[int], list[str]]) -> str:
    """A Dag whose tasks read outputs of each other."""
    entries = (f"{{task: {{id: t{n}, type: {LOG}, message: '{'{{ outputs.t0.x }}' * 20}'}}, dependsOn: [{', '.join(needs(n))}]}}" for n in range(count))
    return tasks(f"- id: d\n  type: io.kestra.plugin.core.flow.Dag\n  tasks: [{', '.join(entries)}]")


@given(st.data())
@settings(max_examples=200)
def test_a_damaged_flow_is_answered(data):
    lines = WHOLE.splitlines(keepends=True)
    number = data.draw(st.integers(0, len(lines) - 1))
    line = lines[number]
    at = data.draw(st.integers(0, len(line)))
    lines[number] = (
        line[:at]
        + data.draw(st.sampled_from(["", "\t", ": ", "{{", "}}", "[", "'", '"', " #x", "&a ", "*a", "!t ", "é", "\x07", "- ", "\n"]))
        + line[at + data.draw(st.integers(0, 3)) :]
    )
    checked("".join(lines).encode())


@pytest.mark.parametrize(
    "text",
    [
        "x: y\n" * 200_000,
        "".join(f"k{number}: {{a: b, a: c}}\n" for number in range(40_000)),
        "# " + "x #y\n" * 150_000,
        "a: b #c\n" * 100_000,
        "\n" * 1_000_000,
        "a:\n" + " - x #y\n" * 40_000,
        "tasks: [" + "x, " * 45_000 + "]",
        "inputs: [" + "{type: INT}, " * 15_000 + "]\n",
        "id: " + "x" * 1_000_000,
        tasks(f"- id: a\n  type: {LOG}\n  message: [" + "{}, " * 40_000 + "]"),
        tasks(f'- id: a\n  type: {LOG}\n  message: "' + "{{ inputs.x }} \\u00e9 " * 30_000 + '"'),
        tasks(f"- id: a\n  type: {LOG}\n  message: |\n" + "      {{ inputs.x }}\n" * 30_000),
        tasks(f"- id: a\n  type: {LOG}\n  message: >\n" + "      {{ inputs.x }}\n" * 800),
        tasks(f'- id: a\n  type: {LOG}\n  message: "' + "\\\n" * 15_000 + '{{ }}"'),
        tasks("\n".join(f"- {{id: t{number}, type: x.y.Unknown{number}}}" for number in range(1_000))),
        tasks("\n".join(f"- {{id: t{number}, type: {LOG}, message: x, mesage: y}}" for number in range(1_000))),
        tasks("\n".join(f"- {{id: t{number}, type: {LOG}, message: '{{{{ inputs.x{number} }}}}'}}" for number in range(1_000))),
        tasks(
            f"- {{id: a, type: {LOG}, message: x}}", "triggers:\n" + "".join(f"  - {{id: t{n}, type: headgate.git.Push, timezone: x}}\n" for n in range(8_000))
        ),
        tasks(
            f"- {{id: a, type: {LOG}, message: x}}",
            "triggers:\n"
            + "".join(f"  - {{id: t{n}, type: io.kestra.plugin.core.trigger.Schedule, cron: '* * * * *', timezone: Mars/Base{n}}}\n" for n in range(2_000)),
        ),
        dag(900, lambda number: [f"t{number - 1}"] if number else ["t899"]),
        dag(280, lambda number: [f"t{other}" for other in range(number)]),
        dag(200, lambda number: [f"other{other}" for other in range(200)]),
        dag(2, lambda number: ["t0"] * 40_000),
        tasks(
            f"- {{id: a, type: {SHELL}, commands: ['" + "{{ trigger.body | length }}" * 4_000 + "']}",
            "triggers:\n" + "".join(f"  - {{id: t{n}, type: some.Poll}}\n" for n in range(3_000)),
        ),
        tasks(f"- {{id: a, type: {LOG}, message: x}}", "pluginDefaults:\n" + "".join(f"  - {{type: a.b.Logs{n}, values: {{a: 1}}}}\n" for n in range(5_000))),
        tasks(
            f"- {{id: a, type: {LOG}, message: x}}", "pluginDefaults:\n  - type: headgate\n    values:\n" + "".join(f"      p{n}: 1\n" for n in range(20_000))
        ),
        tasks(f"- {{id: a, type: {LOG}, message: x}}", "description: a" + " " * 1_000_000 + "b\n"),
        tasks(f"- {{id: a, type: {LOG}, message: x}}", "description: |\n" + ("  a" + " " * 2_000 + "\n") * 500),
        tasks(f"- {{id: a, type: {LOG}, message: x}}", "description: |\n  " + "\t" * 1_000_000 + "a\n"),
        "a: &a '" + "{{ outputs.a.x }}" * 50_000 + "'\n" + tasks("\n".join(f"- {{id: t{number}, type: {LOG}, message: *a}}" for number in range(99))),
        tasks(
            "\n".join(f"- {{id: t{number}, type: {LOG}}}" for number in range(999)),
            f"pluginDefaults:\n  - {{type: {LOG}, values: {{message: '" + "{{ outputs.t.x }}" * 40_000 + "'}}\n",
        ),
        tasks(
            "\n".join(f"- {{id: t{number}, type: {SHELL}, commands: [a]}}" for number in range(999)),
            f"pluginDefaults:\n  - type: {SHELL}\n    values: {{env: {{" + ", ".join(f"A{number}: b" for number in range(9_000)) + "}}\n",
        ),
        tasks(
            f"- {{id: a, type: {LOG}, message: x}}",
            "inputs:\n"
            + "".join(f"  - {{id: i{n}, type: STRING}}\n" for n in range(6_000))
            + "triggers:\n"
            + "".join(f"  - {{id: t{n}, type: io.kestra.plugin.core.trigger.Schedule, cron: '* * * * *'}}\n" for n in range(1_000)),
        ),
    ],
    ids=lambda text: re.sub(r"\W+", "_", text[:60]),
)
def test_large_files_are_answered_in_time(text):
    checked(text.encode()[:1_048_576])


@pytest.mark.parametrize("depth", [1, 25])
def test_tasks_in_types_that_are_not_installed_are_read_once_however_deep_they_are(depth):
    inner = "{id: leaf, type: a.b.C, lines: [" + ", ".join(["'" + "{{ nope( }}" * 40 + "'"] * 20) + "]}"
    for number in range(depth):
        inner = f"{{id: s{number}, type: a.b.D, tasks: [{inner}]}}"
    problems = checked(f"id: x\nnamespace: dev\ntasks: [{inner}]\n".encode(), allow_unknown_types=True).problems
    assert [problem.code for problem in problems].count("HG-0301") == 20
