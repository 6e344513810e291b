"""Dependencies within a Dag: each names another task of the same Dag, and no two wait for each other."""

from __future__ import annotations

from service.flows.circles import circle
from service.flows.draft import Draft
from service.flows.nearest import did_you_mean
from service.flows.outline import Step
from service.flows.problems import Severity, escaped


def check_dag(step: Step, draft: Draft) -> None:
    """The dependencies of one Dag's tasks."""
    tasks = {child.id: child for child in step.children if child.spot.branch == "tasks"}
    for child in tasks.values():
        _check_names(child, step, tasks, draft)
    found = circle({name: [other for other in child.depends_on if other != name] for name, child in tasks.items()})
    if found:
        first = tasks[found[0]]
        number = first.depends_on.index(found[1])
        names = " → ".join(escaped(name) for name in (*found, found[0]))
        _add(draft, "HG-0251", first, number, f"tasks depend on each other in a circle: {names}", "one of them must come first")


def _check_names(child: Step, dag: Step, tasks: dict[str, Step], draft: Draft) -> None:
    seen: set[str] = set()
    for number, name in enumerate(child.depends_on):
        if draft.findings.enough:
            return
        if name == child.id:
            _add(draft, "HG-0251", child, number, f"`{escaped(name)}` depends on itself", "take it out")
        elif name not in tasks:
            elsewhere = name in draft.outline.by_id
            message = f"`{escaped(child.id)}` depends on `{escaped(name)}`, which is no task of the Dag `{escaped(dag.id)}`"
            hint = "only tasks of the same Dag can be waited for" if elsewhere else did_you_mean(name, tasks)
            _add(draft, "HG-0250", child, number, message, hint)
        elif name in seen:
            _add(draft, "HG-0250", child, number, f"`{escaped(name)}` is named twice", "once is enough", Severity.NOTICE)
        seen.add(name)


def _add(draft: Draft, code: str, child: Step, number: int, message: str, hint: str | None, severity: Severity = Severity.ERROR) -> None:
    """At the id in the list."""
    place = draft.source.place((*child.path[:-1], "dependsOn", number))
    draft.findings.add(code, place, message, hint, severity)
