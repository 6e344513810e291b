"""What the language has for inputs: each type under each name with each property, defaults, and what is refused where."""

from __future__ import annotations

from typing import Any

import pytest

from service.flows.inputs import INPUT_TYPES, Input
from tests.flows.world import LOG, flow, lines, refusals, tasks


def around(*definitions: str) -> str:
    """A flow with these inputs."""
    return tasks(f"- {{id: a, type: {LOG}, message: x}}", "inputs:\n" + "".join(f"  - {{{definition}}}\n" for definition in definitions))


def declared(definition: str) -> Input:
    """One input."""
    (found,) = flow(around(definition)).inputs
    return found


def said(definition: str) -> Any:
    """What it says beside its id and type, under the names of YAML."""
    return declared(definition).model_dump(by_alias=True, exclude_unset=True, exclude={"id", "type"})


@pytest.mark.parametrize(
    ("properties", "name", "value"),
    [
        ("id: a", "id", "a"),
        ("name: a", "id", "a"),
        ("id: a.b-c_1", "id", "a.b-c_1"),
        ("id: 7", "id", "7"),
        ("id: a, displayName: A", "display_name", "A"),
        ("id: a, description: '*a*'", "description", "*a*"),
        ("id: a, required: false", "required", False),
        ("id: a, defaults: x", "defaults", "x"),
        ("id: a, defaults: '{{ flow.id }}'", "defaults", "{{ flow.id }}"),
        ("id: a, prefill: x", "prefill", "x"),
    ],
)
def test_a_property_of_every_input_is_read(properties, name, value):
    assert getattr(declared(f"{properties}, type: STRING"), name) == value


def test_what_an_input_does_not_say_has_its_default():
    found = declared("id: a, type: STRING")
    assert (found.required, found.defaults, found.prefill, found.depends_on, found.display_name, found.description) == (True, None, None, None, None, None)


def test_dependencies_are_read():
    _, found = flow(around("id: a, type: BOOL", "id: b, type: STRING, dependsOn: {inputs: [a], condition: '{{ inputs.a }}'}")).inputs
    assert found.depends_on is not None
    assert (found.depends_on.inputs, found.depends_on.condition) == (["a"], "{{ inputs.a }}")


@pytest.mark.parametrize(
    ("definitions", "read"),
    [
        (["STRING, validator: '[a-z]+'"], {"validator": "[a-z]+"}),
        (
            ["SELECT, values: [a, 1], isRadio: true, allowCustomValue: true", "ENUM, values: [{label: A, value: a}, 1], isRadio: true, allowCustomValue: true"],
            {"values": ["a", "1"], "isRadio": True, "allowCustomValue": True},
        ),
        (["SELECT, expression: '{{ labels.x }}', autoSelectFirst: true", "ENUM, expression: '{{ labels.x }}', autoSelectFirst: true"], None),
        (["MULTISELECT, values: [1], itemType: INT", "MULTISELECT, options: [1], itemType: INT"], {"values": ["1"], "itemType": "INT"}),
        (["INT, min: 1, max: 2", "INT, min: '1', max: 2.0"], {"min": 1, "max": 2}),
        (["FLOAT, min: 1, max: 2.5", "FLOAT, min: '1', max: 2.5"], {"min": 1.0, "max": 2.5}),
        (["BOOL", "BOOLEAN"], {}),
        (["DATETIME, after: '2030-01-31T06:00:00Z'", "DATETIME, after: '2030-01-31T07:00:00+01:00'"], None),
        (["DATE, after: 2030-01-31, before: '2030-02-01'"], None),
        (["TIME, after: 06:00, before: '07:00:00'", "TIME, after: '06:00:00', before: '07:00'"], None),
        (["DURATION, min: PT1M, max: PT1H", "DURATION, min: PT60S, max: PT60M"], {"min": "PT60S", "max": "PT3600S"}),
        (
            ["FILE, allowedFileExtensions: [.csv]", "FILE, accept: .csv", "FILE, extension: .csv", "FILE, accept: [.csv]"],
            {"allowedFileExtensions": [".csv"]},
        ),
        (["JSON, jsonSchema: {type: object}"], {"jsonSchema": {"type": "object"}}),
        (["YAML"], {}),
        (["URI"], {}),
        (["EMAIL"], {}),
        (["SECRET, validator: '[a-z]+'"], {"validator": "[a-z]+"}),
        (["ARRAY, itemType: INT"], {"itemType": "INT"}),
    ],
)
def test_all_spellings_of_an_input_type_are_read_to_the_same(definitions, read):
    found = [said(f"id: a, type: {definition}") for definition in definitions]
    assert all(properties == (found[0] if read is None else read) for properties in found)


def test_every_input_type_is_known():
    names = "STRING SELECT ENUM MULTISELECT INT FLOAT BOOL BOOLEAN DATETIME DATE TIME DURATION FILE JSON YAML URI EMAIL SECRET ARRAY FORM"
    assert set(INPUT_TYPES) == set(names.split())


@pytest.mark.parametrize(
    ("definition", "defaults"),
    [
        ("SELECT, values: [a]", {"allow_custom_value": False, "auto_select_first": False, "is_radio": False, "expression": None}),
        ("MULTISELECT, values: [a]", {"item_type": "STRING", "allow_custom_value": False, "auto_select_first": False}),
        ("STRING", {"validator": None}),
        ("INT", {"min": None, "max": None}),
        ("DATETIME", {"after": None, "before": None}),
    ],
)
def test_each_type_has_its_defaults(definition, defaults):
    found = declared(f"id: a, type: {definition}")
    assert {name: getattr(found, name) for name in defaults} == defaults


@pytest.mark.parametrize("item", sorted(set(INPUT_TYPES) - {"ARRAY", "FORM"}))
def test_the_entries_of_a_list_may_be_anything_but_a_list(item):
    values = {
        **dict.fromkeys(("INT", "FLOAT"), "2"),
        **dict.fromkeys(("BOOL", "BOOLEAN"), "true"),
        **{"DATETIME": "2030-01-31T06:00:00Z", "DATE": "2030-01-31", "TIME": "06:00:00", "DURATION": "PT1M", "JSON": "[1]", "EMAIL": "a@example.com"},
        "FILE": "kestra:///a/b",
    }
    assert len(declared(f"id: a, type: ARRAY, itemType: {item}").parse([values.get(item, "x")])) == 1


@pytest.mark.parametrize(
    ("definition", "what"),
    [
        ("FILE", "the input type `FILE`"),
        ("ARRAY, itemType: FILE", "the input type `FILE`"),
        ("MULTISELECT, values: [a], itemType: SECRET", "the input type `SECRET`"),
        ("FORM, inputs: [{id: b, type: FILE}]", "the input type `FILE`"),
        ("JSON, jsonSchema: {}", "`jsonSchema`"),
    ],
)
def test_what_is_not_taken_yet_is_said_wherever_it_stands(definition, what):
    assert f"can't be started: {what}, at " in (flow(around(f"id: a, type: {definition}")).refusal() or "")


@pytest.mark.parametrize(
    ("definition", "refused"),
    [
        ("id: -a, type: STRING", "HG-0210 -a"),
        ("id: a, name: b, type: STRING", "HG-0104 name"),
        ("id: a, type: TEXT", "HG-0220 TEXT"),
        ("id: a, type: string", "HG-0220 string"),
        ("id: a, type: STRING, required: maybe", "HG-0203 maybe"),
        ("id: a, type: STRING, default: x", "HG-0201 default"),
        ("id: a, type: STRING, defaults: x, prefill: y", "HG-0410 prefill"),
        ("id: a, type: STRING, dependsOn: {condition: x}", "HG-0202 dependsOn"),
        ("id: a, type: STRING, dependsOn: {inputs: []}", "HG-0204 []"),
        ("id: a, type: STRING, dependsOn: [b]", "HG-0203 [b]"),
        ("id: a, type: STRING, validator: '(?=x)'", "HG-0414 '(?=x)'"),
        ("id: a, type: STRING, values: [a]", "HG-0201 values"),
        ("id: a, type: SELECT", "HG-0410 {id: a"),
        ("id: a, type: SELECT, values: []", "HG-0410 {id: a"),
        ("id: a, type: SELECT, values: [{label: A}]", "HG-0203 {label: A}"),
        ("id: a, type: SELECT, options: [a]", "HG-0201 options"),
        ("id: a, type: SELECT, values: [a], defaults: b", "HG-0410 b"),
        ("id: a, type: MULTISELECT, values: [a], options: [a]", "HG-0104 options"),
        ("id: a, type: MULTISELECT, values: [a], itemType: ARRAY", "HG-0204 ARRAY"),
        ("id: a, type: INT, min: 1.5", "HG-0203 1.5"),
        ("id: a, type: INT, min: true", "HG-0203 true"),
        ("id: a, type: INT, min: 2, max: 1", "HG-0410 min"),
        ("id: a, type: INT, min: 2, defaults: 1", "HG-0410 1"),
        ("id: a, type: FLOAT, max: much", "HG-0203 much"),
        ("id: a, type: FLOAT, max: true", "HG-0203 true"),
        ("id: a, type: BOOL, defaults: 3", "HG-0410 3"),
        ("id: a, type: DATETIME, after: 2030-01-31", "HG-0410 2030-01-31"),
        ("id: a, type: DATE, after: 2030-02-31", "HG-0410 2030-02-31"),
        ("id: a, type: TIME, before: six", "HG-0410 six"),
        ("id: a, type: DURATION, max: 1h", "HG-0205 1h"),
        ("id: a, type: FILE, accept: .csv, extension: .csv", "HG-0104 "),
        ("id: a, type: FILE, defaults: a.csv", "HG-0410 a.csv"),
        ("id: a, type: JSON, defaults: '{'", "HG-0410 '{'"),
        ("id: a, type: JSON, jsonSchema: [a]", "HG-0203 [a]"),
        ("id: a, type: EMAIL, defaults: nobody", "HG-0410 nobody"),
        ("id: a, type: SECRET, validator: '('", "HG-0414 '('"),
        ("id: a, type: ARRAY", "HG-0202 {id: a"),
        ("id: a, type: ARRAY, itemType: FORM", "HG-0204 FORM"),
        ("id: a, type: ARRAY, itemType: INT, defaults: [x]", "HG-0410 [x]"),
        ("id: a, type: FORM", "HG-0202 {id: a"),
        ("id: a, type: FORM, inputs: []", "HG-0204 []"),
        ("id: a, type: FORM, inputs: [{id: b, type: FORM, inputs: [{id: c, type: INT}]}]", "HG-0204 FORM"),
    ],
)
def test_a_wrong_input_is_pointed_at(definition, refused):
    found = refusals(around(definition))
    assert found
    assert found[0].startswith(refused)


def test_older_names_of_properties_of_inputs_are_said():
    found = [line for line in lines(around("name: a, type: FILE, accept: .csv", "id: b, type: MULTISELECT, options: [a]")) if "HG-0208" in line]
    assert [line.split("`")[1::2][:2] for line in found] == [["name", "id"], ["accept", "allowedFileExtensions"], ["options", "values"]]
