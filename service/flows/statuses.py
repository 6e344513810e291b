"""Conditions on the status of a request that are never reached: an HTTP request fails by itself at 4xx and 5xx, and nothing after it runs."""

from __future__ import annotations

import re

from service.expressions import Reference
from service.flows.outline import FLOW, HANDLERS, Step
from service.flows.problems import Severity, escaped
from service.flows.site import Site

_REQUESTS = frozenset({"io.kestra.plugin.core.http.Request", "io.kestra.plugin.fs.http.Request"})
#: In which properties of which tasks a decision is made; of any task, whether it runs.
_DECIDING = {f"{FLOW}If": "condition", f"{FLOW}Switch": "value"}
_GATES = frozenset({"runIf", "when"})
_FORGIVING = f"{FLOW}AllowFailure"
_AFTER = re.compile(r"\s*(?P<sign>!=|==|>=|>|equals)\s*['\"]?(?P<code>\d{3})\b")
_BEFORE = re.compile(r"(?P<code>\d{3})['\"]?\s*(?P<sign>!=|==|<=|<|equals)\s*\Z")
_NEAR, _SHORT = 20, 300
_AMONG = re.compile(r"\s*isIn\s*\[(?P<codes>[\d\s,'\"]{0,300})\]")
_FAILING_CASE = re.compile(r"cases\.[345]\d\d")
_MIRRORED = {"<=": ">=", "<": ">"}


def check_status(site: Site, reference: Reference) -> None:
    """`outputs.x.code` where something is decided."""
    reader, path = site.owner, reference.path
    if not isinstance(reader, Step) or len(path) < 3 or path[2] != "code" or reference.guarded:
        return
    if site.key not in _GATES and site.key != _DECIDING.get(reader.type):
        return
    request = site.declared.outline.by_id.get(str(path[1]))
    if request is None or request.type not in _REQUESTS or _goes_on(request, reader) or not _looks_for_failure(site, reference):
        return
    name = escaped(request.id)
    message = f"this is not reached when the request of `{name}` fails"
    hint = f"add `options: {{allowFailed: true}}` to `{name}`: it fails at 4xx and 5xx before this is reached"
    site.note("HG-0312", reference, message, hint, Severity.WARNING, parts=3)


def _looks_for_failure(site: Site, reference: Reference) -> bool:
    """Whether the code is compared with one that a request without `allowFailed` never leaves."""
    line, start = site.lines[reference.line - 1], reference.column - 1
    end = start + len(site.written(reference, 3))
    among = _AMONG.match(line, end)
    if among:
        return any(int(code) >= 300 for code in re.findall(r"\d+", among["codes"]))
    match = _AFTER.match(line, end) or _BEFORE.search(line[max(0, start - _NEAR) : start])
    if match is None:
        # A Switch on the code itself; one that is put together of many is not looked through for each of them.
        cases = site.owner.branches if isinstance(site.owner, Step) and len(site.template) < _SHORT else ()
        return any(_FAILING_CASE.fullmatch(case) for case in cases)
    sign = match["sign"] if match.re is _AFTER else _MIRRORED.get(match["sign"], match["sign"])
    return _asks_for_failure(sign, int(match["code"]))


def _asks_for_failure(sign: str, code: int) -> bool:
    fine = 200 <= code < 300
    return {"!=": fine, ">": code >= 200, ">=": code >= 300}.get(sign, not fine)


def _goes_on(request: Step, reader: Step) -> bool:
    """Whether the reader is reached although the request failed."""
    options = request.own.get("options")
    allowed = [request.common.get("allowFailure"), *(options.get(key) for key in ("allowFailed", "allowedResponseCodes") if isinstance(options, dict))]
    if any(value not in (None, False, "false") for value in (*allowed, request.own.get("allowFailed"))):
        return True
    around = request.lineage()
    line = reader.lineage()
    inside = [step for step in around if not any(step is other for other in line)]
    if any(step.type == _FORGIVING or step.common.get("allowFailure") not in (None, False) for step in inside):
        return True
    return any(step.spot.list in HANDLERS for step in line)
