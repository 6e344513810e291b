"""Plugin defaults of the file that reach nothing: types that nobody has, properties that none of their types has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from service.flows.catalogue import Catalogue, TypeInfo, property_names
from service.flows.defaults import Default
from service.flows.document import TaskProperties, TriggerProperties
from service.flows.draft import Draft
from service.flows.problems import Severity, did_you_mean, escaped, nearest_type
from service.flows.source import Path

_COMMON = {"task": property_names(TaskProperties), "trigger": property_names(TriggerProperties)}


def check_default(entry: Any, path: Path, draft: Draft) -> None:
    """One entry of `pluginDefaults`, as it was written; one that is wrong otherwise, or a set that tasks ask for, is left alone."""
    name, values = (entry.get("type"), entry.get("values")) if isinstance(entry, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(values, dict) or entry.get("ref"):
        return
    exact = draft.catalogue.find(name)
    if exact is not None and all(_has(exact, key) for key in values):
        return
    types = list(_concerned(name, draft.catalogue))
    if not types:
        _note_unknown(name, path, draft)
        return
    for key in values:
        if not any(_has(info, key) for info in types):
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


def _has(info: TypeInfo, key: str) -> bool:
    return key in info.properties or key in _COMMON.get(info.kind, ()) or key in info.branches or (info.spelling is not None and key in info.spelling.renamed)


def _known(info: TypeInfo) -> frozenset[str]:
    return info.properties | _COMMON.get(info.kind, frozenset()) | frozenset(info.branches)


def _note_unknown(name: str, path: Path, draft: Draft) -> None:
    """Where a task says that the type is not installed nobody is told twice."""
    used: Iterable[str] = {*draft.outline.types(), *(str(start.raw.get("type")) for start in draft.outline.starts)}
    if draft.allow_unknown_types or Default(name, {}).concerns(used):
        return
    near = nearest_type(name, draft.catalogue.names())
    message = f"no installed type is `{escaped(name, 120)}` or begins with it"
    draft.findings.add("HG-0224", draft.source.place((*path, "type")), message, f"did you mean `{near}`?" if near else None, Severity.WARNING)


def _note_property(key: str, name: str, types: list[TypeInfo], path: Path, draft: Draft) -> None:
    what = f"`{types[0].name}` has" if len(types) == 1 else f"none of the types of `{escaped(name, 120)}` has"
    near = did_you_mean(key, frozenset(known for info in types for known in _known(info)))
    message = f"{what} {'no' if len(types) == 1 else 'a'} property `{escaped(key)}`"
    draft.findings.add("HG-0225", draft.source.key_place(path), message, near, Severity.WARNING)
