"""What an expression may begin with: the names that the language gives, and those that the template itself has set."""

from __future__ import annotations

from service.expressions import Reference, is_function
from service.flows.nearest import did_you_mean
from service.flows.outline import Owner, Start, Step
from service.flows.problems import Severity, escaped
from service.flows.site import Site

#: All of the language's, also those that exist in some places only.
ROOTS = frozenset(
    "envs error execution files flow globals inputs item iteration kestra labels namespace outputDir outputFiles outputs parent parents response schedule "
    "task taskrun tasks trigger vars workingDir".split()
)
#: What some of them have, all of it.
_MEMBERS = {
    "flow": frozenset("id namespace revision tenantId".split()),
    "task": frozenset({"id", "type"}),
    "taskrun": frozenset("id startDate attemptsCount parentId value iteration items".split()),
    "execution": frozenset("id state startDate endDate originalId outputs commit ref".split()),
}
#: What is settled before any task runs, by the flow's property, and what that is called.
_BEFORE = {"inputs": "an input", "checks": "a check"}


def check_root(site: Site, reference: Reference) -> None:
    """A first name that is none. Types that are not installed may give names of their own, and variables are rendered where they are used, if at all."""
    name = str(reference.path[0])
    if name in ROOTS or site.forgives(reference) or _is_end_of_name(site, reference) or _is_by_row(site):
        return
    near = did_you_mean(name, ROOTS)
    open_ended = _gives_more(site.owner) or site.key == "variables"
    if open_ended and near is None:
        return
    hint = near or (f"write `{name}()`" if is_function(name) else "text stands in quotes: `'text'`" if len(reference.path) == 1 else None)
    what = "is a function" if hint and hint.startswith("write") else "is no name that an expression knows"
    severity = Severity.WARNING if open_ended or site.chooses else Severity.ERROR
    site.note("HG-0313", reference, f"`{escaped(name)}` {what}", hint, severity, 1)


def check_member(site: Site, reference: Reference) -> None:
    """`flow.idd`: what the language gives is the same in every flow."""
    root, *names = reference.path
    known = _MEMBERS[str(root)]
    if not names or names[0] in known or site.forgives(reference) or _gives_more(site.owner) or site.key == "variables" or _is_end_of_name(site, reference):
        return
    near = did_you_mean(str(names[0]), known)
    site.note("HG-0313", reference, f"`{root}` has no `{escaped(names[0])}`", near or f"it has {', '.join(sorted(known))}", Severity.WARNING)


def check_too_early(site: Site, reference: Reference) -> None:
    """`outputs` and the like in an input or a check of the flow."""
    what = _BEFORE.get(str(site.key)) if site.owner is None else None
    if what is None or site.forgives(reference):
        return
    root = str(reference.path[0])
    site.note("HG-0308", reference, f"{what} has no `{root}`: no task has run when it is looked at", "here are `inputs`, `flow`, `vars`")


def _is_end_of_name(site: Site, reference: Reference) -> bool:
    """Of `outputs.my-task.value` the `task.value`: what was meant is told of the whole."""
    before = site.lines[reference.line - 1][max(0, reference.column - 3) : reference.column - 1]
    return len(before) == 2 and before[1] == "-" and (before[0].isalnum() or before[0] == "_")  # noqa: PLR2004


def _is_by_row(site: Site) -> bool:
    """Where the fields of a row are names; which those are shows when the file is read."""
    return isinstance(site.owner, Step) and site.owner.info is not None and str(site.key) in site.owner.info.cls.BY_ROW


def _gives_more(owner: Owner) -> bool:
    return isinstance(owner, Step | Start) and owner.info is None
