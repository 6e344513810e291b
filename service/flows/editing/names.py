"""What an expression may name at a place of a flow: inputs, outputs of tasks before it, variables, and what is always there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.flows.catalogue import Catalogue
from service.flows.document import TASK_LISTS
from service.flows.editing.roots import MEMBERS, ROOTS
from service.flows.editing.sketch import Entry, Node, Place, Sketch

_LISTS = frozenset({*TASK_LISTS, "listeners"})


@dataclass(frozen=True, slots=True)
class Name:
    """One name, what kind of thing it is, and what it stands for."""

    name: str
    kind: str
    words: str = ""
    detail: str = ""


class Names:
    """The names of one flow, as far as it is written, seen from a place of it."""

    def __init__(self, whole: Sketch, at: Place, catalogue: Catalogue) -> None:
        self._whole, self._at, self._catalogue = whole, at, catalogue

    def roots(self) -> list[Name]:
        """What an expression may begin with."""
        return [Name(name, "root", words) for name, words in ROOTS.items()]

    def members(self, path: Sequence[str]) -> list[Name]:
        """What may follow a path such as `outputs`, `task`."""
        root, *below = path
        if root == "inputs":
            return self._segments(self._inputs(), below)
        if root == "outputs":
            return self._outputs(below)
        if root in ("vars", "labels"):
            return self._keys(self._whole.root.get("variables" if root == "vars" else "labels"), below, "variable" if root == "vars" else "label")
        if below:
            return []
        if root == "trigger":
            return list(self._trigger())
        return [Name(name, "property", words) for name, words in MEMBERS.get(root, {}).items()]

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
                found.setdefault(parts[len(below)], Name(parts[len(below)], name.kind, name.words if last else "", name.detail if last else ""))
        return list(found.values())

    def _outputs(self, below: Sequence[str]) -> list[Name]:
        tasks = {entry.value.text: entry.holder for entry in self.tasks() if entry.value is not None}
        if not below:
            return [Name(name, "task", _text(task, "description"), _text(task, "type").rpartition(".")[2]) for name, task in tasks.items()]
        task = tasks.get(below[0])
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
        return [Name(str(entry.key), kind, detail=entry.value.text[:80] if entry.value is not None else "") for entry in node.entries if entry.key]


def _input(entry: Node, name: str) -> Name:
    return Name(name, "input", _text(entry, "description") or _text(entry, "displayName"), _text(entry, "type"))


def _maps(node: Node | None) -> list[Node]:
    return [value for value in node.values if value.kind == "map"] if node is not None else []


def _text(node: Node | None, key: str) -> str:
    value = node.get(key) if node is not None else None
    return value.text if value is not None else ""


def _id(node: Node) -> str:
    return _text(node, "id") or _text(node, "name")
