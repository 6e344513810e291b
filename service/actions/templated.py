"""Tasks that are made while a flow runs: text that a template gave, read as a task of a file is."""

from __future__ import annotations

from service.actions.kit import Kit
from service.engine.program import Node, RenderFailed
from service.flows.part import read_task
from service.flows.problems import Severity

TYPE = "io.kestra.plugin.core.templating.TemplatedTask"
_LARGEST = 100_000  #: characters: the executor reads it
_MOST = 5  #: mistakes that are named


def read(kit: Kit, text: str) -> Node:
    """The task that a rendered `spec` describes. Raises RenderFailed with what is wrong with it, and where in it."""
    if len(text) > _LARGEST:
        raise RenderFailed(f"`spec` renders to {len(text):,} characters; the limit is {_LARGEST:,}")
    node, problems = read_task(text, kit.reader.catalogue)
    if node is None:
        said = [f"{problem.line}:{problem.column}: {problem.message}" for problem in problems if problem.severity is not Severity.NOTICE]
        more = f"; and {len(said) - _MOST} more" if len(said) > _MOST else ""
        raise RenderFailed("`spec` renders to no task that can be run: " + ("; ".join(said[:_MOST]) + more if said else "it is empty"))
    if node.runs == "flowable" or node.type == TYPE:
        raise RenderFailed(f"`spec` renders to a task of the type {node.type}; it must be one that does something itself")
    return node
