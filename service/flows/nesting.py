"""What can't stand where it stands: groups in a working directory, a flow that calls or watches itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from service.flows.draft import Draft
from service.flows.names import is_flow_id, is_namespace
from service.flows.outline import FLOW, Start, Step
from service.flows.problems import Severity, escaped
from service.flows.source import Path
from service.flows.values import has_template

_SUBFLOW = f"{FLOW}Subflow"
_NAMES = (("namespace", "HG-0212", is_namespace), ("flowId", "HG-0210", is_flow_id))
_WORDS = {"namespace": "namespace", "flowId": "id"}
_OWN_NAME = re.compile(r"\s*\{\{\s*flow\.(id|namespace)\s*\}\}\s*")


def check_place(step: Step, draft: Draft) -> None:
    """In some groups a task must be one that a runner, or the service, runs."""
    parent, branch, _ = step.spot
    if parent is None or parent.info is None or parent.info.cls.NESTS or branch != "tasks" or step.info is None or step.info.runs != "flowable":
        return
    group = parent.info.name.rpartition(".")[2]
    message = f"`{escaped(step.id)}` can't stand in the {group} `{escaped(parent.id)}`: it runs no program but other tasks"
    draft.findings.add("HG-0254", draft.source.place((*step.path, "type")), message, "put it around the group, or its tasks here")


def check_call(step: Step, draft: Draft, identity: tuple[Any, Any]) -> None:
    """A task that calls the flow that it stands in."""
    if step.disabled or step.info is None or not step.info.calls:
        return
    for key, code, allowed in _NAMES:
        name = step.own.get(key)
        if isinstance(name, str) and not has_template(name) and not allowed(name):
            where = draft.source.place(draft.origin((*step.path, key)))
            draft.findings.add(code, where, f"no flow has the {_WORDS[key]} `{escaped(name)}`: it can't be one")
    names = (step.own.get("namespace"), step.own.get("flowId"))
    if tuple(_resolved(name, identity) for name in names) != identity:
        return
    # An expression was written by somebody who knows, and a condition may end it.
    sure = names == identity and step.type == _SUBFLOW
    message = f"`{escaped(step.id)}` calls the flow that it stands in"
    place = draft.source.place((*step.path, "flowId"))
    draft.findings.add("HG-0255", place, message, "it would call itself without end", Severity.ERROR if sure else Severity.WARNING)


def _resolved(name: Any, identity: tuple[Any, Any]) -> Any:
    match = _OWN_NAME.fullmatch(name) if isinstance(name, str) else None
    return identity[match[1] == "id"] if match else name


def check_watch(start: Start, draft: Draft, identity: tuple[Any, Any]) -> None:
    """A trigger that waits for executions of its own flow, which never fire it."""
    if start.info is None or start.info.cls.KIND != "flow":
        return
    for path, entry in _watched(start):
        if (entry.get("namespace"), entry.get("flowId")) == identity:
            message = f"`{escaped(start.id)}` waits for the flow that it stands in: executions never fire triggers of their own flow"
            place = draft.source.place((*start.path, *path, "flowId"))
            draft.findings.add("HG-0404", place, message, "name another flow", Severity.WARNING)


def _watched(start: Start) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The maps that name flows, and where they stand in the trigger."""
    preconditions = start.raw.get("preconditions")
    lists: list[tuple[Path, Any]] = [((key,), start.raw.get(key)) for key in ("dependsOn", "conditions")]
    if isinstance(preconditions, dict):
        lists.append((("preconditions", "flows"), preconditions.get("flows")))
    for path, entries in lists:
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict):
                yield (*path, number), entry
