"""What triggers give, `trigger.x`: whether one of them has it, and whether what others wrote becomes part of a script."""

from __future__ import annotations

import re
from collections.abc import Iterable

from service.expressions import Reference
from service.flows.nearest import did_you_mean
from service.flows.outline import Start, Step
from service.flows.problems import Severity, escaped
from service.flows.site import Site

#: What every trigger gives, and what a task that starts the flow as a subflow does.
_OF_ALL = frozenset({"_context", "id", "type"})
_OF_SUBFLOWS = frozenset({"executionId", "namespace", "flowId", "flowRevision", "taskRunId", "taskId", "taskRunValue", "taskRunIteration"})
_TAME = _OF_ALL | _OF_SUBFLOWS | {"date", "next", "previous"}
_CODE = frozenset({"script", "commands", "beforeCommands"})
_SCRIPTS = ("io.kestra.plugin.scripts.", "io.kestra.core.tasks.scripts.")
#: Filters that leave nothing of a text that a shell or a language could take for more than a value.
_TAMED = re.compile(r"\|\s*(?:escapeChar|number|length|base64encode|sha1|sha256|sha512|md5|slugify|urlencode|date|timestamp)\b")
#: How many characters, and how many lines, of a template are looked at around a name.
_NEAR, _ABOVE = 1_000, 20


def given_by(starts: Iterable[Start]) -> frozenset[str] | None:
    """The variables that some triggers give, all together; None when one of them may give anything."""
    found = _OF_ALL
    for start in starts:
        if start.info is None or not start.info.cls.OUTPUTS:
            return None
        found |= start.info.cls.OUTPUTS.keys()
    return found


def outside_of(starts: Iterable[Start]) -> frozenset[str]:
    """Those of them that hold what somebody outside wrote."""
    return frozenset(name for start in starts if start.info for name in start.info.cls.OUTSIDE)


def tame_of(starts: Iterable[Start]) -> frozenset[str]:
    """Those of them that are known to hold nothing of the kind."""
    return _TAME.union(*(start.info.cls.OUTPUTS.keys() - start.info.cls.OUTSIDE for start in starts if start.info))


def check_trigger(site: Site, reference: Reference) -> None:
    """`trigger.x` anywhere."""
    if len(reference.path) < 2 or site.forgives(reference):
        return
    owner, name = site.owner, str(reference.path[1])
    known = given_by([owner]) if isinstance(owner, Start) else site.declared.given
    if known is None or name in known or (name in _OF_SUBFLOWS and not isinstance(owner, Start)):
        return
    near = did_you_mean(name, known)
    if isinstance(owner, Start):
        message = f"this trigger gives no `{escaped(name)}`"
    elif site.declared.outline.starts:
        message = f"no trigger of the flow gives `{escaped(name)}`"
    else:
        message = f"the flow has no trigger that could give `{escaped(name)}`"
    site.note("HG-0309", reference, message, near, Severity.WARNING)


def check_script(site: Site, reference: Reference) -> None:
    """`trigger.x` in a script: what somebody else wrote would be run."""
    owner = site.owner
    if not isinstance(owner, Step) or site.key not in _CODE or not _runs_code(owner):
        return
    if not _is_outside(site, reference.path) or not _is_printed(site, reference):
        return
    name = escaped(site.written(reference))
    hint = f'set `env: {{EVENT: "{{{{ {name} }}}}"}}` and use $EVENT, in quotes, in the script'
    site.note("HG-0310", reference, f"`{name}` is written by whoever causes the event, and becomes a part of the script", hint, Severity.WARNING)


def _is_outside(site: Site, path: tuple[str | int, ...]) -> bool:
    """Whether somebody else has a say in what this is. Of triggers whose type is not installed nothing is known but the names that all have."""
    declared = site.declared
    if len(path) < 2:
        return bool(declared.outside) or declared.given is None
    return path[1] in declared.outside or (declared.given is None and path[1] not in declared.tame)


def _runs_code(step: Step) -> bool:
    return step.info.runs == "runner" if step.info else step.type.startswith(_SCRIPTS)


def _is_printed(site: Site, reference: Reference) -> bool:
    """Whether the text itself gets into the script: not in a tag, and not through a filter that takes its teeth."""
    line, start = site.lines[reference.line - 1], reference.column - 1
    end = line.find("}}", start, start + _NEAR)
    return _opened(site, reference.line - 1, start) == "{{" and _TAMED.search(line, start, end if end >= 0 else start + _NEAR) is None


def _opened(site: Site, number: int, end: int) -> str:
    """The sign that opened the expression around a place: it stands near, or a few lines above."""
    for above in range(number, max(-1, number - _ABOVE), -1):
        line = site.lines[above]
        until = end if above == number else len(line)
        start = max(0, until - _NEAR)
        found = max(line.rfind("{{", start, until), line.rfind("{%", start, until))
        if found >= 0:
            return line[found : found + 2]
    return "{{"
