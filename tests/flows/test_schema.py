"""The JSON Schema says what the reader says, as far as a schema can."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from service import discovery
from service.flows.catalogue import Catalogue
from service.flows.conditions import condition_names
from service.flows.document import FlowProperties, TaskProperties, TriggerProperties
from service.flows.findings import Findings
from service.flows.inputs import INPUT_TYPES
from service.flows.loading import read_source
from service.flows.problems import Severity
from service.flows.properties import property_names
from service.flows.schema import flow_schema, kind_schema, named_schema
from tests.flows.world import LOG, RETURN, SHELL, read, tasks

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TASKS = ("task",)
LANGUAGE = sorted((HERE / "language").glob("*.yaml"))
EXAMPLES = sorted([*(ROOT / ".flows").rglob("*.yml"), *(HERE / "seeds").glob("*.yaml")])
CATALOGUE = Catalogue(discovery.index(), discovery.load)
#: Where the schema is the looser one: values of plugin defaults may be parts, and the old `docker` map is only sketched.
LOOSE = {"pluginDefaults", "taskDefaults", "docker"}
#: Problems that are about the shape of a file and nothing else: the schema must see them too.
SHAPE = {"HG-0201", "HG-0202", "HG-0203", "HG-0205", "HG-0220"}


@cache
def schema() -> dict[str, Any]:
    return flow_schema(CATALOGUE)


@cache
def validator() -> Draft7Validator:
    return Draft7Validator(schema())


def refusals(value: Any, by: Draft7Validator | None = None) -> list[str]:
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in (by or validator()).iter_errors(value)]


def value_of(text: bytes) -> Any:
    _, source = read_source(text, Findings("x.yaml"))
    assert source is not None
    return source.value


@cache
def language_values() -> list[dict[str, Any]]:
    """The flows that use the whole language; read once, so whoever changes one copies it."""
    return [value_of(path.read_bytes()) for path in LANGUAGE]


def errors(text: bytes | str) -> set[str]:
    return {problem.code for problem in read(text, catalogue=CATALOGUE).problems if problem.severity is Severity.ERROR}


def parts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything below a value."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from parts(part, (*path, key))


def nodes(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for below in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from nodes(below)


@pytest.mark.parametrize("path", [*LANGUAGE, *EXAMPLES], ids=lambda path: path.stem)
def test_what_the_reader_takes_the_schema_takes(path: Path):
    text = path.read_bytes()
    found = errors(text)
    assert path not in LANGUAGE or found == set()
    assert (refusals(value_of(text)) == []) is (found == set())


def test_the_flows_of_these_tests_use_the_whole_language():
    values = language_values()
    used = {str(node["type"]) for value in values for node in nodes(value) if "type" in node}
    keys = {key for value in values for node in nodes(value) for key in node}
    language = {name for name in CATALOGUE.names() if name.startswith(("io.kestra.plugin.core.", "headgate."))}
    assert language <= used
    assert set(INPUT_TYPES) <= used
    assert {name.removesuffix("Condition") for name in condition_names()} <= {name.removesuffix("Condition") for name in used}
    for model in (FlowProperties, TaskProperties, TriggerProperties):
        missing = {name for name in property_names(model) if name not in keys}
        assert missing <= {"templates", "workerSelector"}


def test_the_schema_is_one_and_whole():
    found = schema()
    Draft7Validator.check_schema(found)
    assert (found["$schema"], found["$id"], found["title"]) == ("http://json-schema.org/draft-07/schema#", "urn:headgate:schema:flow", "Headgate flow")
    assert json.dumps(flow_schema(Catalogue(discovery.index(), discovery.load))) == json.dumps(found)
    for node in nodes(found):
        if isinstance(node.get("$ref"), str):
            target: Any = found
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            assert len(node) == 1


def test_every_property_says_what_it_is():
    described = [schema(), *(kind_schema(CATALOGUE, kind) for kind in ("pluginDefault", "taskRunner", "condition"))]
    definitions = {name: part for document in described for name, part in document["definitions"].items()} | {"flow": schema()}
    silent = [
        (name, key)
        for name, definition in definitions.items()
        if definition.get("additionalProperties") is False
        for key, part in definition["properties"].items()
        if "description" not in part and "$ref" not in part
    ]
    assert silent == []


def test_the_schema_names_no_class_and_no_module():
    text = json.dumps(schema())
    assert re.findall(r"(?<![.\w])(?:service|runners)\.\w+[.:]|__|pydantic", text) == []
    assert set(schema()["definitions"]).isdisjoint({"FlowProperties", "TaskProperties"})


def problem(text: str) -> list[str]:
    """What the schema says of a flow that the reader refuses for its shape."""
    assert errors(text) & (SHAPE | {"HG-0104", "HG-0204", "HG-0223"}), "the reader takes it"
    return refusals(value_of(text.encode()))


MISTAKES = {
    "an unknown key of the flow": "id: x\nnamespace: dev\ntsks: []\ntasks: [{id: a, type: io.kestra.plugin.core.debug.Return}]\n",
    "no tasks": "id: x\nnamespace: dev\n",
    "no list of tasks": "id: x\nnamespace: dev\ntasks: {id: a}\n",
    "an unknown key of all tasks": tasks(f"- {{id: a, type: {RETURN}, timeot: PT1S}}"),
    "an unknown key of a task's type": tasks(f"- {{id: a, type: {LOG}, message: m, levl: INFO}}"),
    "a property of another type": tasks(f"- {{id: a, type: {LOG}, message: m, format: x}}"),
    "a missing property of a type": tasks(f"- {{id: a, type: {LOG}}}"),
    "a missing property deep in the branches": tasks(
        f"- id: s\n  type: io.kestra.plugin.core.flow.Switch\n  value: a\n  cases:\n    a:\n      - {{id: a, type: {LOG}}}"
    ),
    "a missing property in a graph": tasks(f"- id: s\n  type: io.kestra.plugin.core.flow.Dag\n  tasks:\n    - task: {{id: a, type: {LOG}}}"),
    "a graph without its form": tasks(f"- id: s\n  type: io.kestra.plugin.core.flow.Dag\n  tasks:\n    - {{id: a, type: {LOG}, message: m}}"),
    "a group without tasks": tasks("- {id: s, type: io.kestra.plugin.core.flow.Sequential, tasks: []}"),
    "a task without a type": tasks("- {id: a}"),
    "an unknown type": tasks("- {id: a, type: io.kestra.plugin.core.log.Lgo}"),
    "a trigger as a task": tasks('- {id: a, type: io.kestra.plugin.core.trigger.Schedule, cron: "@daily"}'),
    "a misspelt choice": tasks(f"- {{id: a, type: {LOG}, message: m, level: INFOO}}"),
    "a misspelt choice of a retry": tasks(f"- {{id: a, type: {RETURN}, retry: {{type: constnt, interval: PT1S}}}}"),
    "a retry without its interval": tasks(f"- {{id: a, type: {RETURN}, retry: {{type: constant}}}}"),
    "a retry with another's property": tasks(f"- {{id: a, type: {RETURN}, retry: {{type: constant, interval: PT1S, minInterval: PT1S}}}}"),
    "a number where a duration belongs": tasks(f"- {{id: a, type: {RETURN}, timeout: 30}}"),
    "months": tasks(f"- {{id: a, type: {RETURN}, timeout: P1M}}"),
    "a list where text belongs": tasks(f"- {{id: a, type: {RETURN}, format: [1]}}"),
    "text where a boolean belongs": tasks(f"- {{id: a, type: {RETURN}, disabled: maybe}}"),
    "both spellings at once": tasks(f'- {{id: a, type: {RETURN}, runIf: "{{{{ true }}}}", when: "{{{{ true }}}}"}}'),
    "an unknown task runner": tasks(f"- {{id: a, type: {SHELL}, commands: [ls], taskRunner: {{type: io.kestra.plugin.core.runner.Proces}}}}"),
    "an unknown key of a task runner": tasks(
        f"- {{id: a, type: {SHELL}, commands: [ls], taskRunner: {{type: io.kestra.plugin.scripts.runner.docker.Docker, imag: a}}}}"
    ),
    "a trigger without its cron": tasks(f"- {{id: a, type: {RETURN}}}", "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Schedule}]\n"),
    "an unknown condition": tasks(
        f"- {{id: a, type: {RETURN}}}", "triggers: [{id: t, type: headgate.git.Push, conditions: [{type: io.kestra.plugin.core.condition.Weekendd}]}]\n"
    ),
    "an unknown input type": tasks(f"- {{id: a, type: {RETURN}}}", "inputs: [{id: a, type: STRNG}]\n"),
    "an unknown key of an input": tasks(f"- {{id: a, type: {RETURN}}}", "inputs: [{id: a, type: STRING, min: 1}]\n"),
    "an input without a name": tasks(f"- {{id: a, type: {RETURN}}}", "inputs: [{type: STRING}]\n"),
    "a list of types without the type of its entries": tasks(f"- {{id: a, type: {RETURN}}}", "inputs: [{id: a, type: ARRAY}]\n"),
    "an output type": tasks(f"- {{id: a, type: {RETURN}}}", "outputs: [{id: a, type: TEXT, value: x}]\n"),
    "a promise without its measure": tasks(f"- {{id: a, type: {RETURN}}}", "sla: [{id: a, type: MAX_DURATION, behavior: FAIL}]\n"),
    "no limit": tasks(f"- {{id: a, type: {RETURN}}}", "concurrency: {limit: 0}\n"),
    "plugin defaults without values": tasks(f"- {{id: a, type: {RETURN}}}", f"pluginDefaults: [{{type: {LOG}}}]\n"),
}


@pytest.mark.parametrize("text", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_of_shape_are_refused_by_both(text: str):
    assert problem(text)


def test_what_plugin_defaults_may_give_is_not_asked_of_the_task():
    text = tasks(f"- {{id: a, type: {LOG}}}", f"pluginDefaults: [{{type: {LOG}, values: {{message: m}}}}]\n")
    assert (errors(text), refusals(value_of(text.encode()))) == (set(), [])


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid flow with one thing changed: a key renamed or dropped, or a value of another kind in the place of one."""
    value = copy.deepcopy(draw(st.sampled_from(language_values())))
    path = draw(st.sampled_from([path for path in parts(value) if LOOSE.isdisjoint(path)]))
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    how = draw(st.sampled_from(["drop", "rename", "replace"]))
    if how == "drop" or (how == "rename" and isinstance(holder, list)):
        del holder[path[-1]]
    elif how == "rename":
        holder[f"{path[-1]}x"] = holder.pop(path[-1])
    else:
        holder[path[-1]] = draw(st.sampled_from([None, [], {}, [[]], {"a": {}}, "no such thing", "{{ 1 }}", True, 7, -1, 1.5]))
    return value


@settings(max_examples=100, deadline=None)
@given(mutated())
def test_one_change_of_a_valid_flow_is_seen_alike_by_the_reader_and_the_schema(value: Any):
    found, taken = errors(json.dumps(value)), validator().is_valid(value)
    given = {"pluginDefaults", "taskDefaults"} & value.keys()
    if found & (SHAPE - {"HG-0202"} if given else SHAPE):
        assert not taken, found
    if not found:
        assert taken, refusals(value)


@pytest.mark.parametrize("name", [*CATALOGUE.names("task"), "io.kestra.core.tasks.flows.EachSequential", "io.kestra.core.tasks.log.Log"])
def test_every_task_type_has_a_schema_of_its_own(name: str):
    found = named_schema(CATALOGUE, name, TASKS)
    assert found is not None
    Draft7Validator.check_schema(found)
    assert name in found["properties"]["type"]["enum"]
    assert found["description"]
    own = [node for value in language_values() for node in nodes(value) if node.get("type") == name and "id" in node]
    assert [refusals(node, Draft7Validator(found)) for node in own] == [[] for _ in own]


def test_a_type_asks_for_its_properties_and_knows_those_of_an_old_name():
    by_type = Draft7Validator(named_schema(CATALOGUE, LOG, TASKS))
    assert refusals({"id": "a", "type": LOG}, by_type) == [": 'message' is a required property"]
    old = Draft7Validator(named_schema(CATALOGUE, "io.kestra.plugin.core.flow.EachSequential", TASKS))
    one = {"id": "a", "type": "io.kestra.plugin.core.flow.EachSequential", "tasks": [{"id": "b", "type": RETURN}]}
    assert refusals({**one, "value": [1]}, old) == refusals({**one, "values": [1]}, old) == []
    assert refusals(one, old)
    assert refusals({**one, "value": [1], "values": [1]}, old)


def test_what_is_not_run_yet_is_said_where_it_is_read():
    assert "does not run it yet" in schema()["properties"]["listeners"]["description"]
    assert "does not run it yet" not in named_schema(CATALOGUE, LOG, TASKS)["description"]
    assert "does not run it yet" in schema()["properties"]["policyRefs"]["description"]


def test_old_names_are_taken_and_not_offered():
    types = schema()["definitions"]["task"]["properties"]["type"]["anyOf"]
    assert LOG in types[0]["enum"]
    assert "io.kestra.core.tasks.log.Log" in types[1]["enum"]
    assert types[1]["deprecated"] is True
    assert types[1]["markdownEnumDescriptions"][types[1]["enum"].index("io.kestra.core.tasks.log.Log")] == f"Old name of `{LOG}`."
    attempts = schema()["definitions"]["Retry"]["properties"]
    assert (attempts["maxAttempt"]["deprecated"], attempts["maxAttempt"]["description"][:25]) == (True, "Old name of `maxAttempts`")


def test_triggers_inputs_conditions_and_task_runners_have_schemas_too():
    names = ["STRING", "headgate.git.Push", "io.kestra.plugin.core.condition.Weekend", "io.kestra.plugin.core.runner.Process"]
    assert [named_schema(CATALOGUE, name)["title"] for name in names] == names
    assert named_schema(CATALOGUE, LOG, ("trigger",)) is None
    assert named_schema(CATALOGUE, "headgate.git.Push", TASKS) is None
    assert named_schema(CATALOGUE, "no.such.Type") is None
    assert kind_schema(CATALOGUE, "pluginDefault")["title"] == "Plugin defaults"
    for kind in ("task", "trigger", "input", "condition", "taskRunner"):
        Draft7Validator.check_schema(kind_schema(CATALOGUE, kind))
