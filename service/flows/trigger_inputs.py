"""What triggers give their executions: all that is required, nothing that there is none of, and values that the inputs take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.flows.draft import Draft
from service.flows.flow import TriggerDef
from service.flows.flow_calls import needs_one
from service.flows.inputs import Input
from service.flows.mistakes import described
from service.flows.nearest import did_you_mean
from service.flows.outline import Start
from service.flows.problems import Severity, escaped
from service.flows.source import at
from service.flows.values import BadValue, has_template


def check_required(triggers: Sequence[TriggerDef], inputs: Sequence[Input], draft: Draft) -> None:
    """An execution that nobody is asked about can't be given what is missing."""
    needed = [found.id for found in inputs if found.demanded]
    for trigger in triggers:
        if draft.findings.enough:
            return
        if getattr(trigger.model, "CALLED", False):
            continue
        given = trigger.model.inputs or {}
        for name in needed:
            if name not in given and name.split(".")[0] not in given:
                message = f"the trigger `{trigger.id}` does not give the required input `{name}`"
                hint = f"add `inputs: {{{name}: …}}` to the trigger, or a default to the input"
                draft.findings.add("HG-0403", at(*trigger.place), message, hint)
        _check_calls(trigger, inputs, given, draft)


def _check_calls(trigger: TriggerDef, inputs: Sequence[Input], given: Any, draft: Draft) -> None:
    """Nobody waits for the flow that an input calls."""
    for found in inputs:
        has_value = found.id in given or found.id.split(".")[0] in given
        if needs_one(found, given=has_value):
            message = f"the input `{found.id}` calls a flow, and where the trigger `{trigger.id}` starts this one nobody waits for it"
            hint = (
                "let the input take other values than its choices (`allowCustomValue: true`)"
                if has_value
                else f"add `inputs: {{{found.id}: …}}` to the trigger"
            )
            draft.findings.add("HG-0403", at(*trigger.place), message, hint, Severity.WARNING)


def check_given(inputs: Sequence[Input], draft: Draft) -> None:
    """What triggers say of inputs, by name and value. Maps of nested inputs, and triggers that are not installed, are let be."""
    by_id = {found.id: found for found in inputs}
    roots = {name.split(".")[0] for name in by_id}
    for start in draft.outline.starts:
        given = start.raw.get("inputs") if start.info else None
        for name, value in given.items() if isinstance(given, dict) else ():
            if name in by_id:
                _check_value(by_id[name], value, start, draft)
            elif name not in roots:
                place = draft.source.key_place(draft.origin((*start.path, "inputs", name)))
                near = did_you_mean(name, by_id)
                draft.findings.add("HG-0302", place, f"the flow has no input `{escaped(name)}`, so it is not given", near, Severity.WARNING)


def _check_value(found: Input, value: Any, start: Start, draft: Draft) -> None:
    if value is None or has_template(value):
        return
    try:
        found.parse(value)
    except BadValue as bad:
        place = draft.source.place(draft.origin((*start.path, "inputs", found.id)))
        message = f"the input `{found.id}` {bad}, but is given {described(value)}"
        draft.findings.add("HG-0410", place, message, None, Severity.WARNING if start.disabled else Severity.ERROR)
