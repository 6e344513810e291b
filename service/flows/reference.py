"""Reference pages of types, and the groups that they stand in; made from the same schema as everything else that is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from service.flows.catalogue import Catalogue
from service.flows.conditions import condition_names, condition_types
from service.flows.inputs import INPUT_TYPES
from service.flows.schema import named_schema
from service.flows.schema.families import words_of
from service.flows.schema.language import CONDITION, INPUT, RUNNER, TASK, TRIGGER
from service.flows.schema.models import REF
from service.flows.schema.words import choices_of, kind_of

_KINDS = {"task": "tasks", "trigger": "triggers", "task_runner": "taskRunners"}
_HEAD = frozenset({"$schema", "$id", "definitions", "title"})
_TASK = ("- id: first", "  type: io.kestra.plugin.core.log.Log", "  message: Hello")
_PLACEHOLDERS = {"duration": "PT10S", "whole number": "1", "number": "1", "true or false": "true"}


def groups(catalogue: Catalogue) -> list[dict[str, Any]]:
    """All types by package, each with what it is."""
    found: dict[str, dict[str, Any]] = {}
    conditions = condition_types()
    for name in sorted((*catalogue.names(), *conditions)):
        info = catalogue.find(name)
        group = found.setdefault(name.rpartition(".")[0], _group(name.rpartition(".")[0]))
        cls = info.cls if info else conditions[name]
        old = catalogue.spellings(name)[1:] if info else tuple(other for other in condition_names()[name] if other != name)
        group[_KINDS[info.kind] if info else "conditions"].append(
            {"cls": name, "title": name.rpartition(".")[2], "description": words_of(cls), "deprecated": False, "runs": bool(getattr(cls, "RUN", True))}
        )
        group["aliases"] += old
    return list(found.values())


def _group(package: str) -> dict[str, Any]:
    name = package.removeprefix("io.kestra.plugin.")
    lists: dict[str, Any] = {key: [] for key in (*_KINDS.values(), "conditions", "aliases")}
    return {"name": name, "title": name.replace(".", " ").capitalize(), "group": package, **lists}


def input_types() -> list[dict[str, str]]:
    """All types of inputs, each with what it is."""
    return [{"type": name, "description": words_of(cls)} for name, cls in INPUT_TYPES.items()]


def page(catalogue: Catalogue, name: str, *, everything: bool = False) -> dict[str, Any] | None:
    """What there is to know of a type: a page in Markdown, and its schema; None where there is no such type.

    Properties that all tasks or triggers have are left out, unless `everything` is wanted.
    """
    return _page(catalogue, name, (TASK, TRIGGER, RUNNER, CONDITION), everything)


def input_page(catalogue: Catalogue, name: str) -> dict[str, Any] | None:
    """The same of a type of inputs."""
    return _page(catalogue, name, (INPUT,), everything=True)


def _page(catalogue: Catalogue, name: str, kinds: tuple[str, ...], everything: bool) -> dict[str, Any] | None:
    document = named_schema(catalogue, name, kinds)
    if document is None:
        return None
    described = {key: part for key, part in document.items() if key not in _HEAD}
    if not everything:
        described["properties"] = {key: part for key, part in described["properties"].items() if "$ref" not in part}
    info = catalogue.find(name)
    outputs: Mapping[str, str] = info.cls.OUTPUTS if info else {}
    schema = {"properties": described, "definitions": document["definitions"]}
    if outputs:
        schema["outputs"] = {"type": "object", "properties": {key: {"description": words} for key, words in outputs.items()}}
    return {"markdown": "\n".join(_markdown(document, described, outputs)), "schema": schema}


def _markdown(document: Mapping[str, Any], described: Mapping[str, Any], outputs: Mapping[str, str]) -> Iterator[str]:
    name = str(document["title"])
    yield from (f"# {name.rpartition('.')[2]}", "", described["description"], "", "```yaml", *example(document), "```", "", "## Properties", "")
    required = described.get("required", ())
    for key, part in described["properties"].items():
        if key != "type":
            target = resolved(part, document["definitions"])
            yield f"- **{key}** ({', '.join(_facts(key, target, required))}): {target.get('description', '')}"
    if outputs:
        yield from ("", "## Outputs", "", *(f"- **{key}**: {words}" for key, words in outputs.items()))


def _facts(key: str, part: Mapping[str, Any], required: Any) -> Iterator[str]:
    yield kind_of(part)
    if key in required:
        yield "required"
    if part.get("default") not in (None, "", [], {}):
        default = part["default"]
        yield f"default `{str(default).lower() if isinstance(default, bool) else default}`"


def resolved(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference refers to; a part that is none, itself."""
    if "$ref" not in part:
        return part
    name, *steps = str(part["$ref"]).removeprefix(REF).split("/")
    found: Mapping[str, Any] = definitions.get(name, {})
    for step in steps:
        found = found.get(step, {})
    return resolved(found, definitions)


def example(document: Mapping[str, Any]) -> list[str]:
    """The fewest lines that a map of this type can have."""
    name = str(document["title"])
    lines: list[str] = []
    for key in document["required"]:
        part = resolved(document["properties"][key], document["definitions"])
        lines += [f"{key}: {name}"] if key == "type" else [f"{key}: {_snake(name)}"] if key == "id" else _value(key, part)
    return lines


def _snake(name: str) -> str:
    last = name.rpartition(".")[2]
    return "".join(
        f"_{letter.lower()}" if letter.isupper() and number and not last[number - 1].isupper() else letter.lower() for number, letter in enumerate(last)
    )


def _quoted(value: Any) -> str:
    """A value as YAML has it; text with signs of its own in quotes."""
    return str(value) if str(value).replace("_", "").isalnum() else f'"{value}"'


def _value(key: str, part: Mapping[str, Any]) -> list[str]:
    choices = choices_of(part) or part.get("examples", [])[:1]
    kind = kind_of(part).partition(" or ")[0]
    if choices:
        first = choices[0] if isinstance(choices[0], list) else None
        return [f"{key}: {_quoted(choices[0])}"] if first is None else [f"{key}:", *(f"  - {_quoted(entry)}" for entry in first)]
    if kind == "list of tasks":
        return [f"{key}:", *(f"  {line}" for line in _TASK)]
    if "task" in part.get("items", {}).get("properties", {}):
        return [f"{key}:", "  - task:", *(f"    {line.replace('-', ' ', 1)}" for line in _TASK)]
    if kind.startswith("list of"):
        return [f"{key}:", "  - …"]
    if kind.startswith("map"):
        return [f"{key}:", "  name: …"]
    return [f"{key}: {_PLACEHOLDERS.get(kind, '…')}"]
