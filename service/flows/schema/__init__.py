"""The flow language as JSON Schema (draft-07, which the YAML servers of editors read best), made from the classes that read it.

A schema says less than the reader does: what takes two places of a file (ids that are used twice, references, circles), dates, patterns and expressions are
the reader's alone. What the reader takes the schema takes, but for oddities such as `true` in the place of 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from runners.fields import Spelling
from service.flows.catalogue import Catalogue
from service.flows.document import IGNORED_FLOW, NOT_RUN_FLOW, TASK_LISTS, FlowProperties
from service.flows.schema.families import NOT_RUN, Member, parted
from service.flows.schema.language import (
    CONDITION,
    DEFAULT,
    INPUT,
    NEEDED_TASK,
    NEEDED_TRIGGER,
    OUTPUT,
    RUNNER,
    TASK,
    TRIGGER,
    Language,
    listed,
    ref,
)
from service.flows.schema.models import REF, exclude_each_other, renamed

__all__ = ["flow_schema", "kind_schema", "language_of", "named_schema"]

_DRAFT = "http://json-schema.org/draft-07/schema#"


@lru_cache(maxsize=4)
def language_of(catalogue: Catalogue) -> Language:
    """The definitions of a catalogue's language; made once, which imports every class."""
    return Language(catalogue)


def flow_schema(catalogue: Catalogue) -> dict[str, Any]:
    """The schema of a flow file."""
    language = language_of(catalogue)
    return _document("flow", "Headgate flow", _flow(language), language)


def kind_schema(catalogue: Catalogue, kind: str) -> dict[str, Any]:
    """The schema of any `task`, `trigger`, `taskRunner`, `condition`, `input` or `pluginDefault`; raises KeyError for another word."""
    language = language_of(catalogue)
    needs = {TASK: NEEDED_TASK, TRIGGER: NEEDED_TRIGGER}.get(kind)
    described = language.definitions[kind]
    root = {**described, "allOf": [*described["allOf"], ref(needs)]} if needs else described
    return _document(kind, str(described["title"]), root, language)


def named_schema(catalogue: Catalogue, name: str, kinds: tuple[str, ...] = (TASK, TRIGGER, RUNNER, CONDITION, INPUT)) -> dict[str, Any] | None:
    """The schema of what one type names, by its name or an older one; None where there is none."""
    language = language_of(catalogue)
    for kind in kinds:
        for member in language.members[kind]:
            for names in member.spellings:
                if name in names:
                    return _document(f"{kind}:{names[0]}", names[0], _named(kind, names, member, language), language)
    return None


def _named(kind: str, names: tuple[str, ...], member: Member, language: Language) -> dict[str, Any]:
    described = language.definitions[f"{kind}:{names[0]}"]
    own = parted(member.described)[1]
    common = language.definitions[kind]
    swapped = member.respelled.get(names[0], Spelling()).renamed
    required = [name for name in dict.fromkeys((*common["required"], *own.get("required", ()))) if name not in swapped.values()]
    either = [{"anyOf": [{"required": [new]}, {"required": [old]}]} for old, new in swapped.items() if new in own.get("required", ())]
    rules = [*described.get("allOf", ()), *(rule for rule in own.get("allOf", ()) if rule not in described.get("allOf", ())), *either]
    words = described["properties"]["type"]["description"]
    properties = {**described["properties"], "type": {"description": words, "enum": list(names)}}
    return {**described, "properties": properties, "required": required, **({"allOf": rules} if rules else {})}


def _flow(language: Language) -> dict[str, Any]:
    described = language.models[FlowProperties]
    properties = dict(described["properties"])
    items: dict[str, Any] = {
        **{name: listed(ref(TASK), int(name == "tasks")) for name in TASK_LISTS},
        "outputs": listed(ref(OUTPUT)),
        "triggers": listed(ref(TRIGGER)),
        "inputs": listed(ref(INPUT)),
        "pluginDefaults": listed(ref(DEFAULT)),
    }
    for name, part in items.items():
        properties[name] = {"description": properties[name]["description"], **part}
    for name in NOT_RUN_FLOW & properties.keys():
        properties[name] = {**properties[name], "description": f"{properties[name]['description']} {NOT_RUN}"}
    properties["taskDefaults"] = renamed(properties["pluginDefaults"], "pluginDefaults", old=True)
    properties["extend"] = {"description": "Yours: anything about the flow that other programs read."}
    for name, why in sorted(IGNORED_FLOW.items()):
        properties[name] = {"description": f"Ignored: {why}.", "deprecationMessage": f"Ignored: {why}."}
    flow = {**described, "properties": properties, "allOf": list(described.get("allOf", ()))}
    exclude_each_other(flow, ("pluginDefaults", "taskDefaults"))
    return {**flow, "description": "A flow: what is done, in which order, and when.", **_without_defaults()}


def _without_defaults() -> dict[str, Any]:
    """Properties that a type must have may come from plugin defaults, so they are asked for only where there are none."""
    needed = {
        **{name: {"items": ref(NEEDED_TASK)} for name in TASK_LISTS},
        "listeners": {"items": {"properties": {"tasks": {"items": ref(NEEDED_TASK)}}}},
        "triggers": {"items": ref(NEEDED_TRIGGER)},
    }
    given = {"anyOf": [{"required": ["pluginDefaults"]}, {"required": ["taskDefaults"]}]}
    return {"if": {"not": given}, "then": {"properties": needed}}


def _document(name: str, title: str, root: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """A schema with the definitions that it needs, and no others."""
    found: dict[str, Any] = {}
    left = [root]
    while left:
        for target in _targets(left.pop()):
            if target not in found:
                found[target] = language.definitions[target]
                left.append(found[target])
    head = {"$schema": _DRAFT, "$id": f"urn:headgate:schema:{name}", "title": title}
    return {**head, **{key: part for key, part in root.items() if key != "title"}, "definitions": dict(sorted(found.items()))}


def _targets(part: Any) -> Iterator[str]:
    """The definitions that a part of a schema refers to."""
    if isinstance(part, Mapping):
        if isinstance(part.get("$ref"), str):
            yield str(part["$ref"]).removeprefix(REF).split("/")[0]
        for value in part.values():
            yield from _targets(value)
    elif isinstance(part, list | tuple):
        for entry in part:
            yield from _targets(entry)
