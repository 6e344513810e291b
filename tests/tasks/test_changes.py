"""Tasks that change their execution: labels and variables."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from service.asks import TaskFailed
from service.engine.program import RenderFailed
from service.tasks import Done, InlineTask, NewLabels, NewVariables
from service.tasks.labels import Labels
from service.tasks.set_variables import SetVariables
from service.tasks.unset_variables import UnsetVariables
from tests.tasks.asking import Asking

LABELS = {"team": "data", "system.from": "api"}
VARIABLES = {"mode": "careful", "limits": {"rows": 10, "deep": {"er": 1}}, "list": [1]}


def changed(task: InlineTask, **values: Any) -> Any:
    done = task.run(Asking(labels=LABELS, variables=VARIABLES, **values))
    assert isinstance(done, Done)
    assert isinstance(done.effect, NewLabels | NewVariables)
    return done.effect.labels if isinstance(done.effect, NewLabels) else done.effect.variables


def refused(task: InlineTask, **values: Any) -> str:
    with pytest.raises(TaskFailed) as caught:
        task.run(Asking(labels=LABELS, variables=VARIABLES, **values))
    return str(caught.value)


# labels


@pytest.mark.parametrize(
    "written",
    [
        {"team": "ops", "{{ key }}": "{{ n }}"},
        [{"key": "team", "value": "ops"}, {"key": "n", "value": 7}],
        '{"team": "ops", "n": "{{ n }}"}',
        '[{"key": "team", "value": "ops"}, {"key": "{{ key }}", "value": {{ n }}}]',
        "{{ map }}",
        "{{ list }}",
        "{{ map | toJson }}",
    ],
)
def test_labels_of_every_form_are_merged(written: Any):
    given = {"n": 7, "key": "n", "map": {"team": "ops", "n": 7}, "list": [{"key": "team", "value": "ops"}, {"key": "n", "value": "7"}]}
    assert changed(Labels(labels=written), **given) == {**LABELS, "team": "ops", "n": "7"}


def test_values_of_labels_become_text():
    assert changed(Labels(labels="{{ map }}"), map={"a": True, "b": 1.5, "c": "{{ nobody }}"}) == {**LABELS, "a": "true", "b": "1.5", "c": "{{ nobody }}"}


@pytest.mark.parametrize(
    ("rendered", "said"),
    [
        ({}, "`labels` holds no label"),
        ([], "`labels` holds no label"),
        ({"system.x": "1"}, "the label `system.x` can't be given: keys that begin with `system.` are the service's own"),
        ({"system.readOnly": "true"}, "the label `system.readOnly` can't be given: keys that begin with `system.` are the service's own"),
        ({"a": ""}, "the label `a` has no value"),
        ({"a": " "}, "the label `a` has no value"),
        ({"a": None}, "the label `a` has no value"),
        ({"": "x"}, "a label has no key"),
        ({"a": ["x"]}, "the value of the label `a` must be text, a number or a boolean"),
        ("", "`labels` is text, and no JSON"),
        ("a:b", "`labels` is text, and no JSON"),
        (7, "`labels` must be a map, or a list of `key` and `value`"),
        (None, "`labels` must be a map, or a list of `key` and `value`"),
        ("7", "`labels` must be a map, or a list of `key` and `value`"),
        (["a"], "`labels`: in a list each label is a map of `key` and `value`"),
    ],
)
def test_labels_that_are_none_fail_the_task(rendered: Any, said: str):
    assert refused(Labels(labels="{{ given }}"), given=rendered) == said


@pytest.mark.parametrize("written", [None, "text", 7, ["a"], {"a": ["b"]}])
def test_labels_that_are_written_wrong_are_refused_when_the_flow_is_read(written: Any):
    with pytest.raises(ValidationError):
        Labels(labels=written)


# variables


def test_variables_are_merged_and_keep_their_types():
    task = SetVariables(variables={"mode": "{{ n }}", "limits": {"deep": {"est": True}}, "list": [2], "new": {"{{ key }}": "{{ list }}"}})
    assert changed(task, n=7, key="k", list=[1, None]) == {
        "mode": 7,
        "limits": {"rows": 10, "deep": {"er": 1, "est": True}},
        "list": [2],
        "new": {"k": [1, None]},
    }
    assert changed(SetVariables(variables="{{ map }}"), map={"a": "{{ b }}"}) == {**VARIABLES, "a": "{{ b }}"}


def test_a_variable_that_is_there_is_not_overwritten_when_it_must_not():
    task = SetVariables(variables={"new": 1, "limits": {"other": 1}}, overwrite="{{ false }}")
    assert refused(task) == "there is a variable `limits` already, and `overwrite` is false"
    assert changed(SetVariables(variables={"new": None}, overwrite=False)) == {**VARIABLES, "new": None}


def test_variables_are_a_map():
    assert refused(SetVariables(variables="{{ [1] }}")) == "`variables` must be a map"
    for wrong in ("text", [1], None):
        with pytest.raises(ValidationError):
            SetVariables(variables=wrong)


def test_variables_are_taken_away_by_their_path():
    assert changed(UnsetVariables(variables=["{{ name }}", "limits.deep.er"]), name="mode") == {"limits": {"rows": 10, "deep": {}}, "list": [1]}
    assert changed(UnsetVariables(variables="{{ names }}"), names=["limits", "list"]) == {"mode": "careful"}
    assert VARIABLES["limits"] == {"rows": 10, "deep": {"er": 1}}


@pytest.mark.parametrize("name", ["nobody", "limits.nobody", "mode.x", "list.0", "limits.deep.er.x", "", "limits."])
def test_a_variable_that_is_missing_fails_the_task_unless_that_is_ignored(name: str):
    assert refused(UnsetVariables(variables=["mode", name])) == f"there is no variable `{name}`, and `ignoreMissing` is false"
    assert "mode" not in changed(UnsetVariables(variables=[name, "mode"], ignore_missing=True))


def test_names_of_variables_are_a_list():
    assert refused(UnsetVariables(variables="{{ 'mode' }}")) == "`variables` must be a list"
    with pytest.raises(ValidationError):
        UnsetVariables(variables="mode")


@pytest.mark.parametrize("task", [Labels(labels={"a": "{{ x }}"}), SetVariables(variables={"a": "{{ x }}"}), UnsetVariables(variables=["{{ x }}"])])
def test_what_can_not_be_rendered_fails_the_task(task: InlineTask):
    with pytest.raises(RenderFailed, match="x"):
        task.run(Asking())
