"""Flows that expressions call: `subflow()`, which only inputs may."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from service.expressions import Call, ExpressionError
from service.flows.inputs import Input
from service.flows.inputs.choices import Choosing
from service.flows.names import is_flow_id, is_namespace
from service.flows.problems import Severity, escaped
from service.flows.site import Site, found_in, templates

_CALL = re.compile(r"\bsubflow\s*\(")
#: Properties of the flow itself whose expressions are rendered for its inputs; a variable may be rendered by one.
_RENDERED = ("inputs", "variables")
_MAY_CALL = {"defaults", "expression", "depends_on"}
_NAMES = (("namespace", "HG-0212", is_namespace), ("id", "HG-0210", is_flow_id))


def check_flow_call(site: Site, call: Call) -> None:
    """`subflow(…)`: where it stands, and what it names."""
    if site.owner is not None or site.path[0] not in _RENDERED:
        message = "`subflow()` works in the inputs of a flow only: nobody waits for its end here"
        hint = "a task that calls a flow is `io.kestra.plugin.core.flow.Subflow`"
        site.note("HG-0315", call, message, hint, Severity.WARNING if site.chooses else Severity.ERROR)
        return
    for parameter, code, allowed in _NAMES:
        name = call.literals.get(parameter)
        if isinstance(name, str) and not allowed(name):
            site.note(code, call, f"no flow has the {parameter} `{escaped(name)}`: it can't be one")
    if (call.literals.get("namespace"), call.literals.get("id")) == site.declared.identity:
        # With the input itself among what is given it has an end.
        message = "`subflow()` calls the flow that it stands in, whose inputs are then asked for again"
        site.note("HG-0255", call, message, "give it what it would ask for, or call another flow", Severity.WARNING)


def may_call(text: str) -> bool:
    """Whether a text may call flows where it is rendered. Cheap: it is not read."""
    return _CALL.search(text) is not None


def called(inputs: Iterable[Input]) -> Iterator[tuple[str, str]]:
    """The flows that inputs call, by namespace and id, as far as these are written out."""
    for found in inputs:
        for _, template in templates(found.model_dump(include=_MAY_CALL), ()):
            read = found_in(template) if may_call(template) else ()
            for call in () if isinstance(read, ExpressionError) else read:
                if isinstance(call, Call) and call.name == "subflow" and all(isinstance(call.literals.get(name), str) for name, _, _ in _NAMES):
                    yield call.literals["namespace"], call.literals["id"]


def needs_one(found: Input, *, given: bool) -> bool:
    """Whether an input calls a flow even where nobody waits for it: for its default, or to know what can be chosen."""
    default = not given and _any(found.defaults)
    if default or not isinstance(found, Choosing) or not _any(found.expression):
        return default
    return found.chooses(given=given) or (found.defaults is not None and found.chooses(given=True))


def _any(value: Any) -> bool:
    return any(may_call(template) for _, template in templates(value, ()))
