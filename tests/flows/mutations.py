"""One mistake at a time, made in the text of a flow that is right: what may be wrong at each place follows from the classes that read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from runners.fields import Typed
from service.flows.catalogue import Catalogue
from service.flows.conditions import _CLASSES, _FOUND
from service.flows.document import FlowProperties, PluginDefault, TaskProperties, TriggerProperties
from service.flows.findings import Findings
from service.flows.inputs import INPUT_TYPES
from service.flows.loading import read_source
from service.flows.properties import models_in, property_spellings
from service.flows.source import Path, Place, Source

Models = tuple[type[BaseModel], ...]
#: Maps whose keys are anybody's own.
FREE = frozenset((name,) for name in ("labels", "variables", "env", "inputs", "inputFiles", "cases"))
TASK_LISTS = frozenset({"tasks", "errors", "finally", "afterExecution", "listeners"})


@dataclass(frozen=True)
class Mutant:
    """A text with one mistake in it, and the lines on which it must be noticed: any of them will do."""

    what: str
    text: str
    lines: frozenset[int]


@dataclass(frozen=True)
class Property:
    """A key of a map that some classes read. `kinds` are the classes below its value."""

    path: Path
    value: Any
    field: FieldInfo | None
    required: bool
    kinds: Models = ()


class Mutator:
    """All mutants of one text."""

    def __init__(self, text: str, catalogue: Catalogue) -> None:
        self.text = text
        self.rows = text.splitlines()
        self.catalogue = catalogue
        source = read_source(text.encode(), Findings("x"))[1]
        assert source is not None
        self.source: Source = source
        self.properties = list(self._of_map(source.value, (), (FlowProperties,)))

    def mutants(self) -> Iterator[Mutant]:
        """Every mistake at every place where it can be made."""
        for found in self.properties:
            yield self._misspelt_key(found)
            if found.required and len(self.properties_beside(found)) > 1 and (dropped := self._dropped(found)):
                yield dropped
            yield from self._changed_value(found)
        yield from self._other_misspelt_keys()
        yield from self._doubled_ids()
        yield from self._lost_references()

    def properties_beside(self, found: Property) -> Mapping[str, Any]:
        """The map that it is in. Nothing at all is left where it was alone, which is something else than a map without it."""
        value = self.source.value
        for step in found.path[:-1]:
            value = value[step]
        assert isinstance(value, dict)
        return value

    # what the classes know

    def _of_map(self, value: Mapping[str, Any], path: Path, models: Models) -> Iterator[Property]:
        fields = {name: (field, info) for model in models for field, info in model.model_fields.items() for name in property_spellings(field, info)}
        branches = {name: shape for model in models for name, shape in getattr(model, "BRANCHES", {}).items()}
        for key, part in value.items():
            where = (*path, key)
            if key in fields:
                info = fields[key][1]
                yield Property(where, part, info, info.is_required() and not isinstance(part, type(None)))
                yield from self._below(part, where, key, info, models)
            elif key in branches:
                yield Property(where, part, None, key in getattr(models[-1], "REQUIRED", ()))
                yield from self._of_branch(part, where, branches[key])
            elif key == "type":
                yield Property(where, part, None, True)

    def _below(self, value: Any, path: Path, key: str, info: FieldInfo, models: Models) -> Iterator[Property]:
        for entry, where in _maps(value, path):
            if models == (FlowProperties,):
                kinds = self._of_flow(key, entry)
            elif key in ("conditions", "scheduleConditions"):
                kinds = _condition(entry)
            elif key == "taskRunner":
                kinds = self._typed(entry, ())
            elif issubclass(models[0], INPUT_TYPES["FORM"]) and key == "inputs":
                kinds = _input(entry)
            else:
                kinds = tuple(models_in(info.annotation))
            if kinds:
                yield from self._of_map(entry, where, kinds)
            if key == "listeners":
                yield from self._of_listener(entry, where)

    def _of_flow(self, key: str, entry: Mapping[str, Any]) -> Models:
        if key in TASK_LISTS - {"listeners"}:
            return self._typed(entry, (TaskProperties,))
        if key == "triggers":
            return self._typed(entry, (TriggerProperties,))
        if key in ("inputs", "pluginDefaults"):
            return _input(entry) if key == "inputs" else (PluginDefault,)
        return tuple(models_in(next(info.annotation for name, info in FlowProperties.model_fields.items() if key in property_spellings(name, info))))

    def _of_listener(self, entry: Mapping[str, Any], path: Path) -> Iterator[Property]:
        yield from self._of_branch(entry["tasks"], (*path, "tasks"), "list")
        for number, condition in enumerate(entry["conditions"]):
            yield from self._of_map(condition, (*path, "conditions", number), _condition(condition))

    def _of_branch(self, value: Any, path: Path, shape: str) -> Iterator[Property]:
        if shape == "cases":
            for case, entries in value.items():
                yield from self._of_branch(entries, (*path, case), "list")
            return
        for entry, where in _maps(value, path):
            task, inner = (entry["task"], (*where, "task")) if shape == "graph" else (entry, where)
            yield from self._of_map(task, inner, self._typed(task, (TaskProperties,)))

    def _typed(self, entry: Mapping[str, Any], shared: Models) -> Models:
        info = self.catalogue.find(str(entry.get("type")))
        return (*shared, info.cls) if info else shared

    # mistakes

    def _misspelt_key(self, found: Property) -> Mutant:
        place = self.source.key_place(found.path)
        above = self._above(found.path) if found.required or found.path[-1] == "type" else frozenset()
        return Mutant(f"misspelt key {_shown(found.path)}", self._with(place, f"{found.path[-1]}x"), above | {place.line})

    def _other_misspelt_keys(self) -> Iterator[Mutant]:
        """Keys that no class has, but the language: nothing but names that people choose may be called anything."""
        seen = {found.path for found in self.properties}
        for path in _keys(self.source.value, ()):
            if path not in seen and path[-2:-1] not in FREE:
                yield self._misspelt_key(Property(path, None, None, True))

    def _dropped(self, found: Property) -> Mutant | None:
        """Without the property. One that begins an entry of a list leaves its dash to the next."""
        place = self.source.key_place(found.path)
        row = self.rows[place.line - 1]
        last = next((n for n in range(place.line, len(self.rows)) if _indent(self.rows[n]) < place.column), len(self.rows))
        rows = [*self.rows[: place.line - 1], *self.rows[last:]]
        if row[: place.column - 1].strip() == "-":
            if last >= len(self.rows) or _indent(self.rows[last]) != place.column - 1 or self.rows[last].lstrip().startswith("- "):
                return None
            rows[place.line - 1] = row[: place.column - 1] + rows[place.line - 1][place.column - 1 :]
        return Mutant(f"dropped {_shown(found.path)}", "\n".join(rows) + "\n", self._above(found.path))

    def _above(self, path: Path) -> frozenset[int]:
        """The lines of the map that the property is in: of its key, and of its beginning."""
        return frozenset({self.source.key_place(path[:-1]).line, self.source.place(path[:-1]).line})

    def _changed_value(self, found: Property) -> Iterator[Mutant]:
        place, value, annotation = self.source.place(found.path), found.value, found.field.annotation if found.field else str
        name = _shown(found.path)
        if found.path[-1] == "type" and isinstance(value, str):
            yield Mutant(f"misspelt type {name}", self._with(place, f"{value}x"), frozenset({place.line}))
        elif isinstance(value, str) and _is_choice(annotation):
            yield Mutant(f"misspelt choice {name}", self._with(place, f"{value}X"), frozenset({place.line}))
        if place.line != place.end_line or not isinstance(value, str | int | float):
            return
        if isinstance(value, str) and not _takes(annotation, list):
            yield Mutant(f"text to list {name}", self._with(place, "[a, b]"), frozenset({place.line}))
        if isinstance(value, int | float) and not _takes(annotation, dict):
            yield Mutant(f"number to map {name}", self._with(place, "{a: 1}"), frozenset({place.line}))

    def _doubled_ids(self) -> Iterator[Mutant]:
        """The id of the first thing of a kind, given to each other one."""
        first: dict[str, str] = {}
        for found in self.properties:
            kind = self._kind_of_id(found.path)
            if kind is None:
                continue
            if kind in first:
                place = self.source.place(found.path)
                yield Mutant(f"doubled {_shown(found.path)}", self._with(place, first[kind]), frozenset({place.line}))
            first.setdefault(kind, str(found.value))

    @staticmethod
    def _kind_of_id(path: Path) -> str | None:
        if path[-1] not in ("id", "name") or len(path) < 3:
            return None
        if path[0] in TASK_LISTS and path[-2] != "outputs" and (isinstance(path[-2], int) or path[-2] == "task") and path[-3] not in ("outputs", "inputs"):
            return "task"
        return str(path[0]) if path[0] in ("triggers", "inputs", "outputs") and len(path) == 3 else None

    def _lost_references(self) -> Iterator[Mutant]:
        """Names in expressions and in dependencies, each with a letter too many."""
        for number, row in enumerate(self.rows, 1):
            for match in re.finditer(r"\b(?:outputs|inputs|vars|trigger)\.\w+", row):
                if "trigger.outputs" not in row and "{{" in row:
                    yield self._lost(number, match.end(), match[0])
        for path in _dependencies(self.source.value, ()):
            place = self.source.place(path)
            yield self._lost(place.line, place.end_column - 1, _shown(path))

    def _lost(self, line: int, end: int, what: str) -> Mutant:
        rows = [*self.rows]
        rows[line - 1] = f"{rows[line - 1][:end]}xx{rows[line - 1][end:]}"
        return Mutant(f"lost {what}", "\n".join(rows) + "\n", frozenset({line}))

    def _with(self, place: Place, text: str) -> str:
        rows = [*self.rows]
        row = rows[place.line - 1]
        rows[place.line - 1] = f"{row[: place.column - 1]}{text}{row[place.end_column - 1 :]}"
        return "\n".join(rows) + "\n"


def _maps(value: Any, path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """A map, or those in a list."""
    if isinstance(value, dict):
        yield value, path
    for number, entry in enumerate(value if isinstance(value, list) else ()):
        if isinstance(entry, dict):
            yield entry, (*path, number)


def _keys(value: Any, path: Path) -> Iterator[Path]:
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(key, str):
            yield (*path, key)
        yield from _keys(part, (*path, key))


def _input(entry: Mapping[str, Any]) -> Models:
    return (INPUT_TYPES[str(entry["type"])],)


def _condition(entry: Mapping[str, Any]) -> Models:
    return (_CLASSES[_FOUND[str(entry["type"])]],)


def _dependencies(value: Any, path: Path) -> Iterator[Path]:
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key == "dependsOn" and isinstance(part, list) and "task" in value:
            yield from ((*path, key, number) for number in range(len(part)))
        else:
            yield from _dependencies(part, (*path, key))


def _parts(annotation: Any) -> Iterator[Any]:
    """What a type is put together of."""
    yield annotation
    for part in get_args(annotation) if get_origin(annotation) is not Literal else ():
        yield from _parts(part)


def _is_choice(annotation: Any) -> bool:
    return any(get_origin(part) is Literal for part in _parts(annotation)) and not _takes(annotation, str)


def _takes(annotation: Any, kind: type) -> bool:
    """Whether a value of another kind may be right."""
    return any(part is Any or (get_origin(part) or part) is kind or (kind is not str and _is_tuple(part)) for part in _parts(annotation))


def _is_tuple(part: Any) -> bool:
    return (get_origin(part) or part) is tuple


def _indent(row: str) -> int:
    return len(row) - len(row.lstrip()) if row.strip() else 1_000


def _shown(path: Path) -> str:
    return ".".join(map(str, path))


def types_in(text: str, catalogue: Catalogue) -> frozenset[str]:
    """The types that a flow names, canonical."""
    names = re.findall(r"^\s*(?:- )?type: (\S+)$", text, re.MULTILINE)
    found = [catalogue.find(name) for name in names]
    return frozenset(info.name for info in found if info is not None and issubclass(info.cls, Typed))
