"""What an expression may name at a place of a flow: inputs, outputs of tasks before it, variables, and what is always there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from service.flows.catalogue import Catalogue
from service.flows.document import TASK_LISTS
from service.flows.editing.roots import MEMBERS, OF_LOOPS, ROOTS
from service.flows.editing.sketch import Entry, Node, Place, Sketch

_LISTS = frozenset({*TASK_LISTS, "listeners"})


@dataclass(frozen=True, slots=True)
class Name:
    """One name, what kind of thing it is, what it stands for, and where that is defined."""

    name: str
    kind: str
    words: str = ""
    detail: str = ""
    place: Place | None = None


class Names:
    """The names of one flow, as far as it is written, seen from a place of it."""

    def __init__(self, whole: Sketch, at: Place, catalogue: Catalogue) -> None:
        self._whole, self._at, self._catalogue = whole, at, catalogue

    def roots(self) -> list[Name]:
        """What an expression may begin with."""
        looping = self._in_loop()
        return [Name(name, "root", words) for name, words in ROOTS.items() if looping or name not in OF_LOOPS]

    def members(self, path: Sequence[str]) -> list[Name]:
        """What may follow a path such as `outputs`, `task`."""
        root, *below = path
        if root == "inputs":
            return self._segments(self._inputs(), below)
        if root == "outputs":
            return self._outputs(below)
        if root == "tasks":
            return self._tasks() if not below else [Name("state", "property", "Its state.")] if len(below) == 1 else []
        if root == "vars":
            return self._keys(self._whole.root.get("variables"), below, "variable")
        if root == "labels":
            return self._labels(below)
        if root in ("parent", "parents") and below[-1:] == ["taskrun"]:
            return [Name(name, "property", MEMBERS["taskrun"][name]) for name in ("value", "iteration")]
        if below and not (root == "parents" and len(below) == 1 and below[0].isdigit()):
            return []
        if root == "trigger":
            return list(self._trigger())
        return [Name(name, "property", words) for name, words in MEMBERS.get("parent" if root == "parents" and below else root, {}).items()]

    def tasks(self) -> list[Entry]:
        """The `id:` of every task that stands before the place, those around it left out."""
        around = self._around()
        return [entry for entry in self._ids() if entry.place < self._at and entry.path[:-1] not in around]

    def inputs(self) -> list[Name]:
        """The flow's inputs by their ids."""
        return list(self._inputs())

    def _around(self) -> set[tuple[str | int, ...]]:
        """The paths of everything that the place lies in."""
        last: Entry | None = None
        for entry in self._whole.entries:
            if entry.place >= self._at:
                break
            last = entry
        path = last.path if last is not None else ()
        return {path[:count] for count in range(len(path) + 1)}

    def _ids(self) -> Iterator[Entry]:
        for entry in self._whole.entries:
            if entry.key == "id" and entry.value is not None and entry.value.text and entry.holder.get("type") is not None and entry.path[0] in _LISTS:
                yield entry

    def _inputs(self) -> Iterator[Name]:
        for entry in _maps(self._whole.root.get("inputs")):
            name = _id(entry)
            if _text(entry, "type") == "FORM":
                yield from (_input(child, f"{name}.{_id(child)}") for child in _maps(entry.get("inputs")) if name and _id(child))
            elif name:
                yield _input(entry, name)

    def _segments(self, names: Iterable[Name], below: Sequence[str]) -> list[Name]:
        """The next part of dotted names."""
        found: dict[str, Name] = {}
        for name in names:
            parts = name.name.split(".")
            if parts[: len(below)] == list(below) and len(parts) > len(below):
                last = len(parts) == len(below) + 1
                part = replace(name, name=parts[len(below)]) if last else Name(parts[len(below)], name.kind, place=name.place)
                found.setdefault(part.name, part)
        return list(found.values())

    def _tasks(self) -> list[Name]:
        found: dict[str, Name] = {}
        for entry in self.tasks():
            if entry.value is not None:
                task, id = entry.holder, entry.value
                found[id.text] = Name(id.text, "task", _text(task, "description"), _text(task, "type").rpartition(".")[2], id.place)
        return list(found.values())

    def _in_loop(self) -> bool:
        """Whether one of the tasks around the place runs what is in it once for each value."""
        around = self._around()
        types = [self._catalogue.find(_text(entry.holder, "type")) for entry in self._ids() if entry.path[:-1] in around]
        return any(getattr(getattr(info.cls, "JOINED", None), "step", "") == "dynamic" for info in types if info is not None)

    def _labels(self, below: Sequence[str]) -> list[Name]:
        """Of a map, or of a list of keys and values; dotted ones by their parts too. Some are given to every execution."""
        node = self._whole.root.get("labels")
        given = [Name(name, "label", "Given by the service.") for name in ("system.from", "system.correlationId")]
        listed = [
            Name(_text(entry, "key"), "label", detail=_text(entry, "value"), place=entry.place)
            for entry in _maps(node)
            if node is not None and node.kind == "list"
        ]
        return self._segments((*self._keys(node, (), "label"), *listed, *given), below)

    def _outputs(self, below: Sequence[str]) -> list[Name]:
        if not below:
            return self._tasks()
        task = next((entry.holder for entry in self.tasks() if entry.value is not None and entry.value.text == below[0]), None)
        info = self._catalogue.find(_text(task, "type")) if task is not None else None
        if info is None or info.kind != "task" or len(below) > 1:
            return []
        outputs: Mapping[str, str] = info.cls.OUTPUTS
        return [Name(name, "output", words) for name, words in outputs.items()]

    def _trigger(self) -> Iterator[Name]:
        seen: set[str] = set()
        for trigger in _maps(self._whole.root.get("triggers")):
            info = self._catalogue.find(_text(trigger, "type"))
            outputs: Mapping[str, str] = info.cls.OUTPUTS if info is not None and info.kind == "trigger" else {}
            yield from (Name(name, "property", words, info.name.rpartition(".")[2]) for name, words in outputs.items() if info and name not in seen)
            seen |= outputs.keys()

    @staticmethod
    def _keys(node: Node | None, below: Sequence[str], kind: str) -> list[Name]:
        for step in below:
            node = node.get(step) if node is not None and node.kind == "map" else None
        if node is None or node.kind != "map":
            return []
        return [
            Name(str(entry.key), kind, detail=entry.value.text[:80] if entry.value is not None else "", place=entry.place)
            for entry in node.entries
            if entry.key
        ]


def _input(entry: Node, name: str) -> Name:
    id = entry.get("id") or entry.get("name")
    return Name(name, "input", _text(entry, "description") or _text(entry, "displayName"), _text(entry, "type"), id.place if id is not None else None)


def _maps(node: Node | None) -> list[Node]:
    return [value for value in node.values if value.kind == "map"] if node is not None else []


def _text(node: Node | None, key: str) -> str:
    value = node.get(key) if node is not None else None
    return value.text if value is not None else ""


def _id(node: Node) -> str:
    return _text(node, "id") or _text(node, "name")
