"""What can be written next."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.flows.completion import complete, descriptions
from service.flows.editing.sketch import Entry, sketch
from tests.flows.editing import CURSOR, items, labels, written
from tests.flows.world import CATALOGUE, LOG, RETURN, flow, read

LANGUAGE = sorted((Path(__file__).parent / "language").glob("*.yaml"))
TASK = f"id: x\nnamespace: dev\ntasks:\n  - id: a\n    type: {LOG}\n    "


def test_a_flow_begins_with_what_it_must_have():
    assert labels(CURSOR)[:3] == ["id", "namespace", "tasks"]
    assert labels(f"id: x\nna{CURSOR}")[0] == "namespace"


def test_what_is_there_is_not_offered_again_nor_are_old_names():
    found = labels(f"id: x\nnamespace: dev\ntasks: []\n{CURSOR}")
    assert {"id", "namespace", "tasks", "taskDefaults", "revision"}.isdisjoint(found)
    assert {"inputs", "triggers", "errors", "pluginDefaults"} <= set(found)


def test_a_task_has_its_types_properties_first_and_then_those_of_all_tasks():
    found = items(TASK + CURSOR)
    assert [(item.label, item.detail) for item in found[:2]] == [
        ("message", "text or list of text, required"),
        ("level", "one of TRACE, DEBUG, INFO, WARN, ERROR or expression"),
    ]
    assert found[1].documentation == "How much it matters.\n\nDefault: `INFO`"
    assert {"timeout", "runIf", "retry"} <= {item.label for item in found}
    assert "format" not in labels(TASK + CURSOR)


def test_of_two_names_of_a_property_only_one_is_offered():
    assert {"runIf", "when"} <= set(labels(TASK + CURSOR))
    assert {"runIf", "when"}.isdisjoint(labels(f"{TASK}when: x\n    {CURSOR}"))


def test_a_key_is_written_with_what_goes_below_it():
    assert written(TASK + "mes" + CURSOR, "message").endswith("\n    message: ")
    assert written(TASK + CURSOR, "retry").endswith("\n    retry:\n      ")
    assert written(f"id: x\n{CURSOR}", "tasks") == "id: x\ntasks:\n  - "
    assert written(TASK + f"me{CURSOR}ss: hello", "message").endswith("    message: hello")


@pytest.mark.parametrize(
    "text",
    [
        f"tasks:\n  - {{id: a, type: {LOG}, l{CURSOR}}}",
        f"tasks:\n  - {{id: a, type: {LOG}, l{CURSOR}",
        f"tasks:\n- id: a\n  type: {LOG}\n  l{CURSOR}",
        f"tasks:\n  - l{CURSOR}\n    type: {LOG}",
        f"errors:\n  - id: a\n    l{CURSOR}\n    type: {LOG}\n    message: 'never closed\ntriggers: [",
        f"tasks:\n  - id: s\n    type: io.kestra.plugin.core.flow.Switch\n    cases:\n      a:\n        - type: {LOG}\n          l{CURSOR}",
        f"tasks:\n  - id: s\n    type: io.kestra.plugin.core.flow.Dag\n    tasks:\n      - task:\n          type: {LOG}\n          l{CURSOR}",
    ],
)
def test_the_type_is_known_wherever_it_is_written(text: str):
    assert "level" in labels(text)


def test_nested_maps_have_their_own_properties():
    assert labels(f"{TASK}retry:\n      {CURSOR}")[:2] == ["type", "interval"]
    assert labels(f"{TASK}retry:\n      type: {CURSOR}") == ["constant", "exponential", "random"]
    docker = "io.kestra.plugin.scripts.runner.docker.Docker"
    runner = f"tasks:\n  - id: a\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner:\n      type: {docker}\n      "
    assert {"image", "pullPolicy", "memory"} <= set(labels(runner + CURSOR))
    assert labels(f"{runner}pullPolicy: {CURSOR}") == ["IF_NOT_PRESENT", "ALWAYS", "NEVER"]
    assert {"memory", "memorySwap"} <= set(labels(f"{runner}memory:\n        {CURSOR}"))


def test_types_are_found_by_their_last_part_and_old_ones_are_not_offered():
    found = labels(f"tasks:\n  - id: a\n    type: Lo{CURSOR}")
    assert found[:3] == ["io.kestra.plugin.core.flow.Loop", "io.kestra.plugin.core.flow.LoopUntil", LOG]
    assert not any(name.startswith("io.kestra.core.") for name in labels(f"tasks:\n  - type: {CURSOR}"))
    assert labels(f"triggers:\n  - type: pu{CURSOR}") == ["headgate.git.Push"]
    assert "STRING" in labels(f"inputs:\n  - type: {CURSOR}")
    conditions = f"triggers:\n  - type: io.kestra.plugin.core.trigger.Schedule\n    conditions:\n      - type: week{CURSOR}"
    assert set(labels(conditions)) >= {"io.kestra.plugin.core.condition.Weekend"}


def test_values_are_choices_booleans_examples_and_zones():
    assert labels(f"{TASK}level: {CURSOR}") == ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
    assert labels(f"{TASK}level: IN{CURSOR}") == ["INFO"]
    assert labels(f"{TASK}disabled: {CURSOR}") == ["true", "false"]
    trigger = "triggers:\n  - id: t\n    type: io.kestra.plugin.core.trigger.Schedule\n    "
    assert labels(f"{trigger}cron: {CURSOR}")[:2] == ["0 6 * * *", "@yearly"]
    assert written(f"{trigger}cron: {CURSOR}", "@daily").endswith('cron: "@daily"')
    assert labels(f"{trigger}timezone: paris{CURSOR}") == ["Europe/Paris"]
    assert labels(f"{trigger}stopAfter: [FAIL{CURSOR}") == ["FAILED"]


@pytest.mark.parametrize("text", ["states: [SUC¦]", "states:\n      - SUC¦", "states: [FAILED, SUC¦"])
def test_entries_of_lists_are_choices_too(text: str):
    assert labels(f"triggers:\n  - id: t\n    type: io.kestra.plugin.core.trigger.Flow\n    {text}") == ["SUCCESS"]


def test_a_new_task_is_offered_whole():
    text = f"id: x\nnamespace: dev\ntasks:\n  {CURSOR}"
    assert [item.kind for item in items(text)][:1] == ["snippet"]
    for at in (text, f"id: x\nnamespace: dev\ntasks:\n  - {CURSOR}"):
        filled = written(at, "Sleep").replace("${1:sleep}", "sleep").replace("${2:PT10S}", "PT10S")
        assert flow(filled).program.nodes["sleep"].type == "io.kestra.plugin.core.flow.Sleep"


def test_dependencies_are_chosen_from_what_stands_beside():
    dag = f"""\
tasks:
  - id: d
    type: io.kestra.plugin.core.flow.Dag
    tasks:
      - task: {{id: first, type: {RETURN}}}
      - task: {{id: second, type: {RETURN}}}
      - task: {{id: third, type: {RETURN}}}
        dependsOn:
          - first
          - {CURSOR}
"""
    assert labels(dag) == ["second"]
    inputs = "inputs:\n  - {id: a, type: STRING}\n  - {id: b, type: STRING, dependsOn: {inputs: [¦]}}"
    assert labels(inputs) == ["a"]


EXPRESSIONS = """\
inputs:
  - {id: my-id, type: STRING, description: The id}
  - id: form
    type: FORM
    inputs: [{id: name, type: INT}]
variables: {a: {b: 1}, c-d: 2}
labels: {team: x}
tasks:
  - {id: first, type: io.kestra.plugin.core.debug.Return}
  - id: group
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - {id: shell-task, type: io.kestra.plugin.scripts.shell.Commands}
      - id: here
        type: io.kestra.plugin.core.log.Log
        message: |
          hello
          ?
  - {id: later, type: io.kestra.plugin.core.debug.Return}
triggers:
  - {id: t, type: io.kestra.plugin.core.trigger.Schedule}
"""


def expression(text: str) -> str:
    return EXPRESSIONS.replace("?", text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ inp¦", ["inputs"]),
        ("{{ inputs.¦ }}", ["my-id", "form"]),
        ("{{ inputs['¦'] }}", ["my-id", "form"]),
        ("{{ inputs.form.¦", ["name"]),
        ("{{ outputs.¦", ["first", "shell-task"]),
        ("{{ outputs.first.¦", ["value"]),
        ("{{ outputs['shell-task'].exit¦", ["exitCode"]),
        ("{{ vars.¦", ["a", "c-d"]),
        ("{{ vars.a.¦", ["b"]),
        ("{{ labels.¦", ["team", "system"]),
        ("{{ trigger.¦", ["date", "next", "previous"]),
        ("{{ flow.name¦", ["namespace"]),
        ("{{ inputs.x | upp¦", ["upper"]),
        ("{{ x is not od¦", ["odd"]),
        ("{% if inp¦", ["inputs"]),
        ("{{ 'in¦' }}", []),
        ("{{ inputs.x }} ¦", []),
        ("${#x} ¦", []),
        ("{{ nothing.¦", []),
    ],
)
def test_expressions_are_completed_by_what_is_there(text: str, found: list[str]):
    assert labels(expression(text)) == found


def test_a_name_with_a_hyphen_goes_into_brackets():
    assert "{{ inputs['my-id'] }}" in written(expression("{{ inputs.¦ }}"), "my-id")
    assert "{{ outputs['shell-task'] }}" in written(expression("{{ outputs.she¦ }}"), "shell-task")
    assert "{{ outputs['shell-task'] }}" in written(expression("{{ outputs['she¦'] }}"), "shell-task")


def test_functions_and_filters_say_how_they_are_called():
    now = next(item for item in items(expression("{{ no¦")) if item.label == "now")
    assert (now.insert, now.kind, now.detail[:11], now.snippet) == ("now($1)", "function", "now([format", True)
    assert now.documentation.startswith("The current time")
    assert written(expression("{{ inputs.x | upp¦ }}"), "upper").count("| upper }}") == 1


def test_comments_and_texts_of_several_lines_are_left_alone():
    assert labels(f"id: x\n# na{CURSOR}") == []
    assert labels(f"id: x # na{CURSOR}") == []
    assert labels(f"description: |\n  na{CURSOR}") == []
    assert labels(f"description: |\n  some text\n{CURSOR}")[:1] == ["id"]


def test_a_text_that_is_no_flow_by_its_size_has_no_completion():
    assert complete("a" * 200_001, 1, 1, CATALOGUE) == []


def known(entry: Entry, whole) -> bool:
    """Whether the language has this key there, and offers it."""
    language = descriptions(CATALOGUE)
    found = language.property(language.at(whole.root, entry.path[:-1]), str(entry.key)) if isinstance(entry.key, str) else None
    return found is not None and not found.old


@pytest.mark.parametrize("path", LANGUAGE, ids=lambda path: path.stem)
def test_every_key_of_a_flow_is_offered_where_it_stands(path: Path):
    text = path.read_text()
    lines = text.split("\n")
    whole = sketch(lines)
    count = 0
    for entry in whole.entries:
        if not known(entry, whole):
            continue
        (line, column), end = entry.place, entry.end[1]
        half = [*lines[:line], lines[line][: column + 1] + lines[line][end:], *lines[line + 1 :]]
        assert str(entry.key) in [item.label for item in complete("\n".join(half), line + 1, column + 2, CATALOGUE)], (entry.path, half[line])
        count += 1
    assert count > 30


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_flow_cut_anywhere_is_answered(data: st.DataObject):
    text = data.draw(st.sampled_from(LANGUAGE)).read_text()
    cut = data.draw(st.integers(0, len(text)))
    rest = data.draw(st.sampled_from(["", "\n", text[cut + 7 :], "{{ ", ": [", "'"]))
    half = text[:cut] + rest
    for item in complete(half, text[:cut].count("\n") + 1, cut - text.rfind("\n", 0, cut), CATALOGUE):
        assert item.span.line >= 1
        assert 1 <= item.span.column <= item.span.end


@given(st.text(alphabet="abt:-{}[],.'\"|># \n\t&*!%é\u2028\ue000", max_size=120), st.integers(-2, 12), st.integers(-2, 40))
def test_any_text_at_any_place_is_answered(text: str, line: int, column: int):
    for item in complete(text, line, column, CATALOGUE):
        assert item.label


def test_what_is_chosen_first_makes_a_flow():
    text = "¦"
    for label in ("id", "namespace"):
        text = written(text, label) + f"x\n{CURSOR}"
    text = written(text, "tasks").rstrip("- \n") + f"\n  {CURSOR}"
    whole = written(text, "Return").replace("${1:return}", "a")
    assert read(whole).flow is not None
