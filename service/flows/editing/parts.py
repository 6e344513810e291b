"""What the language's schema says of a place in a half-written flow: the parts that describe it, chosen by the types that are written there already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.flows.editing.sketch import Node
from service.flows.editing.spot import is_mark
from service.flows.schema.models import REF

_DEEPEST = 40

Part = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Described:
    """A property of a map: its name, what is said of it (by its type first), and whether it must be there."""

    name: str
    said: tuple[Part, ...]
    required: bool

    @property
    def part(self) -> Part:
        """What says most: the first that has words."""
        return next((part for part in self.said if part.get("description")), self.said[0])

    @property
    def old(self) -> bool:
        """Whether it is taken, and not to be offered."""
        return any("deprecationMessage" in part for part in self.said)


class Descriptions:
    """Looks parts of one schema document up."""

    def __init__(self, document: Part) -> None:
        self._document = document

    def at(self, root: Node, path: Sequence[str | int]) -> list[Part]:
        """All parts that describe what stands at a path."""
        parts, node = list(self._expanded(self._document, root, _DEEPEST)), root
        for step in path:
            below = self._node(node, step)
            parts = [found for part in parts for one in _steps(part, step) for found in self._expanded(one, below, _DEEPEST)]
            node = below
        return _distinct(parts)

    def properties(self, parts: Sequence[Part], node: Node | None) -> list[Described]:
        """The properties of a map that these parts describe, those that must be there first, then those of its own type."""
        found: dict[str, list[Part]] = {}
        required = dict.fromkeys(name for part in parts for name in _required(part))
        for part in sorted(parts, key=lambda part: -len(part.get("required", ()))):
            for name, described in part.get("properties", {}).items():
                found.setdefault(name, []).append(next(self._expanded(described, None, _DEEPEST), described))
        own = {name for part in parts for name, described in part.get("properties", {}).items() if "additionalProperties" in part and "$ref" not in described}
        excluded = {other for part in parts for other in _excluded(part, node)}
        listed = [Described(name, tuple(_distinct(all_of)), name in required) for name, all_of in found.items() if name not in excluded]
        return sorted(listed, key=lambda one: (not one.required, one.name not in own))

    def property(self, parts: Sequence[Part], name: str) -> Described | None:
        """One property by its name."""
        return next((one for one in self.properties(parts, None) if one.name == name), None)

    @staticmethod
    def _node(node: Node | None, step: str | int) -> Node:
        """What stands under a key; nothing is an empty map."""
        entry = next((entry for entry in node.entries if entry.key == step), None) if node is not None else None
        return entry.value if entry is not None and entry.value is not None else Node("map", (0, 0), (0, 0))

    def _expanded(self, part: Part, node: Node | None, deep: int) -> Iterator[Part]:
        """A part and all that it refers to, as far as they are about this map."""
        if deep == 0 or not isinstance(part, Mapping):
            return
        if "$ref" in part:
            yield from self._expanded(self._target(str(part["$ref"])), node, deep - 1)
            return
        yield part
        for below in (*part.get("allOf", ()), *(one for one in part.get("anyOf", ()) if one.keys() != {"required"})):
            yield from self._expanded(below, node, deep - 1)
        if "if" in part and node is not None and _holds(part["if"], node):
            yield from self._expanded(part.get("then", {}), node, deep - 1)

    def _target(self, reference: str) -> Part:
        name, *steps = reference.removeprefix(REF).split("/")
        found: Any = self._document["definitions"].get(name, {})
        for step in steps:
            found = found.get(step, {})
        target: Part = found
        return target


def _steps(part: Part, step: str | int) -> Iterator[Part]:
    if isinstance(step, int):
        if "items" in part:
            yield part["items"]
        return
    properties = part.get("properties", {})
    if step in properties:
        yield properties[step]
    elif isinstance(part.get("additionalProperties"), Mapping):
        yield part["additionalProperties"]


def _holds(rule: Part, node: Node) -> bool:
    """Whether a map is of the kind that a rule is about, as far as it is written."""
    if "not" in rule:
        return not _holds(rule["not"], node)
    if "anyOf" in rule:
        return any(_holds(one, node) for one in rule["anyOf"])
    present = {str(entry.key) for entry in node.entries}
    if not set(rule.get("required", ())) <= present:
        return False
    for name, part in rule.get("properties", {}).items():
        value = node.get(name)
        wanted = part["enum"] if "enum" in part else [part["const"]] if "const" in part else None
        if wanted is not None and value is not None and value.text not in wanted:
            return False
    return True


def _required(part: Part) -> Iterator[str]:
    """What must be there; of several names of one property the first."""
    yield from part.get("required", ())
    for rule in part.get("allOf", ()):
        names = [one["required"][0] for one in rule.get("anyOf", ()) if one.keys() == {"required"}]
        yield from names[:1]


def _excluded(part: Part, node: Node | None) -> Iterator[str]:
    """The names that another name of the same property rules out."""
    present = {str(entry.key) for entry in node.entries if not is_mark(entry.key)} if node is not None else set[str]()
    for rule in part.get("allOf", ()):
        names = rule.get("not", {}).get("required", ())
        if len(names) == 2:
            yield from (other for name, other in (names, names[::-1]) if name in present and other not in present)


def _distinct(parts: Sequence[Part]) -> list[Part]:
    return list({id(part): part for part in parts}.values())
