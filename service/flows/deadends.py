"""Ways that lead nowhere: a Switch that nothing can match, branches of a condition that is no question, tasks after the end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from service.expressions import truthy
from service.flows.draft import Draft
from service.flows.outline import UNKNOWN, Step
from service.flows.problems import Severity, escaped
from service.flows.site import is_read

_EXIT, _FAIL = "io.kestra.plugin.core.execution.Exit", "io.kestra.plugin.core.execution.Fail"
#: Tasks after which nothing may come.
ENDS = frozenset({_EXIT, _FAIL})
#: An expression that names nothing.
_LITERAL = re.compile(r"\s*\{\{\s*(?P<value>true|false|[0-9]+)\s*\}\}\s*")
_LIKE_EXPRESSION = re.compile(r"==|!=|[<>]|\b(?:inputs|outputs|vars|trigger|labels)\.|\bis (?:not )?\w+")


def check_switch(step: Step, draft: Draft) -> None:
    """A Switch that has no way to go."""
    written = any(step.raw.get(key) not in (None, {}, []) for key in ("cases", "defaults"))
    if not written:
        place = draft.source.place((*step.path, "type"))
        message = f"`{escaped(step.id)}` has neither `cases` nor `defaults`: nothing can match"
        draft.findings.add("HG-0252", place, message, "add `cases:` with a list of tasks for each value")


def check_if(step: Step, draft: Draft) -> None:
    """An If whose condition is no expression."""
    condition = step.own.get("condition")
    literal = condition if isinstance(condition, bool | int | str) else None
    if literal is None:
        return
    text = str(literal).lower() if isinstance(literal, bool) else str(literal)
    match = _LITERAL.fullmatch(text)
    if match is None and is_read(text):
        return
    holds = truthy(match["value"] if match else text)
    dead = "else" if holds else "then"
    if match is None and holds and _LIKE_EXPRESSION.search(text):
        place, hint = draft.source.place((*step.path, "condition")), f'write `condition: "{{{{ {escaped(text)} }}}}"`'
        draft.findings.add("HG-0253", place, "this is text and no expression, so the condition always holds", hint, Severity.WARNING)
    elif any(child.spot.branch == dead for child in step.children):
        message = f"`{dead}` is never reached: the condition of `{escaped(step.id)}` {'always' if holds else 'never'} holds"
        draft.findings.add("HG-0253", draft.source.key_place((*step.path, dead)), message, None, Severity.WARNING)


def check_ends(steps: Sequence[Step], draft: Draft) -> None:
    """The tasks of one list: those after one that always ends the execution."""
    parent, branch, _ = steps[0].spot
    if branch == UNKNOWN or (parent is not None and parent.form in ("fork", "graph") and branch == "tasks"):
        return
    active = [step for step in steps if not step.disabled]
    for step, following in zip(active, active[1:], strict=False):
        if _always_ends(step):
            what = "fails" if step.type != _EXIT else "ends the execution"
            message = f"`{escaped(following.id)}` is never reached: `{escaped(step.id)}`, above, always {what}"
            hint = f"give `{escaped(step.id)}` a `{'runIf' if step.type == _EXIT else 'condition'}`, or put it last"
            draft.findings.add("HG-0253", draft.source.place((*following.path, "id")), message, hint, Severity.WARNING)
            return


def _always_ends(step: Step) -> bool:
    if step.gate is not None or step.common.get("allowFailure") not in (None, False):
        return False
    return step.type == _EXIT or (step.type == _FAIL and step.own.get("condition") is None)
