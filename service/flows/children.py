"""The child tasks of a flowable, taken out of its properties, in whichever of four shapes they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from service.flows.catalogue import TypeInfo
from service.flows.draft import Draft
from service.flows.mistakes import described, path_text
from service.flows.nearest import did_you_mean, nearest
from service.flows.problems import escaped
from service.flows.source import Broken, Path

_ENTRY = frozenset({"task", "dependsOn"})


@dataclass(frozen=True, slots=True)
class Child:
    """A task as it was written, and where. `depends_on` are the ids that a task of a Dag names."""

    raw: Any
    path: Path
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """One list of children. Of cases each has one: `cases.<value>`."""

    name: str
    path: Path
    children: tuple[Child, ...]


class Children:
    """Takes the branches out of the properties of one flowable, and notes what is no list of tasks."""

    def __init__(self, draft: Draft, info: TypeInfo, path: Path) -> None:
        self._draft, self._info, self._path = draft, info, path

    def take(self, own: dict[str, Any]) -> list[Branch]:
        """The branches, in the order of the class. They are gone from `own` afterwards."""
        found: list[Branch] = []
        for name, shape in self._info.branches.items():
            value, path = own.pop(name, None), (*self._path, name)
            required = name in self._info.cls.REQUIRED
            if value is None:
                if required and not self._is_misspelt(name, own):
                    self._add("HG-0202", self._path, f"`{path_text(path)}` is missing", f"add `{name}:` with a list of tasks", key=True)
                continue
            match shape:
                case "list":
                    found.append(Branch(name, path, self._list(value, path, required)))
                case "graph":
                    found.append(Branch(name, path, tuple(self._graph(value, path, required))))
                case "one":
                    found.append(Branch(name, path, (Child(value, path),)))
                case _:
                    found += self._cases(name, value, path)
        return found

    def _is_misspelt(self, name: str, own: dict[str, Any]) -> bool:
        """Whether it is there under nearly its name, which is pointed at by itself."""
        return any(nearest(key, [name]) for key in own if key not in self._info.properties and key not in self._info.branches)

    def _list(self, value: Any, path: Path, required: bool) -> tuple[Child, ...]:
        return tuple(Child(entry, (*path, number)) for number, entry in enumerate(self._entries(value, path, required)))

    def _entries(self, value: Any, path: Path, required: bool) -> list[Any]:
        if isinstance(value, list):
            if required and not value:
                self._add("HG-0204", path, f"`{path_text(path)}` has no tasks", "add one, or take the group out", key=True)
            return value
        if not isinstance(value, Broken):
            hint = "put `- ` before each task" if isinstance(value, dict) else None
            self._add("HG-0203", path, f"`{path_text(path)}`: expected a list of tasks, got {described(value)}", hint)
        return []

    def _cases(self, name: str, value: Any, path: Path) -> Iterator[Branch]:
        if not isinstance(value, dict):
            if not isinstance(value, Broken):
                self._add(
                    "HG-0203", path, f"`{path_text(path)}`: expected a map of lists of tasks, got {described(value)}", "write `VALUE:` and below it the tasks"
                )
            return
        for case, tasks in value.items():
            where = (*path, case)
            yield Branch(f"{name}.{case}", where, self._list([] if tasks is None else tasks, where, required=False))

    def _graph(self, value: Any, path: Path, required: bool) -> Iterator[Child]:
        for number, entry in enumerate(self._entries(value, path, required)):
            where = (*path, number)
            if not self._draft.is_map(entry, where, "write `- task:` and below it the task"):
                continue
            if "task" not in entry:
                hint = "put the task itself under `task:`" if "id" in entry or "type" in entry else "add `task: …`"
                self._add("HG-0202", where, f"`{path_text((*where, 'task'))}` is missing", hint)
                continue
            for key in entry.keys() - _ENTRY:
                unknown = f"unknown property `{escaped(path_text((*where, key)))}`"
                self._add("HG-0201", (*where, key), unknown, did_you_mean(key, _ENTRY) or "known here: `dependsOn`, `task`", key=True)
            yield Child(entry["task"], (*where, "task"), tuple(self._names(entry.get("dependsOn"), (*where, "dependsOn"))))

    def _names(self, value: Any, path: Path) -> Iterator[str]:
        if value is None or isinstance(value, Broken):
            return
        if not isinstance(value, list):
            self._add("HG-0203", path, f"`{path_text(path)}`: expected a list, got {described(value)}", "put `- ` before each id")
            return
        for number, name in enumerate(value):
            if isinstance(name, str | int) and not isinstance(name, bool):
                yield str(name)
            elif not isinstance(name, Broken):
                self._add("HG-0203", (*path, number), f"`{path_text((*path, number))}`: expected the id of a task, got {described(name)}")

    def _add(self, code: str, path: Path, message: str, hint: str | None = None, *, key: bool = False) -> None:
        place = self._draft.source.key_place(path) if key else self._draft.source.place(path)
        self._draft.findings.add(code, place, message, hint)
