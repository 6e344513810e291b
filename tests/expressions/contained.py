"""Renders templates one by one, each in a process of its own, and says what it cost: `python -m tests.expressions.contained`.

A line in is a template as JSON, a line out what came of it. The time is that of the processor, the memory all that the process ever held, Python and
everything that was imported included.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from service.expressions import ExpressionError, Expressions, Ports

MEBIBYTE = 1_048_576
ROOM = 1024 * MEBIBYTE  #: of addresses; what runs wild must not take the machine with it
PATIENCE = 20  #: seconds of the processor
BIG = 100_000
NO_SECRETS: dict[str, str] = {}
PORTS = Ports(now=lambda: datetime(2024, 3, 5, tzinfo=UTC), secret=lambda key, _namespace: NO_SECRETS[key], token=bytes)
NAMES: dict[str, Any] = {
    "big": "a" * BIG,
    "blank": " " * BIG + "\n" * BIG,
    "quotes": "'" * BIG,
    "emoji": "😀" * BIG,
    "deep": "[" * BIG,
    "digits": "9" * BIG,
    "numbers": list(range(BIG)),
    "texts": [f"item {number}" for number in range(BIG)],
    "map": {f"key {number}": number for number in range(BIG)},
    "self_made": "{{ render(self_made) }}{{ render(self_made) }}",
}


@dataclass(frozen=True)
class Cost:
    """What one template did. `outcome` is `value`, `refused`, or how the process ended."""

    outcome: str
    seconds: float
    mebibytes: float


def outcome(expressions: Expressions, template: str) -> str:
    try:
        expressions.typed(template, NAMES, PORTS)
    except ExpressionError as error:
        return f"refused: {error.message}"
    return "value"


def cost(expressions: Expressions, template: str) -> Cost:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
        resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
        os.write(writer, outcome(expressions, template).encode()[:4096])
        os._exit(0)
    os.close(writer)
    _, status, usage = os.wait4(child, 0)
    with os.fdopen(reader) as answer:
        said = answer.read() or f"ended by {status}"
    return Cost(said, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / MEBIBYTE)


def main() -> None:
    expressions = Expressions()
    outcome(expressions, "{{ 'a' | upper | date | default('x') }}")  # everything is imported before the first one is measured
    for line in sys.stdin:
        print(json.dumps(asdict(cost(expressions, json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
