"""Names in expressions that must be declared: inputs, variables, tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from service.expressions import Reference
from service.flows.nearest import did_you_mean
from service.flows.outline import FLOW, Outline, Start, Step
from service.flows.problems import Severity, escaped
from service.flows.site import Site

_HYPHENED = re.compile(r"\b(inputs|outputs|vars|tasks)\.([A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)+)")
#: A task of this type leaves more outputs than its own id says.
_SPLITTING = f"{FLOW}ForEachItem"
_PARTS = ("_split", "_items", "_merge")
#: Properties that ask a person for inputs of their own, which expressions in them may name.
_ASKING = frozenset({"onResume", "inputs"})


def nested(names: Iterable[str]) -> dict[str, Any]:
    """Dotted ids as the maps that expressions see; a leaf is an empty map."""
    found: dict[str, Any] = {}
    for name in names:
        below = found
        for part in name.split("."):
            below = below.setdefault(part, {})
    return found


def check_input(site: Site, reference: Reference) -> None:
    """`inputs.x`, also of nested ids and of forms."""
    below = site.declared.inputs
    for number, name in enumerate(reference.path[1:], 2):
        if not below and number > 2:
            return
        if name not in below:
            if not _asks(site):
                _note_unknown(site, reference, "HG-0302", "input", number, below)
            return
        below = below[str(name)]


def check_variable(site: Site, reference: Reference) -> None:
    """`vars.x`."""
    known = site.declared.variables
    if len(reference.path) > 1 and reference.path[1] not in known and not site.declared.settable:
        _note_unknown(site, reference, "HG-0304", "variable", 2, known)


def check_task(site: Site, reference: Reference) -> None:
    """`outputs.x`, and `tasks.x`."""
    if len(reference.path) < 2 or source_of(site, reference) is not None:
        return
    known = [*site.declared.outline.by_id, *parts_of(site.declared.outline)]
    severity = Severity.ERROR if reference.path[0] == "outputs" else Severity.WARNING
    _note_unknown(site, reference, "HG-0303", "task", 2, known, severity)


def source_of(site: Site, reference: Reference) -> Step | None:
    """The task whose outputs are named; None where there is none of that id."""
    name, known = str(reference.path[1]), site.declared.outline.by_id
    if name in known:
        return known[name]
    owner = known.get(name.rpartition("_")[0])
    return owner if owner is not None and owner.type == _SPLITTING and name.endswith(_PARTS) else None


def parts_of(outline: Outline) -> list[str]:
    """The names of outputs that are no id of a task."""
    return [f"{step.id}{part}" for step in outline.steps if step.type == _SPLITTING for part in _PARTS]


def _is_elsewhere(site: Site) -> bool:
    """Whether the names may be those of another flow: of the one that a trigger follows."""
    owner = site.owner
    return isinstance(owner, Start) and (owner.info is None or owner.info.cls.KIND == "flow")


def _asks(site: Site) -> bool:
    owner = site.owner
    return isinstance(owner, Step) and site.key in _ASKING and isinstance(owner.own.get(str(site.key)), list)


def _note_unknown(
    site: Site, reference: Reference, code: str, word: str, parts: int, known: Iterable[str] | Mapping[str, Any], severity: Severity = Severity.ERROR
) -> None:
    if site.forgives(reference) or _is_elsewhere(site):
        return
    hyphened = _hyphened(site, reference, frozenset(known)) if parts == 2 else None
    if hyphened is not None:
        root = reference.path[0]
        place = site.place(reference.line, reference.column, len(f"{root}.{hyphened}"))
        site.findings.add("HG-0305", place, f"`{root}.{hyphened}` is read as a subtraction", f"write `{root}['{hyphened}']`")
        return
    name = ".".join(map(str, reference.path[1:parts]))
    near = did_you_mean(str(reference.path[parts - 1]), known)
    site.note(code, reference, f"the flow has no {word} `{escaped(name)}`", near, severity, parts)


def _hyphened(site: Site, reference: Reference, known: frozenset[str]) -> str | None:
    """The declared name with hyphens that was meant at this place of the template."""
    match = _HYPHENED.match(site.lines[reference.line - 1], reference.column - 1)
    if match is None or match[1] != reference.path[0]:
        return None
    parts = match[2].split("-")
    candidates = ("-".join(parts[:count]) for count in range(len(parts), 1, -1))
    return next((candidate for candidate in candidates if candidate in known), None)
