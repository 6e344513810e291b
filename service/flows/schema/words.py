"""A part of a schema in a few words: what kind of value belongs there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from service.flows.schema.models import REF

_REFERRED = {"duration": "duration", "expression": "expression", "expressionOrJson": "expression"}
_MOST_CHOICES = 12
_DEEP = 6


def kind_of(part: Mapping[str, Any]) -> str:
    """`text`, `list of text or expression`, `one of A, B`, …"""
    return " or ".join(dict.fromkeys(_kinds(part, _DEEP))) or "anything"


def choices_of(part: Mapping[str, Any]) -> list[str]:
    """The values that are offered for a property, as YAML writes them."""
    found = [value for one in alternatives(part) if not one.get("deprecated") for value in one.get("enum", ())]
    if any(_listed(one.get("type")) == ["boolean", "string", "integer"] for one in alternatives(part)):
        found += [True, False]
    return [("true" if value else "false") if isinstance(value, bool) else str(value) for value in found]


def alternatives(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A part, or what it may be one of; without the alternative of nothing at all."""
    below = [*part.get("anyOf", ()), *(part["allOf"] if part.keys() <= {"allOf", "description", "default"} and "allOf" in part else ())]
    if not below:
        yield part
    for one in below:
        if one != {"type": "null"}:
            yield from alternatives(one)


def _kinds(part: Mapping[str, Any], deep: int) -> Iterator[str]:
    for one in alternatives(part):
        if not one.get("deprecated"):
            yield _kind(one, deep)


def _kind(part: Mapping[str, Any], deep: int) -> str:
    if "$ref" in part:
        name = str(part["$ref"]).removeprefix(REF)
        return _REFERRED.get(name, name if name in ("task", "trigger", "input", "condition") else "map")
    if "markdownEnumDescriptions" in part:
        return "type"
    if "enum" in part:
        shown = [str(value).lower() if isinstance(value, bool) else str(value) for value in part["enum"][:_MOST_CHOICES]]
        return f"one of {', '.join(shown)}{', …' if len(part['enum']) > _MOST_CHOICES else ''}" if len(shown) > 1 else shown[0]
    types = [name for name in _listed(part.get("type")) if name != "null"]
    if types == ["array"]:
        return f"list of {kind_of_entry(part.get('items', {}), deep)}"
    if types == ["object"]:
        return "map"
    return _PLAIN.get(tuple(types), "anything")


_PLAIN = {
    ("string", "number", "boolean"): "text",
    ("string",): "text",
    ("boolean", "string", "integer"): "true or false",
    ("integer", "string"): "whole number",
    ("number", "string"): "number",
    ("string", "integer", "number"): "text",
}


def kind_of_entry(part: Mapping[str, Any], deep: int = _DEEP) -> str:
    """What a list holds, in the plural where that is clearer."""
    if deep == 0 or not part:
        return "anything"
    return " or ".join(f"{kind}s" if kind in ("task", "trigger", "input", "condition", "map") else kind for kind in dict.fromkeys(_kinds(part, deep - 1)))


def _listed(types: Any) -> list[str]:
    return [types] if isinstance(types, str) else list(types or ())
