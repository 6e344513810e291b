"""What is named by `type:`: tasks, triggers, task runners, conditions, inputs. Each type has a definition, and the family has one, which chooses by the type.

The choice is a list of `if`/`then`, so that a message is about the type that was named, and an editor offers only what belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runners.fields import Spelling
from service.flows.schema.models import REF, exclude_each_other, renamed

NOT_RUN = "This version of Headgate reads and checks it, and does not run it yet."
_PARTS = ("required", "allOf", "anyOf")


@dataclass(frozen=True, slots=True)
class Member:
    """One type of a family: its names, of which the first is the one to write, its older names, its words, and what a map of its own properties looks like."""

    names: tuple[str, ...]
    old: tuple[str, ...]
    words: str
    described: Mapping[str, Any]
    #: Old names of the type under which properties are called otherwise, or are not there.
    respelled: Mapping[str, Spelling] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name to write."""
        return self.names[0]

    @property
    def spellings(self) -> tuple[tuple[str, ...], ...]:
        """All names, those together whose properties are called the same."""
        return (*self.names, *(old for old in self.old if old not in self.respelled)), *((old,) for old in self.respelled)


def words_of(cls: type[Any]) -> str:
    """What a class is, for people who write flows."""
    text = " ".join((cls.__doc__ or "").split())
    if getattr(cls, "RUN", True):
        return text
    instead = getattr(cls, "INSTEAD", None)
    return f"{text} {NOT_RUN}" if instead is None else f"{text} Instead, {instead}."


def family(kind: str, title: str, common: Mapping[str, Any], members: Sequence[Member]) -> dict[str, Any]:
    """The definitions of a family: `kind` for the family, `kind:TYPE` for each type. `common` describes what all of them have."""
    definitions: dict[str, Any] = {kind: _chooser(kind, title, common, members)}
    for member in members:
        definitions |= {f"{kind}:{names[0]}": _spelled(kind, names[0], common, member) for names in member.spellings}
    return definitions


def needed(members: Sequence[Member], more: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What must be there when nothing but the map itself gives it, by type; `more` says what else does, by the name to write."""
    rules: list[dict[str, Any]] = []
    for member in members:
        for names in member.spellings:
            rule = {**more.get(member.name, {}), **parted(_described(names[0], member))[1]}
            rules += [_choice(names, rule)] if rule else []
    return {"allOf": rules} if rules else {}


def parted(described: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A description without what says which properties must be there, and that alone."""
    rules = described.get("allOf", [])
    rest = {key: value for key, value in described.items() if key not in ("required", "allOf")}
    must = {"required": described["required"]} if described.get("required") else {}
    for part, of in ((rest, [rule for rule in rules if not _is_need(rule)]), (must, [rule for rule in rules if _is_need(rule)])):
        part.update({"allOf": of} if of else {})
    return rest, must


def _is_need(rule: Mapping[str, Any]) -> bool:
    return rule.keys() == {"anyOf"} and all(part.keys() == {"required"} for part in rule["anyOf"])


def _chooser(kind: str, title: str, common: Mapping[str, Any], members: Sequence[Member]) -> dict[str, Any]:
    return {
        "title": title,
        "description": common["description"],
        "type": "object",
        "properties": {**common["properties"], "type": _types(members, common["properties"]["type"]["description"])},
        "required": [*common.get("required", ())],
        "allOf": [*common.get("allOf", ()), *(_choice(names, {"$ref": f"{REF}{kind}:{names[0]}"}) for member in members for names in member.spellings)],
    }


def _choice(names: Iterable[str], then: Mapping[str, Any]) -> dict[str, Any]:
    return {"if": {"properties": {"type": {"enum": list(names)}}, "required": ["type"]}, "then": dict(then)}


def _types(members: Sequence[Member], words: str) -> dict[str, Any]:
    """The property `type`: old names are taken, and not offered."""
    newest = {name: member.words for member in members for name in member.names}
    old = {name: f"Old name of `{member.name}`." for member in members for name in member.old}
    offered = {"type": "string", "enum": list(newest), "markdownEnumDescriptions": list(newest.values())}
    if not old:
        return {"description": words, **offered}
    taken = {"type": "string", "enum": list(old), "markdownEnumDescriptions": list(old.values())}
    return {"description": words, "anyOf": [offered, {"description": "An old name of a type.", **taken, **_noted("An old name of a type.")}]}


def _noted(message: str) -> dict[str, Any]:
    return {"deprecated": True, "deprecationMessage": message}


def _described(name: str, member: Member) -> Mapping[str, Any]:
    """What a map of a type looks like, with the names that properties have under this name of it."""
    result = {**member.described, "properties": dict(member.described["properties"]), "allOf": list(member.described.get("allOf", ()))}
    spelling = member.respelled.get(name, Spelling())
    for key in spelling.fixed:
        result["properties"].pop(key, None)
    for old, new in spelling.renamed.items():
        result["properties"][old] = renamed(result["properties"][new], new, old=True)
        exclude_each_other(result, (new, old))
    return result


def _spelled(kind: str, name: str, common: Mapping[str, Any], member: Member) -> dict[str, Any]:
    described = _described(name, member)
    own = {key: part for key, part in described["properties"].items() if part != common["properties"].get(key)}
    shared = {key: {"$ref": f"{REF}{kind}/properties/{key}"} for key in common["properties"] if key not in own and key != "type"}
    words = " ".join(_words(name, member))
    return {
        "title": name.rpartition(".")[2],
        "description": words,
        "type": "object",
        "properties": {**shared, **own, "type": {"description": words}},
        "additionalProperties": False,
        **{key: described[key] for key in _PARTS if described.get(key)},
    }


def _words(name: str, member: Member) -> Iterator[str]:
    if name in member.respelled:
        yield f"Old name of `{member.name}`."
    yield member.words
    old = [other for other in member.old if other not in member.respelled]
    if old and name == member.name:
        yield f"Old name{'s' if len(old) > 1 else ''}: {', '.join(f'`{other}`' for other in old)}."
