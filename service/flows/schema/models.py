"""From classes to JSON Schema (draft-07): what pydantic knows of them, and what the reader takes beyond that.

Values are described as YAML has them before they are read: text takes numbers and booleans, a dynamic property an expression, a property its older names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from runners.fields import Older, as_text, duration_pattern, parse_duration, read_labels, template_or
from service.engine.state import State
from service.flows.properties import property_spellings

REF = "#/definitions/"
EXPRESSION = {"$ref": f"{REF}expression"}
STRUCTURED = {"$ref": f"{REF}expressionOrJson"}
#: What stands in every document.
COMMON: Mapping[str, Any] = {
    "expression": {
        "description": "An expression that renders to the value: `{{ … }}`.",
        "type": "string",
        "pattern": r"\{\{|\{%",
        "patternErrorMessage": "neither a value that is allowed here nor an expression",
    },
    "expressionOrJson": {
        "description": "An expression that renders to the value, or JSON that holds it.",
        "type": "string",
        "pattern": r"\{\{|\{%|^\s*[\[{]",
        "patternErrorMessage": "neither an expression nor JSON",
    },
    "duration": {
        "description": "A length of time in ISO-8601: PT30S, PT5M, PT1H30M, P1D.",
        "type": "string",
        "pattern": duration_pattern(),
        "patternErrorMessage": "not an ISO-8601 duration; for example PT5M, PT30S, P1D",
    },
}
TEXT = {"type": ["string", "number", "boolean"]}
_BOOLEAN = {
    "type": ["boolean", "string", "integer"],
    "pattern": "^([01TtFfYyNn]|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[Yy][Ee][Ss]|[Nn][Oo]|[Oo][Nn]|[Oo][Ff][Ff])$",
    "patternErrorMessage": "true or false",
    "minimum": 0,
    "maximum": 1,
}
_OLD_STATE = {"enum": ["CANCELED"], "deprecated": True, "deprecationMessage": "Old spelling: write `CANCELLED`."}
#: Labels as a list; the value of each is text.
_LABEL_LIST = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"key": {"description": "The label's name.", "type": "string"}, "value": {"description": "The label's value.", **TEXT}},
        "required": ["key", "value"],
        "additionalProperties": False,
    },
}
#: What pydantic calls some bounds, where a validator of ours stands around the type.
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_INTEGER = {"type": ["integer", "string"], "pattern": r"^\s*[+-]?[0-9][0-9_]*([.]0+)?\s*$", "patternErrorMessage": "a whole number"}
_NUMBER = {"type": ["number", "string"], "pattern": r"^\s*[+-]?([0-9][0-9_]*[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\s*$", "patternErrorMessage": "a number"}


class _Generator(GenerateJsonSchema):
    """pydantic's, with the values that the reader takes; titles, which would be names of classes, are left out."""

    def normalize_name(self, name: str) -> str:
        return ".".join(name.split(".")[-2:])

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        return dict(_BOOLEAN)

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return super().int_schema(schema) | _INTEGER

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return super().float_schema(schema) | _NUMBER

    def date_schema(self, schema: core_schema.DateSchema) -> JsonSchemaValue:
        return {**TEXT, "examples": ["2026-01-31"]}

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchemaValue:
        return {**TEXT, "examples": ["06:30:00"]}

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        return {**TEXT, "examples": ["2026-01-31T06:00:00Z"]}

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        described = super().literal_schema(schema)
        return {"enum": [described["const"]]} if "const" in described else described

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        described = {key: value for key, value in super().enum_schema(schema).items() if key in ("type", "enum")}
        return {"anyOf": [described, _OLD_STATE]} if schema["cls"] is State else described

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        function = schema["function"]["function"]
        if function is parse_duration:
            return {"$ref": f"{REF}duration"}
        described = super().function_before_schema(schema)
        if function is read_labels:
            return {"anyOf": [described, _LABEL_LIST]}
        return {**described, **TEXT} if function is as_text and described.get("type") == "string" else described

    def function_wrap_schema(self, schema: core_schema.WrapValidatorFunctionSchema) -> JsonSchemaValue:
        described = super().function_wrap_schema(schema)
        if schema["function"]["function"] is not template_or or not described or _is_any_text(described):
            return described
        structured = "array" in _types(described) or "object" in _types(described)
        return {"anyOf": [*_alternatives(described), STRUCTURED if structured else EXPRESSION]}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        described = self.generate_inner(schema["schema"])
        if not described:
            return described
        if isinstance(described.get("type"), str | list) and "enum" not in described:
            return {**described, "type": [*_listed(described["type"]), "null"]}
        return {"anyOf": [*_alternatives(described), {"type": "null"}]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        default = self.get_default_value(schema)
        described = self.generate_inner(schema["schema"])
        if default is None or isinstance(default, BaseModel | timedelta):
            return described
        return super().default_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        described = super().model_schema(schema)
        described.pop("title", None)
        for field, info in schema["cls"].model_fields.items():
            _add_spellings(described, property_spellings(field, info), info)
        return described


def _listed(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else list(types)


def _types(described: Mapping[str, Any]) -> list[str]:
    """The types that a description names, in whichever of its alternatives."""
    return [kind for part in _alternatives(described) for kind in _listed(part.get("type", []))]


def _is_any_text(described: Mapping[str, Any]) -> bool:
    return any("string" in _listed(part.get("type", [])) and not {"pattern", "enum"} & part.keys() for part in _alternatives(described))


def _alternatives(described: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(described["anyOf"]) if described.keys() == {"anyOf"} else [described]


def _add_spellings(described: dict[str, Any], spellings: tuple[str, ...], info: FieldInfo) -> None:
    """The other names of a property: each may stand in its place, and only one of them."""
    first, *others = spellings
    if not others:
        return
    properties = described["properties"]
    for name in others:
        properties[name] = renamed(properties[first], first, old=isinstance(info.validation_alias, Older))
    exclude_each_other(described, spellings)


def exclude_each_other(described: dict[str, Any], names: tuple[str, ...]) -> None:
    """Only one of several names of a property may stand there; where it is required, one of them must."""
    rules = described["allOf"] = [*described.get("allOf", ())]
    if names[0] in described.get("required", ()):
        described["required"] = [name for name in described["required"] if name != names[0]]
        rules.append({"anyOf": [{"required": [name]} for name in names]})
    rules += [{"not": {"required": [one, other]}} for number, one in enumerate(names) for other in names[number + 1 :]]


def renamed(described: Mapping[str, Any], name: str, *, old: bool) -> dict[str, Any]:
    """A property under another name of it."""
    words = f"{'Old name of' if old else 'The same as'} `{name}`."
    noted = {"deprecated": True, "deprecationMessage": f"Old name: write `{name}`."} if old else {}
    return {**described, "description": f"{words} {described.get('description', '')}".rstrip(), **noted}


def described_models(models: Iterable[type[BaseModel]]) -> tuple[dict[type[BaseModel], dict[str, Any]], dict[str, Any]]:
    """By class what a map of its properties looks like; and the definitions that those refer to."""
    models = list(dict.fromkeys(models))
    generator = _Generator(by_alias=True, ref_template=f"{REF}{{model}}")
    found, definitions = generator.generate_definitions([(model, "validation", model.__pydantic_core_schema__) for model in models])
    tidied: dict[str, Any] = {str(name): {key: value for key, value in tidy(part).items() if key != "title"} for name, part in definitions.items()}
    by_class: dict[type[BaseModel], dict[str, Any]] = {}
    for model in models:
        part = found[model, "validation"]
        by_class[model] = tidied[part["$ref"].removeprefix(REF)] if "$ref" in part else tidy(part)
    return by_class, {**tidied, **COMMON}


def tidy(part: Any) -> Any:
    """In draft-07 nothing counts beside a `$ref`, so what stands there moves around it. Bounds get their names."""
    if isinstance(part, dict):
        kept = {_BOUNDS.get(key, key): tidy(value) for key, value in part.items()}
        if "$ref" in kept and len(kept) > 1:
            return {**{key: value for key, value in kept.items() if key != "$ref"}, "allOf": [{"$ref": kept["$ref"]}]}
        return kept
    return [tidy(entry) for entry in part] if isinstance(part, list | tuple) else part
