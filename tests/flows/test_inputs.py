"""What an execution is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from service.engine.program import RenderFailed
from service.flows.inputs import Input
from service.flows.problems import Severity
from service.flows.resolve import InputProblem, in_order, resolve_inputs
from service.flows.values import BadValue
from tests.flows.world import LOG, codes, flow, lines, read, tasks


def declared(*definitions: str) -> tuple[Input, ...]:
    """Inputs of a flow, each written as a YAML flow map."""
    return flow(with_inputs(*definitions)).inputs


def with_inputs(*definitions: str) -> str:
    """A flow with these inputs."""
    return tasks(f"- {{id: a, type: {LOG}, message: x}}", "inputs:\n" + "".join(f"  - {definition}\n" for definition in definitions))


def parse(definition: str, value: Any) -> Any:
    """One value, read by one input."""
    (found,) = declared(definition)
    return found.parse(value)


def render(value: Any, scope: Mapping[str, Any]) -> Any:
    """Stands for the expressions: `{{ labels.name }}` is an input, `{{ labels.list }}` a list, `{{ labels.aws }}` asks for a cloud."""
    if value == "{{ labels.fail }}":
        raise RenderFailed("no such name")
    if value == "{{ labels.aws }}":
        return scope["inputs"].get("cloud") == "aws"
    if value == "{{ labels.list }}":
        return ["a", {"label": "B", "value": "b"}]
    return value.replace("{{ labels.who }}", str(scope["inputs"].get("who"))) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("definition", "value", "read"),
    [
        ("{id: x, type: STRING}", "text", "text"),
        ("{id: x, type: STRING}", 5, "5"),
        ("{id: x, type: STRING}", True, "true"),
        ("{id: x, type: STRING, validator: '[a-z]+'}", "abc", "abc"),
        ("{id: x, type: SELECT, values: [a, b]}", "b", "b"),
        ("{id: x, type: ENUM, values: [a, 1]}", 1, "1"),
        ("{id: x, type: SELECT, values: [{label: A, value: a}]}", "a", "a"),
        ("{id: x, type: SELECT, values: [a], allowCustomValue: true}", "z", "z"),
        ("{id: x, type: MULTISELECT, values: [a, b]}", '["a", "b"]', ["a", "b"]),
        ("{id: x, type: MULTISELECT, options: [a, b]}", ["b"], ["b"]),
        ("{id: x, type: MULTISELECT, values: [1, 2], itemType: INT}", "2", [2]),
        ("{id: x, type: INT, min: 1, max: 9}", "9", 9),
        ("{id: x, type: INT}", 3.0, 3),
        ("{id: x, type: INT}", " -12 ", -12),
        ("{id: x, type: FLOAT, min: 0.5}", "0.5", 0.5),
        ("{id: x, type: FLOAT}", 2, 2.0),
        ("{id: x, type: BOOL}", "TRUE", True),
        ("{id: x, type: BOOLEAN}", False, False),
        ("{id: x, type: DATETIME}", "2026-01-31T06:00:00+02:00", "2026-01-31T04:00:00Z"),
        ("{id: x, type: DATETIME}", "2026-01-31T06:00:00.123456789Z", "2026-01-31T06:00:00.123456Z"),
        ("{id: x, type: DATE, after: 2026-01-01}", "2026-01-01", "2026-01-01"),
        ("{id: x, type: TIME}", "06:30", "06:30:00"),
        ("{id: x, type: DURATION, max: PT1H}", "PT1H", "PT1H"),
        ("{id: x, type: JSON}", '{"a": [1, null]}', {"a": [1, None]}),
        ("{id: x, type: JSON}", [1], [1]),
        ("{id: x, type: YAML}", "a: no\nb: [1]", {"a": "no", "b": [1]}),
        ("{id: x, type: URI}", "kestra:///a/b?c=d", "kestra:///a/b?c=d"),
        ("{id: x, type: EMAIL}", "a.b+c@mail.example.com", "a.b+c@mail.example.com"),
        ("{id: x, type: ARRAY, itemType: DATE}", '["2026-01-01"]', ["2026-01-01"]),
        ("{id: x, type: ARRAY, itemType: INT}", [1, "2"], [1, 2]),
    ],
)
def test_a_value_is_read_by_its_type(definition, value, read):
    found = parse(definition, value)
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    ("definition", "value", "complaint"),
    [
        ("{id: x, type: STRING}", {"a": 1}, "must be text"),
        ("{id: x, type: STRING}", "x" * 1_048_577, "is longer than 1,048,576 characters"),
        ("{id: x, type: STRING}", "\ud800", "holds half of a character"),
        ("{id: x, type: STRING, validator: '[a-z]+'}", "abc1", "must match the pattern `[a-z]+`"),
        ("{id: x, type: SELECT, values: [a, b]}", "c", "must be one of a, b"),
        ("{id: x, type: MULTISELECT, values: [a]}", ["a", "z"], "must be one of a"),
        ("{id: x, type: INT}", "1.5", "must be a whole number"),
        ("{id: x, type: INT}", True, "must be a whole number"),
        ("{id: x, type: INT}", "9" * 5_000, "must be a whole number"),
        ("{id: x, type: INT}", 2**70, "must be a whole number of 64 bits"),
        ("{id: x, type: INT, min: 5}", 4, "must be more than `5`"),
        ("{id: x, type: INT, max: 5}", 6, "must be less than `5`"),
        ("{id: x, type: FLOAT}", "NaN", "must be a number"),
        ("{id: x, type: FLOAT}", "1e999", "must be a number"),
        ("{id: x, type: BOOL}", "yes", "must be true or false"),
        ("{id: x, type: DATETIME}", "2026-01-31", "must be a date and time with an offset, such as 2026-01-31T06:00:00Z"),
        ("{id: x, type: DATETIME}", "2026-02-31T00:00:00Z", "is a date that does not exist"),
        ("{id: x, type: DATETIME, before: '2026-01-01T00:00:00Z'}", "2026-01-02T00:00:00Z", "must be before `2026-01-01T00:00:00Z`"),
        ("{id: x, type: DATE}", "20260101", "must be a date such as 2026-01-31"),
        ("{id: x, type: DATE}", "2026-13-01", "is a date that does not exist"),
        ("{id: x, type: TIME}", "25:00", "is a time that does not exist"),
        ("{id: x, type: DURATION}", "5 minutes", "is not an ISO-8601 duration"),
        ("{id: x, type: DURATION, min: PT1M}", "PT1S", "must be more than `PT60S`"),
        ("{id: x, type: JSON}", "{", "is not JSON"),
        ("{id: x, type: JSON}", "NaN", "is not JSON"),
        ("{id: x, type: JSON}", "[" * 100_000, "is not JSON"),
        ("{id: x, type: YAML}", "a: 1\na: 2", "is not YAML: line 2, column 1"),
        ("{id: x, type: URI}", "a b", "must be a URI"),
        ("{id: x, type: EMAIL}", "nobody", "must be an e-mail address"),
        ("{id: x, type: EMAIL}", "a@" + "b." * 200 + "c", "must be an e-mail address"),
        ("{id: x, type: ARRAY, itemType: INT}", '[1, 2, "x"]', "has a wrong entry 3: it must be a whole number"),
        ("{id: x, type: ARRAY, itemType: INT}", "1", "must be a list"),
    ],
)
def test_a_wrong_value_is_told_what_it_should_be(definition, value, complaint):
    with pytest.raises(BadValue) as raised:
        parse(definition, value)
    assert str(raised.value).startswith(complaint)


def test_a_hostile_pattern_costs_nothing():
    with pytest.raises(BadValue):
        parse("{id: x, type: STRING, validator: '^(a+)+$'}", "a" * 100_000 + "!")


def test_inputs_are_resolved_in_order_with_those_before_in_reach():
    inputs = declared(
        "{id: who, type: STRING}",
        "{id: greeting, type: STRING, defaults: 'Hi {{ labels.who }}'}",
        "{id: n, type: INT, defaults: 3}",
        "{id: opt, type: INT, required: false}",
    )
    assert resolve_inputs(inputs, {"who": "Rick"}, render) == ({"who": "Rick", "greeting": "Hi Rick", "n": 3, "opt": None}, [], [])


def test_all_that_is_wrong_is_told_together():
    inputs = declared("{id: a, type: STRING}", "{id: b, type: INT}", "{id: c, type: STRING, defaults: '{{ labels.fail }}'}")
    values, problems, unknown = resolve_inputs(inputs, {"b": "x", "z": 1}, render)
    assert values == {}
    assert problems == [
        InputProblem("a", "Missing required input:a"),
        InputProblem("b", "Invalid input for `b`, it must be a whole number, but received `x`"),
        InputProblem("c", "no such name"),
    ]
    assert unknown == ["z"]


def test_dotted_ids_nest_and_may_be_given_either_way():
    inputs = declared("{id: db.host, type: STRING}", "{id: db.port, type: INT}")
    nested = {"db": {"host": "h", "port": 5}}
    assert resolve_inputs(inputs, {"db.host": "h", "db.port": "5"}, render) == (nested, [], [])
    assert resolve_inputs(inputs, nested, render) == (nested, [], [])


def test_none_counts_as_not_given():
    inputs = declared("{id: a, type: STRING, defaults: x}")
    assert resolve_inputs(inputs, {"a": None}, render)[0] == {"a": "x"}


def test_choices_may_come_from_an_expression():
    inputs = declared("{id: a, type: SELECT, expression: '{{ labels.list }}'}")
    assert resolve_inputs(inputs, {"a": "b"}, render)[0] == {"a": "b"}
    assert resolve_inputs(inputs, {"a": "c"}, render)[1] == [InputProblem("a", "Invalid input for `a`, it must be one of a, b, but received `c`")]


def test_the_first_choice_may_be_the_default():
    inputs = declared("{id: a, type: SELECT, values: [x, y], autoSelectFirst: true}", "{id: b, type: MULTISELECT, values: [x, y], autoSelectFirst: true}")
    assert resolve_inputs(inputs, {}, render)[0] == {"a": "x", "b": ["x"]}


def test_an_optional_input_with_a_default_is_taken_with_a_notice():
    reading = read(with_inputs("{id: a, type: STRING, required: false, defaults: x}"))
    assert reading.flow is not None
    assert [(problem.code, problem.severity) for problem in reading.problems] == [("HG-0411", Severity.NOTICE)]


def test_name_is_the_old_spelling_of_id():
    assert [found.id for found in declared("{name: a, type: STRING}")] == ["a"]


def test_what_is_not_taken_yet_is_said_and_keeps_the_flow_from_being_started():
    reading = read(with_inputs("{id: a, type: FILE}"))
    assert [(problem.code, problem.severity) for problem in reading.problems] == [("HG-0206", Severity.WARNING)]
    assert reading.flow is not None
    assert "can't be started" in (reading.flow.refusal() or "")


def test_a_form_is_the_inputs_that_it_holds():
    inputs = declared("{id: f, type: FORM, inputs: [{id: a, type: INT}, {id: b, type: STRING, defaults: x}]}", "{id: c, type: BOOL, defaults: true}")
    assert [found.id for found in inputs] == ["f.a", "f.b", "c"]
    assert resolve_inputs(inputs, {"f.a": "3"}, render)[0] == {"f": {"a": 3, "b": "x"}, "c": True}


def test_a_form_that_is_not_asked_for_asks_for_none_of_its_inputs():
    parts = "[{id: a, type: INT, dependsOn: {inputs: [deep]}}, {id: b, type: INT}]"
    form = f"{{id: f, type: FORM, dependsOn: {{inputs: [cloud], condition: '{{{{ labels.aws }}}}'}}, inputs: {parts}}}"
    inputs = declared(form, "{id: cloud, type: STRING}", "{id: deep, type: BOOL, defaults: true}")
    given = {"f.a": 1, "f.b": 2}
    assert resolve_inputs(inputs, {**given, "cloud": "gcp"}, render)[0] == {"cloud": "gcp", "deep": True}
    assert resolve_inputs(inputs, {**given, "cloud": "aws"}, render)[0] == {"cloud": "aws", "deep": True, "f": {"a": 1, "b": 2}}
    assert [found.id for found in in_order(inputs)] == ["cloud", "deep", "f.a", "f.b"]


def test_a_form_that_depends_on_nobody_is_told_once():
    form = "{id: f, type: FORM, dependsOn: {inputs: [cloud]}, inputs: [{id: a, type: INT}, {id: b, type: INT}]}"
    assert lines(with_inputs(form)) == [".flows/x.yaml:6:46: error HG-0413: `f` depends on the input `cloud`, which does not exist"]


def test_a_form_in_a_form_or_with_a_value_is_refused():
    assert codes(with_inputs("{id: f, type: FORM, inputs: [{id: g, type: FORM, inputs: [{id: a, type: INT}]}]}")) == ["HG-0204"]
    assert codes(with_inputs("{id: f, type: FORM, defaults: 3, inputs: [{id: a, type: INT}]}")) == ["HG-0410"]


CLOUD = ("{id: region, type: STRING, dependsOn: {inputs: [cloud], condition: '{{ labels.aws }}'}}", "{id: cloud, type: STRING}")


def test_an_input_is_asked_for_when_the_one_it_depends_on_says_so():
    inputs = declared(*CLOUD)
    assert [found.id for found in in_order(inputs)] == ["cloud", "region"]
    assert resolve_inputs(inputs, {"cloud": "gcp"}, render) == ({"cloud": "gcp"}, [], [])
    values, problems, _ = resolve_inputs(inputs, {"cloud": "aws"}, render)
    assert (values, problems) == ({"cloud": "aws"}, [InputProblem("region", "Missing required input:region")])
    assert resolve_inputs(inputs, {"cloud": "aws", "region": "eu"}, render)[0] == {"cloud": "aws", "region": "eu"}


def test_what_depends_only_on_inputs_that_are_left_out_is_left_out_too():
    inputs = declared(*CLOUD, "{id: zone, type: STRING, dependsOn: {inputs: [region]}}")
    assert resolve_inputs(inputs, {"cloud": "gcp", "zone": "b"}, render)[0] == {"cloud": "gcp"}


def test_a_thousand_inputs_in_a_chain_are_put_in_order():
    inputs = declared(*(f"{{id: i{n}, type: INT, defaults: 1, dependsOn: {{inputs: [i{n + 1}]}}}}" for n in range(1000)), "{id: i1000, type: INT, defaults: 1}")
    assert [found.id for found in in_order(inputs)] == [f"i{n}" for n in range(1000, -1, -1)]


@pytest.mark.parametrize("needs", ["[b]", "[nobody]", "[a]"])
def test_a_dependency_on_nobody_or_in_a_circle_is_refused(needs):
    assert codes(with_inputs(f"{{id: a, type: INT, dependsOn: {{inputs: {needs}}}}}", "{id: b, type: INT, dependsOn: {inputs: [a]}}")) == ["HG-0413"]


@pytest.mark.parametrize(
    ("definition", "line"),
    [
        ("{id: a, type: string}", "5:19: error HG-0220: unknown input type `string` (did you mean `STRING`?)"),
        ("{id: a, type: INT, minimum: 1}", "5:24: error HG-0201: unknown property `inputs[0].minimum`"),
        ("{id: a}", "5:5: error HG-0202: `inputs[0].type` is missing (add `type: …`)"),
        ("{type: INT}", "5:5: error HG-0202: `inputs[0].id` is missing (add `id: …`)"),
        ("{id: a, type: INT, defaults: x}", "5:34: error HG-0410: the default of `a` must be a whole number, but is the text `x`"),
        ("{id: a, type: INT, min: one}", "5:29: error HG-0203: `inputs[0].min`: expected a whole number, got the text `one`"),
        ("{id: a, type: DATE, after: tomorrow}", "5:32: error HG-0410: `inputs[0].after`: the bound must be a date such as 2026-01-31 (`tomorrow`)"),
        ("{id: a, type: ARRAY, itemType: ARRAY}", "5:36: error HG-0204: `inputs[0].itemType`: the text `ARRAY` is not allowed"),
        ("{id: ../a, type: INT}", "5:10: error HG-0210: `inputs[0].id`: not an id"),
        ("text", "5:5: error HG-0203: `inputs[0]`: expected a map, got the text `text`"),
    ],
)
def test_a_wrong_definition_is_pointed_at(definition, line):
    text = with_inputs(definition).replace("tasks:\n  - ", "tasks:\n  - ")
    found = lines(text)
    assert [problem.replace(".flows/x.yaml:6", "5") for problem in found][0].startswith(line)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{nunber: 1}", "8:75: warning HG-0302: the flow has no input `nunber`, so it is not given (did you mean `number`?)"),
        ("{number: abc}", "8:83: error HG-0410: the input `number` must be a whole number, but is given the text `abc`"),
        ("{number: '{{ trigger.date }}', nested: {a: x}}", None),
        ("{number: 5, nested.a: x}", None),
    ],
)
def test_what_a_trigger_gives_is_checked_by_name_and_value(given, told):
    text = with_inputs("{id: number, type: INT, defaults: 1}", "{id: nested.a, type: STRING, defaults: x}")
    text += f"triggers: [{{id: t, type: io.kestra.plugin.core.trigger.Schedule, inputs: {given}, cron: '@daily'}}]\n"
    assert lines(text) == ([f".flows/x.yaml:{told}"] if told else [])
