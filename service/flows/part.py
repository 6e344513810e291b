"""A task or a trigger by itself, as an editor has it in hand: everything that can be said without the flow around it."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from service.engine.program import Node
from service.flows.catalogue import Catalogue
from service.flows.checks import check_syntax
from service.flows.children import Child
from service.flows.defaults import Defaults
from service.flows.draft import Draft
from service.flows.findings import Findings
from service.flows.loading import read_source
from service.flows.lower import Lowering, TooManyTasks
from service.flows.problems import Problem, capped
from service.flows.starts import read_trigger

Part = Literal["task", "trigger"]


def read_task(text: str, catalogue: Catalogue) -> tuple[Node | None, tuple[Problem, ...]]:
    """A task that was made while a flow runs. None with what is wrong with it, or with what of it can't be run."""
    findings = Findings("")
    _, source = read_source(text.encode("utf-8", "replace"), findings, "task")
    if source is None:
        return None, capped(findings.problems)
    draft = Draft(source, findings, catalogue)
    nodes: tuple[Node, ...] = ()
    with suppress(TooManyTasks):  # which is noted
        nodes = Lowering(draft, Defaults((), (), catalogue)).tasks([Child(source.value, ())], "tasks")
    wrong = findings.failed or bool(draft.unready)
    return (None if wrong else next(iter(nodes), None)), capped(findings.problems)


def read_part(text: bytes, path: str, catalogue: Catalogue, part: Part) -> tuple[Problem, ...]:
    """What is wrong with it. Names of other tasks, of inputs and of variables are not looked at."""
    findings = Findings(path)
    _, source = read_source(text, findings, part)
    if source is None:
        return capped(findings.problems)
    draft, defaults = Draft(source, findings, catalogue), Defaults((), (), catalogue)
    if part == "trigger":
        read_trigger(source.value, (), draft, defaults, {})
    else:
        with suppress(TooManyTasks):  # which is noted
            Lowering(draft, defaults).tasks([Child(source.value, ())], "tasks")
    check_syntax(draft)
    return capped(findings.problems)
