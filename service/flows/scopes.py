"""Names that are there in some places only: values of loops inside of loops, outputs where tasks have run."""

from __future__ import annotations

from service.expressions import Reference
from service.flows.outline import Start, Step
from service.flows.problems import Severity
from service.flows.site import Site

_VALUES = frozenset({"value", "items", "iteration"})


def check_loop_value(site: Site, reference: Reference) -> None:
    """`taskrun.value`, `item`, `parent.taskrun.value`: where a loop gives them."""
    owner, path = site.owner, reference.path
    if not isinstance(owner, Step) or not _asks_for_loop(path) or site.forgives(reference):
        return
    if any(step.loops or step.info is None for step in owner.lineage()):
        return
    name = ".".join(map(str, path[: _length(path)]))
    message = f"`{name}` exists inside a loop only, and this task stands in none"
    site.note("HG-0308", reference, message, "put the task into a ForEach", Severity.WARNING, _length(path))


def _asks_for_loop(path: tuple[str | int, ...]) -> bool:
    match path:
        case ("taskrun", name, *_):
            return name in _VALUES
        case ("parent", "taskrun", name, *_) | ("parents", int(), "taskrun", name, *_):
            return name in _VALUES
        case ("item", *_):
            return True
    return False


def _length(path: tuple[str | int, ...]) -> int:
    return {"item": 2, "taskrun": 2, "parent": 3}.get(str(path[0]), 4)


def check_trigger_scope(site: Site, reference: Reference) -> None:
    """`outputs` and `taskrun` in a trigger. One that follows another flow may name that flow's, and of types that are not installed nothing is known."""
    owner = site.owner
    if not isinstance(owner, Start) or owner.info is None or owner.info.cls.KIND == "flow" or site.forgives(reference):
        return
    root = str(reference.path[0])
    severity = Severity.WARNING if owner.disabled or site.chooses else Severity.ERROR
    site.note("HG-0308", reference, f"a trigger has no `{root}`: no task has run when it fires", "here are `trigger`, `flow`, `inputs`, `vars`", severity)
