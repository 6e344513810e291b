"""Plugin defaults of the file that reach nothing: types that nobody has, properties that none of their types has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from service.flows.catalogue import Catalogue, TypeInfo
from service.flows.defaults import COMMON, Default, has
from service.flows.draft import Draft
from service.flows.nearest import did_you_mean, nearest_type
from service.flows.problems import MOST, Severity, escaped
from service.flows.source import Path


def check_defaults(entries: list[Any], path: Path, draft: Draft) -> None:
    """The entries of `pluginDefaults`, as they were written. One that is wrong otherwise, or a set that tasks ask for, is left alone."""
    before = len(draft.findings.problems)
    steps, starts = draft.outline.steps, draft.outline.starts
    missing = frozenset(_types_in([*(step.raw for step in steps if not step.info), *(start.raw for start in starts if not start.info)]))
    for number, entry in enumerate(entries):
        name, values = (entry.get("type"), entry.get("values")) if isinstance(entry, dict) else (None, None)
        if isinstance(name, str) and isinstance(values, dict) and not entry.get("ref"):
            _check(name, values, (*path, number), draft, draft.allow_unknown_types or Default(name, {}).concerns(missing))
        if len(draft.findings.problems) - before > MOST:
            return


def _check(name: str, values: Mapping[str, Any], path: Path, draft: Draft, missing: bool) -> None:
    """`missing`: it is for a type that the flow uses and that is not installed, or may be; nobody is told twice."""
    exact = draft.catalogue.find(name)
    if exact is not None and all(has(exact, key) for key in values):
        return
    types = list(_concerned(name, draft.catalogue))
    if not types and not missing:
        _note_unknown(name, path, draft)
    if not types or (exact is None and missing):
        return
    unknown = (key for key in values if not any(has(info, key) for info in types))
    for key in islice(unknown, MOST):
        _note_property(key, name, types, (*path, "values", key), draft)


def _concerned(name: str, catalogue: Catalogue) -> Iterator[TypeInfo]:
    """The installed types that a default is for, the one of that name first."""
    default = Default(name, {})
    exact = catalogue.find(name)
    if exact is not None:
        yield exact
    for known in catalogue.names():
        if default.concerns(catalogue.spellings(known)) and (exact is None or exact.name != known):
            yield from filter(None, [catalogue.find(known)])


def _known(info: TypeInfo) -> frozenset[str]:
    return info.properties | COMMON.get(info.kind, frozenset()) | frozenset(info.branches)


def _types_in(value: Any) -> Iterator[str]:
    """The types that are named in a value: also those of parts, such as the provider of a model."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        if key == "type" and isinstance(part, str):
            yield part
        elif isinstance(part, dict | list):
            yield from _types_in(part)


def _note_unknown(name: str, path: Path, draft: Draft) -> None:
    near = nearest_type(name, draft.catalogue.names())
    message = f"no installed type is `{escaped(name, 120)}` or begins with it"
    draft.findings.add("HG-0224", draft.source.place((*path, "type")), message, f"did you mean `{near}`?" if near else None, Severity.WARNING)


def _note_property(key: str, name: str, types: list[TypeInfo], path: Path, draft: Draft) -> None:
    place = draft.source.key_place(path)
    if any((found.line, found.column) == (place.line, place.column) for found in draft.findings.problems):
        return  # a task has the default, and has been told
    what = f"`{types[0].name}` has" if len(types) == 1 else f"none of the types of `{escaped(name, 120)}` has"
    near = did_you_mean(key, frozenset(known for info in types for known in _known(info)))
    message = f"{what} {'no' if len(types) == 1 else 'a'} property `{escaped(key)}`"
    draft.findings.add("HG-0225", place, message, near, Severity.WARNING)
