"""What can be said of a flow as a whole before it runs: its structure, and its expressions, looked at without rendering them.

One rule is one function, and what belongs together is one file: `known` (names), `before` (order), `scopes`, `events`, `leaks`, `statuses` for expressions;
`dags`, `deadends`, `nesting`, `unused_defaults` for structure. Errors are what can't run; what only may go wrong is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from service.expressions import Call, ExpressionError, Reference
from service.flows.before import check_order
from service.flows.dags import check_dag
from service.flows.deadends import ENDS, check_ends, check_if, check_switch
from service.flows.draft import Draft
from service.flows.events import check_script, check_trigger, given_by, outside_of, tame_of
from service.flows.flow_calls import check_flow_call
from service.flows.known import check_input, check_task, check_variable, nested
from service.flows.leaks import check_secret
from service.flows.loop_values import check_values
from service.flows.nesting import check_call, check_place, check_watch
from service.flows.outline import FLOW, Rendered, Start, Step
from service.flows.problems import MOST, escaped
from service.flows.roots import check_member, check_root, check_too_early
from service.flows.scopes import check_loop_value, check_trigger_scope
from service.flows.site import Declared, Site, found_in, templates
from service.flows.source import Path
from service.flows.statuses import check_status
from service.flows.unused_defaults import check_defaults

Rule = Callable[[Site, Reference], None]

#: What is looked at, by the type of a task.
_STRUCTURES: Mapping[str, tuple[Callable[[Step, Draft], None], ...]] = {
    f"{FLOW}Dag": (check_dag,),
    f"{FLOW}If": (check_if,),
    f"{FLOW}Switch": (check_switch,),
    **dict.fromkeys((f"{FLOW}ForEach", f"{FLOW}EachParallel", f"{FLOW}Loop"), (check_values,)),
}

#: What is looked at, by the first name of a reference; in triggers other things than elsewhere.
_RULES: Mapping[str, tuple[Rule, ...]] = {
    "inputs": (check_input,),
    "vars": (check_variable,),
    "outputs": (check_task, check_order, check_status, check_too_early),
    "tasks": (check_task, check_too_early),
    "trigger": (check_trigger, check_script),
    "flow": (check_member,),
    "execution": (check_member,),
    "task": (check_member, check_too_early),
    "taskrun": (check_member, check_loop_value, check_too_early),
    "item": (check_loop_value, check_too_early),
    "parent": (check_loop_value, check_too_early),
    "parents": (check_loop_value, check_too_early),
}
_IN_TRIGGERS: Mapping[str, tuple[Rule, ...]] = {
    "inputs": (check_input,),
    "vars": (check_variable,),
    "outputs": (check_trigger_scope,),
    "taskrun": (check_trigger_scope,),
    "trigger": (check_trigger,),
    "flow": (check_member,),
}
#: What is looked at, by the name of a function.
_CALLS: Mapping[str, Callable[[Site, Call], None]] = {"secret": check_secret, "subflow": check_flow_call}
#: So much is read of the expressions of a file. A long text counts more than a short one, and what aliases and defaults repeat counts each time.
MOST_EXPRESSIONS = 30_000
_SIGNS_OF_ONE = 40
#: Tasks that set variables while the flow runs.
_SETTING = "io.kestra.plugin.core.execution.SetVariables"


def check_flow(draft: Draft, raw: Mapping[str, Any]) -> None:
    """Notes what is wrong with a flow whose tasks and triggers have been read into the draft."""
    _check_structure(draft, raw)
    _check_expressions([*draft.texts, *_own_texts(raw)], _declared(draft, raw), draft)
    draft.outline.part()


def _check_structure(draft: Draft, raw: Mapping[str, Any]) -> None:
    identity = raw.get("namespace"), str(raw.get("id"))
    for step in draft.outline.steps:
        if step.spot.parent is not None:
            check_place(step, draft)
        for rule in _STRUCTURES.get(step.type, ()):
            rule(step, draft)
        check_call(step, draft, identity)
    if any(step.type in ENDS for step in draft.outline.steps):
        for steps in draft.outline.lists().values():
            check_ends(steps, draft)
    for start in draft.outline.starts:
        check_watch(start, draft, identity)
    key = "pluginDefaults" if "pluginDefaults" in draft.source.value else "taskDefaults"
    check_defaults(_list(raw, "pluginDefaults"), (key,), draft)


def _check_expressions(texts: Iterable[Rendered], declared: Declared, draft: Draft) -> None:
    before = len(draft.findings.problems)
    for site in _sites(texts, declared, draft):
        _check_template(site, draft)
        if len(draft.findings.problems) - before > MOST:
            return
    for path, template, owner in draft.gates:
        _check_gate(Site(path, template, owner, declared, draft.source, draft.findings, set(), draft.origin))


def _sites(texts: Iterable[Rendered], declared: Declared, draft: Draft) -> Iterator[Site]:
    """The templates of a file, as far as there are not too many of them, which is noted."""
    room = MOST_EXPRESSIONS
    for path, value, owner in texts:
        for where, template in templates(value, path):
            room -= 1 + template.count("{{") + template.count("{%") + len(template) // _SIGNS_OF_ONE
            site = Site(where, template, owner, declared, draft.source, draft.findings, set(), draft.origin)
            if room < 0:
                message = "the expressions of this flow are too many, or too long, to be read"
                draft.findings.add("HG-0314", site.place(1, 1), message, "put long scripts into files, or split the flow")
                return
            yield site


def _check_template(site: Site, draft: Draft) -> None:
    """Everything about one template."""
    read = found_in(site.template)
    if isinstance(read, ExpressionError):
        _note_unreadable(read, site)
        return
    rules = _IN_TRIGGERS if isinstance(site.owner, Start) else _RULES
    site.certain = {found.path[:2] for found in read if type(found) is Reference and found.guarded}
    before = len(draft.findings.problems)
    for found in read:
        if len(draft.findings.problems) - before > MOST:
            return  # each place is looked for in the whole text
        if isinstance(found, Call):
            if found.name in _CALLS:
                _CALLS[found.name](site, found)
            continue
        for rule in rules.get(str(found.path[0]), (check_root,)):
            rule(site, found)


def _note_unreadable(error: ExpressionError, site: Site) -> None:
    site.findings.add("HG-0301", site.place(error.line, error.column), f"in this expression: {escaped(error.message, 300)}")


def check_syntax(draft: Draft) -> None:
    """The syntax of the expressions in a part of a flow, whose names nobody knows."""
    for site in _sites(draft.texts, Declared(draft.outline), draft):
        read = found_in(site.template)
        if isinstance(read, ExpressionError):
            _note_unreadable(read, site)
        if draft.findings.enough:
            return


def _check_gate(site: Site) -> None:
    """What a condition asks of its trigger. How its texts are written has been looked at where they stand."""
    read = found_in(site.template)
    for found in () if isinstance(read, ExpressionError) else read:
        if isinstance(found, Reference) and found.path[0] == "trigger":
            check_trigger(site, found)


def _declared(draft: Draft, raw: Mapping[str, Any]) -> Declared:
    variables, outline = raw.get("variables"), draft.outline
    return Declared(
        outline,
        inputs=nested(_input_names(_list(raw, "inputs"))),
        variables=frozenset(variables) if isinstance(variables, dict) else frozenset(),
        settable=any(step.type == _SETTING for step in outline.steps),
        given=given_by(outline.starts),
        outside=outside_of(outline.starts),
        tame=tame_of(outline.starts),
        identity=(raw.get("namespace"), str(raw.get("id"))),
    )


def _input_names(entries: Iterable[Any], form: str = "") -> Iterator[str]:
    """As they were written, wrong ones too: nobody is told twice."""
    for entry in entries:
        if isinstance(entry, dict):
            name = f"{form}{entry.get('id', entry.get('name'))}"
            yield name
            if entry.get("type") == "FORM" and isinstance(entry.get("inputs"), list):
                yield from _input_names(entry["inputs"], f"{name}.")


def _own_texts(raw: Mapping[str, Any]) -> Iterator[Rendered]:
    """The values of the flow itself in which expressions may stand."""
    yield Rendered(("variables",), raw.get("variables"))
    for number, entry in enumerate(_list(raw, "inputs")):
        if isinstance(entry, dict):
            path: Path = ("inputs", number)
            yield from (Rendered((*path, key), entry[key]) for key in ("defaults", "prefill", "expression", "dependsOn", "inputs") if key in entry)
    for key in ("outputs", "checks", "sla"):
        yield Rendered((key,), raw.get(key))


def _list(raw: Mapping[str, Any], key: str) -> list[Any]:
    value = raw.get(key)
    return value if isinstance(value, list) else []
