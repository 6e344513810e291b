"""The inputs that a flow declares, read from its YAML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from service.flows.inputs import INPUT_TYPES, NOT_YET_INPUT, NOT_YET_TYPES, BadValue, Input, has_template
from service.flows.mistakes import Subject, described, note_errors, path_text
from service.flows.problems import Severity, did_you_mean, escaped
from service.flows.source import Broken, Findings, Path, Source

NOT_YET = "is part of the flow language, but this version of Headgate does not run it yet"


def read_inputs(entries: list[Any], source: Source, findings: Findings, at: Path = ("inputs",)) -> tuple[Input, ...]:
    """The declared inputs; those that are wrong are noted and left out."""
    declared = tuple(_inputs(entries, source, findings, at))
    _check_ids(entries, declared, source, findings, at)
    return tuple(found for _, found in declared)


def _inputs(entries: list[Any], source: Source, findings: Findings, at: Path) -> Iterator[tuple[Path, Input]]:
    for number, entry in enumerate(entries):
        path = (*at, number)
        if findings.enough:
            return
        if isinstance(entry, Broken):
            continue
        if not isinstance(entry, dict):
            findings.add("HG-0203", source.place(path), f"`{path_text(path)}`: expected a map, got {described(entry)}", "write `- id: …` and `type: …`")
            continue
        found = _input(entry, path, source, findings)
        if found is not None:
            _check_default(found, path, source, findings)
            yield path, found


def _input(entry: dict[str, Any], path: Path, source: Source, findings: Findings) -> Input | None:
    properties = _without_old_names(entry, path, source, findings)
    properties = _without_not_yet(properties, path, source, findings)
    renamed: dict[str, Path] = {"id": ("name",)} if "name" in entry and "id" not in entry else {}
    cls = _class(properties.get("type"), path, source, findings)
    if cls is None:
        return None
    try:
        return cls.model_validate(properties, by_alias=True, by_name=False)
    except ValidationError as error:
        note_errors(error, Subject(properties, path, cls, renamed), source, findings)
        return None


def _without_old_names(entry: dict[str, Any], path: Path, source: Source, findings: Findings) -> dict[str, Any]:
    if "name" not in entry or "id" in entry:
        return entry
    findings.add("HG-0208", source.key_place((*path, "name")), "`name` is the old spelling of `id`", "write `id`", Severity.NOTICE)
    return {"id" if key == "name" else key: value for key, value in entry.items()}


def _without_not_yet(properties: dict[str, Any], path: Path, source: Source, findings: Findings) -> dict[str, Any]:
    for key in NOT_YET_INPUT & properties.keys():
        findings.add("HG-0206", source.key_place((*path, key)), f"`{key}` {NOT_YET}")
    return {key: value for key, value in properties.items() if key not in NOT_YET_INPUT}


def _class(name: Any, path: Path, source: Source, findings: Findings) -> type[Input] | None:
    """The class of an input's type; the base class, which finds what is missing, where there is none to find."""
    if isinstance(name, Broken):
        return None
    if not isinstance(name, str):
        return Input
    if name in NOT_YET_TYPES:
        findings.add("HG-0206", source.place((*path, "type")), f"the input type `{name}` {NOT_YET}")
        return None
    if name not in INPUT_TYPES:
        hint = did_you_mean(name, INPUT_TYPES) or f"one of {', '.join(sorted(INPUT_TYPES))}"
        findings.add("HG-0220", source.place((*path, "type")), f"unknown input type `{escaped(name)}`", hint)
        return None
    return INPUT_TYPES[name]


def _check_default(found: Input, path: Path, source: Source, findings: Findings) -> None:
    if found.defaults is None or isinstance(found.defaults, Broken):
        return
    where = source.place((*path, "defaults"))
    if not found.required:
        place = source.key_place((*path, "required"))
        findings.add("HG-0411", place, f"`{found.id}` has a default, so it always has a value", "`required: false` can be left out", Severity.NOTICE)
    if has_template(found.defaults):
        return
    try:
        found.parse(found.defaults)
    except BadValue as bad:
        findings.add("HG-0410", where, f"the default of `{found.id}` {bad}, but is {described(found.defaults)}")


def _check_ids(entries: list[Any], declared: tuple[tuple[Path, Input], ...], source: Source, findings: Findings, at: Path) -> None:
    seen: dict[str, Path] = {}
    for path, found in declared:
        key = "id" if "id" in entries[int(path[-1])] else "name"
        place = source.place((*path, key))
        if found.id in seen:
            first = source.place((*seen[found.id], "id"))
            findings.add("HG-0213", place, f"the input id `{found.id}` is used twice; the first is at {first.line}:{first.column}", "choose another id")
        seen.setdefault(found.id, path)
    for path, found in declared:
        parent = next((name for name in _parents(found.id) if name in seen), None)
        if parent is not None:
            place = source.place((*path, "id"))
            findings.add("HG-0412", place, f"the input `{found.id}` lies inside the input `{parent}`, which is a value of its own", "rename one of them")


def _parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))
