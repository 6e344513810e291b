"""Which secrets and keys the expressions of a flow name. Nothing is rendered: only names are found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from runners.fields import is_template
from service.expressions import Call, ExpressionError, references
from service.flows.flow import Flow
from service.flows.plan_properties import plain
from service.flows.plan_tasks import task_properties
from service.flows.plan_values import Use
from service.flows.problems import escaped, lines_of

_USES = {"secret": Use.SECRET, "kv": Use.KV_READ}
_CALL = re.compile(r"\s*\w+\s*\(\s*(?:key\s*=\s*)?(?P<quote>['\"])(?P<name>[^'\"\\#]*)(?P=quote)\s*[,)]")
_MOST_LINES, _LONGEST_READ, _LONGEST_SHOWN = 5, 500, 200


def named_in(flow: Flow) -> Iterator[tuple[Use, str]]:
    """Each secret and each key of the KV store that is read; of one whose name is computed the call itself."""
    for text in _texts(flow):
        if is_template(text) and any(name in text for name in _USES):
            yield from named_in_text(text)


def named_in_text(template: str) -> Iterator[tuple[Use, str]]:
    """The same of one template. One that can't be read names nothing."""
    try:
        found = references(template)
    except ExpressionError:
        return
    lines = lines_of(template)
    for call in found:
        if not isinstance(call, Call):
            continue
        if call.name in _USES:
            yield _USES[call.name], _first_name(lines, call)
        for argument in call.args or ():
            if is_template(argument):
                yield from named_in_text(argument)


def _first_name(lines: Sequence[str], call: Call) -> str:
    if call.args and isinstance(call.args[0], str):
        return escaped(call.args[0], _LONGEST_SHOWN)
    written = " ".join([lines[call.line - 1][call.column - 1 :], *lines[call.line : call.line + _MOST_LINES]])[:_LONGEST_READ]
    match = _CALL.match(written)
    return escaped(match["name"], _LONGEST_SHOWN) if match else escaped(" ".join(_to_its_end(written).split()), _LONGEST_SHOWN)


def _to_its_end(text: str) -> str:
    """A call up to its closing bracket."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == ")" and depth == 0:
            return text[: at + 1]
    return text


def _texts(flow: Flow) -> Iterator[str]:
    for node in flow.tree.walk():
        yield from strings({key: value for key, value in task_properties(node).items() if key != "description"})
    for trigger in flow.triggers:
        yield from strings([plain(trigger.model), plain(trigger.common), list(trigger.gates)])
    yield from strings([plain(part) for part in (flow.inputs, flow.outputs, flow.checks, flow.sla)])
    yield from strings(flow.variables)


def strings(value: Any) -> Iterator[str]:
    """Every text in a value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from strings(key)
            yield from strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from strings(part)
