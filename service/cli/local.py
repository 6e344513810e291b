"""`headgate run FILE`: the service's engine and backends in this process, on the working tree."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from service.actions.reviewing import Decision
from service.cli.follow import exit_code, log_line, summary
from service.cli.lint import check, render
from service.cli.screen import document, say
from service.cli.signals import signals_raise
from service.cli.stop import FAILED, WRONG, Stop
from service.cli.talk import log_to_stderr
from service.cli.times import clock
from service.flowables.approval import Decisions
from service.flows.inputs import Input
from service.local import Person, run_locally


def run_file(file: Path, inputs: dict[str, str], backend: str, as_json: bool) -> int:
    """Runs the flow and prints its log as it goes; returns the exit code of its final state."""
    if not file.exists():
        raise Stop(WRONG, f"there is no file {file}")
    found = check(file)
    if not found.valid:
        render([found], "full")
        return WRONG
    log_to_stderr("WARNING")
    stream = sys.stderr if as_json else sys.stdout

    def on_line(task: str, level: str, message: str) -> None:
        print(log_line(task, level, message, clock(datetime.now(UTC).isoformat()), stream), file=stream, flush=True)

    with signals_raise():
        state, execution = run_locally(file, inputs, backend, os.environ, Person(on_line, _ask, _decide))
    if as_json:
        document(execution)
    say(summary(execution))
    return exit_code(state)


def _ask(task: str, asked: Sequence[Input], wrong: str) -> dict[str, str]:
    """What a pause asks for, from whoever sits here."""
    if not sys.stdin.isatty():
        raise Stop(FAILED, f"`{task}` waits for somebody to resume it, and nobody is here to be asked: run this in a terminal, or give it a `pauseDuration`")
    say(f"\n{wrong}" if wrong else f"\n`{task}` waits for you")
    given = _answers(asked)
    if not asked:
        _line("  Enter to go on: ")
    return given


def _decide(task: str, asked: Sequence[Input], decisions: Decisions | None, wrong: str) -> Decision:
    """A decision, from whoever sits here; with what the approval asks for."""
    if not sys.stdin.isatty():
        raise Stop(FAILED, f"`{task}` waits for a decision, and nobody is here to be asked: run this in a terminal, or give it an `autoApprove`")
    say(f"\n{wrong}" if wrong else f"\n`{task}` waits for your decision")
    words = {"a": (decisions and decisions.approve) or "approve", "d": (decisions and decisions.deny) or "deny"}
    answer = ""
    while answer not in words:
        answer = _line(f"  a: {words['a']}, d: {words['d']}: ").strip().lower()[:1]
    given = _answers(asked) if answer == "a" else {}
    return Decision.of("APPROVED" if answer == "a" else "DENIED", _line("  comment: "), given)


def _answers(asked: Sequence[Input]) -> dict[str, str]:
    given: dict[str, str] = {}
    for each in asked:
        hint = "" if each.required and each.defaults is None else " (Enter: as the flow says)"
        if answer := _line(f"  {each.id}, {each.type}{hint}: "):
            given[each.id] = answer
    return given


def _line(prompt: str) -> str:
    print(prompt, end="", file=sys.stderr, flush=True)
    found = sys.stdin.readline()
    if not found:
        raise Stop(FAILED, "nobody answers")
    return found.rstrip("\n")
