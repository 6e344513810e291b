"""A small catalogue of real types, and short ways to read a flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service import discovery
from service.flows.catalogue import Catalogue
from service.flows.flow import Flow
from service.flows.problems import Problem, Severity
from service.flows.reading import Reading, read_flow

LOG = "io.kestra.plugin.core.log.Log"
RETURN = "io.kestra.plugin.core.debug.Return"
SEQUENTIAL = "io.kestra.plugin.core.flow.Sequential"
SHELL = "io.kestra.plugin.scripts.shell.Commands"
SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"
PUSH = "headgate.git.Push"
DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"
PROCESS = "io.kestra.plugin.core.runner.Process"


def entry(ref: str, kind: str, runs: str | None, *aliases: str) -> Mapping[str, Any]:
    """One type, in the index's shape."""
    return {"ref": ref, "kind": kind, "runs": runs, "aliases": list(aliases)}


#: What the language itself is made of, and some tasks: fixed, so that what messages suggest does not change with every type that is added.
INDEX = {
    **{name: found for name, found in discovery.index().items() if found["ref"].startswith(("service.flowables.", "service.triggers."))},
    LOG: entry("service.tasks.log:Log", "task", "inline", "io.kestra.core.tasks.log.Log", "io.kestra.plugin.core.debug.Echo"),
    RETURN: entry("service.tasks.return_:Return", "task", "inline", "io.kestra.core.tasks.debugs.Return"),
    "io.kestra.plugin.core.flow.Sleep": entry("service.tasks.sleep:Sleep", "task", "inline"),
    "io.kestra.plugin.scripts.python.Script": entry("runners.tasks.python:Script", "task", "runner"),
    "io.kestra.plugin.scripts.python.Commands": entry("runners.tasks.python:Commands", "task", "runner"),
    SHELL: entry("runners.tasks.shell:Commands", "task", "runner"),
    DOCKER: entry("runners.options.docker:Docker", "task_runner", None),
    PROCESS: entry("runners.options.process:Process", "task_runner", None),
}
CATALOGUE = Catalogue(INDEX, discovery.load)


def read(text: str | bytes, path: str = ".flows/x.yaml", catalogue: Catalogue = CATALOGUE, **options: Any) -> Reading:
    """Reads a flow of the small catalogue."""
    return read_flow(text.encode() if isinstance(text, str) else text, path, catalogue, **options)


def flow(text: str, **options: Any) -> Flow:
    """A flow that must be right."""
    reading = read(text, **options)
    assert reading.flow is not None, [problem.line_text() for problem in reading.problems]
    return reading.flow


def codes(text: str | bytes, **options: Any) -> list[str]:
    """The codes of a file's problems, in the order of the file."""
    return [problem.code for problem in read(text, **options).problems]


def lines(text: str | bytes, **options: Any) -> list[str]:
    """The problems, one line each."""
    return [problem.line_text() for problem in read(text, **options).problems]


def refusals(text: str, **options: Any) -> list[str]:
    """The errors of a file, each as its code and the piece of the file that it points at."""
    rows = text.splitlines()
    errors = [problem for problem in read(text, **options).problems if problem.severity is Severity.ERROR]
    return [f"{problem.code} {_piece(rows[problem.line - 1], problem)}" for problem in errors]


def _piece(row: str, problem: Problem) -> str:
    """Up to its end; of maps and lists, which are marked at their beginning alone, the rest of the line."""
    begins = row[problem.column - 1 :]
    whole = begins[:1] in ("{", "[") or problem.end_line != problem.line or problem.end_column is None
    return begins if whole or problem.end_column is None else row[problem.column - 1 : problem.end_column - 1]


def tasks(body: str, rest: str = "") -> str:
    """A flow around the lines of its task list."""
    indented = "".join(f"  {line}\n" if line else "\n" for line in body.strip("\n").splitlines())
    return f"id: x\nnamespace: dev\ntasks:\n{indented}{rest}"
