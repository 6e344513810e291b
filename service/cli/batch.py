"""`headgate eval --batch`: JSON lines in, JSON lines out, in order and as they come; one line is in memory at a time.

What is wrong with a line, or goes wrong in it, is the answer to that line. `name`, `vars` and `typed` may be absent, or null, which is the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from service.cli.screen import show
from service.cli.sources import STDIN
from service.cli.stop import WRONG, Stop
from service.cli.world import World, json_of
from service.expressions import ExpressionError
from service.expressions.errors import nearest
from service.expressions.values import kind, parse_json

#: Bytes of a line; a longer one is not held.
LONGEST = 16 << 20
_FIELDS = ("name", "template", "vars", "typed")


class Wrong(ValueError):
    """A line that asks for nothing that can be answered."""


@dataclass(frozen=True, slots=True)
class Question:
    """One line."""

    name: Any
    template: Any
    vars: Mapping[str, Any] = field(default_factory=dict)
    typed: bool = False


def answer_all(world: World, name: str) -> None:
    """Answers every line of a file. Raises Stop for a file that can't be read."""
    try:
        with nullcontext(sys.stdin.buffer) if name == STDIN else Path(name).open("rb") as stream:
            for number, line in _lines(stream):
                show(answer(world, number, line))
    except BrokenPipeError:
        raise
    except OSError as failure:
        raise Stop(WRONG, f"{name} can't be read: {failure.strerror}") from failure


def answer(world: World, number: int, line: bytes) -> str:
    """The answer to one line, as JSON."""
    name: Any = number
    try:
        fields = _fields(line)
        name = fields.get("name")
        question = _question(fields, number)
        value = world.value(question.template, question.vars, typed=question.typed)
        return f'{{"name":{json_of(question.name)},"ok":true,"value":{json_of(value)}}}'
    except Wrong as wrong:
        error = str(wrong)
    except ExpressionError as failure:
        error = f"{_path(failure.path)}{failure}"
    except Exception as fault:  # noqa: BLE001 - a job's run: a fault in one line must not end the others
        error = f"a fault of Headgate's own: {type(fault).__name__}: {fault}"
    return json_of({"name": name if isinstance(name, str | int | float) else number, "ok": False, "error": error})


def _fields(line: bytes) -> dict[str, Any]:
    if len(line) > LONGEST:
        raise Wrong(f"a line of more than {LONGEST:,} bytes")
    try:
        found = parse_json(line.decode("utf-8-sig"))
    except UnicodeDecodeError as wrong:
        raise Wrong(f"this line is not UTF-8: byte {wrong.start + 1}") from None
    except json.JSONDecodeError as wrong:
        raise Wrong(f"this line is not JSON: {wrong.msg} at column {wrong.pos + 1}") from None
    except (ValueError, RecursionError) as wrong:
        raise Wrong(f"this line is not JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise Wrong(f"a line must be a JSON object, not {kind(found)}")
    return found


def _question(fields: Mapping[str, Any], number: int) -> Question:
    _mistyped(fields)
    if "template" not in fields:
        raise Wrong("this line has no `template`")
    given = {key: value for key, value in fields.items() if value is not None}
    name, variables, typed = given.get("name", number), given.get("vars", {}), given.get("typed", False)
    if isinstance(name, bool) or not isinstance(name, str | int | float):
        raise Wrong(f"`name` must be text or a number, not {kind(name)}")
    if not isinstance(variables, dict):
        raise Wrong(f"`vars` must be a map, not {kind(variables)}")
    if not isinstance(typed, bool):
        raise Wrong(f"`typed` must be true or false, not {kind(typed)}")
    return Question(name, fields["template"], variables, typed)


def _mistyped(fields: Mapping[str, Any]) -> None:
    """A line may hold more than the question, such as the answer that is expected; but a word that is nearly one of ours was meant to be it."""
    for key in fields:
        meant = nearest(key, _FIELDS)
        if meant is not None and meant not in fields:
            raise Wrong(f"a line has {', '.join(f'`{known}`' for known in _FIELDS)}, not `{key[:60]}`; did you mean `{meant}`?")


def _path(path: tuple[str | int, ...]) -> str:
    """Where in a nested template: `a.b[0]: `."""
    written = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")
    return f"`{written}`: " if written else ""


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Every line by its number from 1; of one that is too long, as much as shows that."""
    number = 0
    while line := stream.readline(LONGEST + 1):
        number += 1
        yield number, line
        while len(line) > LONGEST and not line.endswith(b"\n"):
            line = stream.readline(LONGEST + 1)
