"""Outputs are read where they are there: what runs before what."""

from __future__ import annotations

import pytest

from tests.flows.world import LOG, RETURN, SHELL, lines, read, tasks

FLOW = "io.kestra.plugin.core.flow."


def ret(id: str, text: str = "x", rest: str = "") -> str:
    """A task that leaves an output, on one line."""
    return f'{{id: {id}, type: {RETURN}, format: "{text}"{rest}}}'


def reads(name: str, id: str = "reader", rest: str = "") -> str:
    """A task that reads the output of another."""
    return ret(id, f"{{{{ outputs.{name}.value }}}}", rest)


def group(kind: str, id: str, *children: str, rest: str = "") -> str:
    """A group, on one line."""
    return f"{{id: {id}, type: {FLOW}{kind}, {rest}tasks: [{', '.join(children)}]}}"


def choice(then: str, otherwise: str = "", id: str = "choose") -> str:
    """An If, on one line."""
    more = f", else: [{otherwise}]" if otherwise else ""
    return f'{{id: {id}, type: {FLOW}If, condition: "{{{{ flow.id }}}}", then: [{then}]{more}}}'


def dag(*entries: str) -> str:
    """A Dag, on one line."""
    return f"{{id: dag, type: {FLOW}Dag, tasks: [{', '.join(entries)}]}}"


def said(*entries: str, rest: str = "") -> list[str]:
    """What is said of the order of a flow with these tasks: code, severity and words."""
    text = tasks("\n".join(f"- {entry}" for entry in entries), rest)
    return [line.split(": ", 1)[1].split(" (")[0] for line in lines(text) if " HG-030" in line or " HG-0301" in line]


LATER = "error HG-0306: `source` runs later, so it has no outputs yet"


@pytest.mark.parametrize(
    "entries",
    [
        [ret("source"), reads("source")],
        [group("Sequential", "g", ret("source")), reads("source")],
        [ret("source"), group("Sequential", "g", group("Parallel", "h", reads("source")))],
        [group("Parallel", "g", group("Sequential", "h", ret("source"), reads("source")))],
        [group("ForEach", "g", ret("source"), reads("source"), rest="values: [1], ")],
        [group("WorkingDirectory", "g", ret("source"), reads("source"))],
        [group("LoopUntil", "g", ret("source"), rest='condition: "{{ outputs.source.value }}", ')],
        [group("LoopUntil", "g", reads("g"), rest="condition: x, ")],
        [choice(f"{ret('source')}, {reads('source')}")],
        [choice(reads("choose"))],
        [f'{{id: loop, type: {FLOW}Loop, values: [1], tasks: [{ret("source")}], outputs: [{{id: a, value: "{{{{ outputs.source.value }}}}"}}]}}'],
        [f"{{id: pause, type: {FLOW}Pause, onPause: {ret('source')}, tasks: [{reads('source')}]}}"],
        [f"{{id: each, type: {FLOW}ForEachItem, items: x, namespace: a, flowId: b}}", reads("each_merge")],
    ],
)
def test_what_has_run_before_is_there(entries):
    assert said(*entries) == []


@pytest.mark.parametrize(
    "entries",
    [
        [reads("source"), ret("source")],
        [group("Sequential", "g", reads("source")), ret("source")],
        [reads("source"), group("Sequential", "g", ret("source"))],
        [group("Parallel", "g", group("Sequential", "h", reads("source"), ret("source")))],
        [group("WorkingDirectory", "g", reads("source"), ret("source"))],
    ],
)
def test_what_runs_later_is_not_there(entries):
    assert said(*entries) == [LATER]


def test_a_list_that_is_decided_on_runs_after_the_decision():
    entry = f'{{id: choose, type: {FLOW}If, condition: "{{{{ outputs.source.value }}}}", then: [{ret("source")}]}}'
    assert said(entry) == ["error HG-0306: `source` runs inside of `choose`, after this has been decided"]


def test_a_task_does_not_read_what_it_leaves_itself():
    assert said(reads("reader")) == ["error HG-0306: `reader` is this task itself: it has outputs only when it has ended"]


def test_handlers_read_what_has_run_and_nothing_reads_what_they_leave():
    rest = f"errors:\n  - {reads('source')}\nfinally:\n  - {reads('source', 'b')}\nafterExecution:\n  - {reads('reader', 'c')}\n"
    assert said(ret("source"), rest=rest) == []
    assert said(reads("source"), rest=f"errors:\n  - {ret('source')}\n") == [LATER]
    assert said(ret("a"), rest=f"errors:\n  - {reads('source')}\n  - {ret('source')}\n") == [LATER.replace("error", "warning")]


def test_outputs_and_variables_of_the_flow_may_name_any_task():
    rest = 'variables: {a: "{{ outputs.source.value }}"}\noutputs: [{id: a, type: STRING, value: "{{ outputs.source.value }}"}]\n'
    assert said(choice(ret("source")), rest=rest) == []


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([reads("source", rest=", allowFailure: true"), ret("source")], "runs later, so it has no outputs yet"),
        ([reads("source", rest=', runIf: "{{ flow.id }}"'), ret("source")], "runs later, so it has no outputs yet"),
        ([choice(reads("source")), ret("source")], "runs later, so it has no outputs yet"),
        ([group("AllowFailure", "g", reads("source")), ret("source")], "runs later, so it has no outputs yet"),
        ([ret("reader", "{{ flow.id ? outputs.source.value : 1 }}"), ret("source")], "runs later, so it has no outputs yet"),
        ([group("LoopUntil", "g", reads("source"), ret("source"), rest="condition: x, ")], "runs later: in the first pass it has no outputs yet"),
        ([group("ForEach", "g", reads("source"), ret("source"), rest="values: [1], ")], "runs later: in the first pass it has no outputs yet"),
    ],
)
def test_where_something_may_make_it_right_it_is_a_warning(entries, words):
    assert said(*entries) == [f"warning HG-0306: `source` {words}"]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([group("Parallel", "g", ret("source"), reads("source"))], "runs side by side with this: it may not have ended"),
        ([group("EachParallel", "g", ret("source"), reads("source"), rest="value: [1], ")], "runs side by side with this: it may not have ended"),
        ([choice(ret("source"), reads("source"))], "stands in another branch of `choose`: when this runs, it has not run"),
        ([choice(ret("source")), reads("source")], "stands in `then` of `choose`, so it may not have run"),
        (
            [f"{{id: s, type: {FLOW}Switch, value: x, cases: {{a: [{ret('source')}], b: [{ret('other')}]}}}}", reads("source")],
            "stands in `cases.a` of `s`, so it may not have run",
        ),
        (
            [f"{{id: g, type: {FLOW}Sequential, tasks: [{ret('a')}], errors: [{ret('source')}]}}", reads("source")],
            "stands in `errors` of `g`, so it may not have run",
        ),
        (
            [group("Loop", "loop", ret("source"), rest="values: [1], "), reads("source")],
            "runs in the iterations of `loop`: outside, their outputs are `outputs.loop.outputs`",
        ),
        ([ret("source", rest=", disabled: true"), reads("source")], "is disabled, so it has no outputs"),
        ([group("Sequential", "g", ret("source"), rest="disabled: true, "), reads("source")], "has no outputs: `g`, around it, is disabled"),
    ],
)
def test_what_may_not_have_run_is_a_warning(entries, words):
    assert said(*entries) == [f"warning HG-0307: `source` {words}"]


@pytest.mark.parametrize(
    "expression",
    [
        "outputs.source.value ?? 'none'",
        "outputs.source is defined ? outputs.source.value : 'none'",
        "outputs.source.value | default('none')",
        "outputs.choose.evaluationResult ? outputs.source.value : 'none'",
        "outputs[flow.id].value",
    ],
)
def test_what_provides_for_its_absence_is_let_be(expression):
    assert said(choice(ret("source")), ret("reader", f"{{{{ {expression} }}}}")) == []
    assert said(choice(ret("source")), ret("reader", "{% if outputs.source is defined %}{{ outputs.source.value }}{% endif %}")) == []


def test_a_place_that_is_chosen_itself_may_be_chosen_with_the_other():
    assert said(choice(ret("source")), choice(reads("source"), id="again")) == []
    assert said(choice(ret("source")), reads("source", rest=', runIf: "{{ inputs.x ?? 1 }}"')) == []


def test_a_condition_of_a_task_is_rendered_before_it_can_be_skipped():
    assert said(choice(ret("source")), ret("reader", rest=', runIf: "{{ outputs.source.value }}"')) == [
        "warning HG-0307: `source` stands in `then` of `choose`, so it may not have run"
    ]


def test_a_disabled_task_reads_nothing():
    assert said(reads("source", rest=", disabled: true"), ret("source")) == []


def test_tasks_of_a_dag_read_what_they_wait_for():
    one, two = f"{{task: {ret('source')}}}", f"{{task: {ret('between')}, dependsOn: [source]}}"
    assert said(dag(one, two, f"{{task: {reads('source')}, dependsOn: [between]}}")) == []
    assert said(dag(one, f"{{task: {reads('source')}}}")) == ["warning HG-0307: `source` may not have ended: `reader` does not depend on it"]
    assert said(dag(f"{{task: {reads('source')}}}", f"{{task: {ret('source')}, dependsOn: [reader]}}")) == [LATER]


def test_in_a_circle_of_dependencies_nothing_comes_first():
    entries = [f"{{task: {reads('c', 'a')}, dependsOn: [b]}}", f"{{task: {ret('b')}, dependsOn: [a]}}", f"{{task: {ret('c')}}}"]
    assert said(dag(*entries)) == []


def test_parallel_tasks_of_which_one_runs_at_a_time_are_a_list():
    assert said(group("Parallel", "g", ret("source"), reads("source"), rest="concurrent: 1, ")) == []
    assert said(group("Parallel", "g", reads("source"), ret("source"), rest="concurrent: 1, ")) == [LATER]


def test_nothing_is_known_of_the_order_in_types_that_are_not_installed():
    text = tasks(f"- id: g\n  type: some.Group\n  condition: '{{{{ outputs.source.value }}}}'\n  tasks:\n    - {reads('source')}\n    - {ret('source')}")
    assert [line for line in lines(text, allow_unknown_types=True) if "HG-030" in line] == []


def test_the_place_is_the_name_itself_however_it_is_written():
    text = tasks(f"- id: a\n  type: {SHELL}\n  commands:\n    - |\n      echo\n      echo {{{{ outputs['b'].value }}}}\n- {{id: b, type: {LOG}, message: x}}")
    found = read(text).problems[0]
    assert (found.code, found.line, found.column, found.end_column) == ("HG-0306", 9, 17, 17 + len("outputs['b']"))
