"""What a template costs: kept and rendered again, read for the first time, forty of them as in a large task, one beside ten thousand outputs, in memory and
in the database, and one with a jq program, which runs in another process.

The floor is Jinja2's own sandbox with the same template and values, which knows neither Pebble's rules nor budgets nor places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

from bench.figure import Figure, interleaved
from service.actions.layers import Stored
from service.actions.results import Results
from service.engine.execution import Attempt, TaskRun
from service.engine.state import Stamp, State
from service.expressions import Expressions, Ports
from service.jq.programs import Programs
from service.store import schema, task_runs
from service.store.database import Database

HELLO = "Hello {{ inputs.user }}"
SCOPE = {"inputs": {"user": "Ada", "day": "2026-01-31"}, "outputs": {f"task{number}": {"value": number} for number in range(40)}}
#: As many expressions as the largest tasks have: their environment, their arguments, their script.
TASK = {f"KEY_{number}": f"{number}-{{{{ outputs.task{number}.value }}}}" for number in range(40)}
OTHERS = 10_000


def run() -> Iterator[Figure]:
    """Microseconds and milliseconds, each the median of rounds in which all take their turn."""
    with closing(Programs()) as programs, _stored(OTHERS) as many:
        yield from _figures(Ports(now=lambda: datetime.now(UTC), secret=lambda key, _namespace: key, jq=programs), many)


@contextmanager
def _stored(count: int) -> Iterator[Callable[[], Mapping[str, Any]]]:
    """The variables of an execution with so many outputs in the database, as they are made for each task."""
    stamps = (Stamp(State.SUCCESS, datetime.now(UTC)),)
    runs = [TaskRun(str(each), "e", f"task{each}", None, stamps, (Attempt(1, stamps),), outputs={"value": each}) for each in range(count)]
    with TemporaryDirectory(prefix="headgate-bench-") as folder:
        schema.upgrade(Path(folder) / "headgate.db")
        database = Database(Path(folder) / "headgate.db")
        database.write(lambda session: task_runs.save(session, list(enumerate(runs)), []))
        with database.read() as session:
            yield lambda: SCOPE | {"outputs": Results(Stored(session, "e")).outputs()}
        database.close()


def _figures(ports: Ports, many: Callable[[], Mapping[str, Any]]) -> Iterator[Figure]:
    ours, plain = Expressions(), ImmutableSandboxedEnvironment()
    kept = plain.from_string(HELLO)
    forty = [plain.from_string(text) for text in TASK.values()]
    number = count()
    wide = {**SCOPE, "outputs": {f"other{each}": {"value": each} for each in range(OTHERS)} | {"task1": {"value": 1}}}
    found = interleaved(
        {
            "kept": (2_000, lambda: ours.text(HELLO, SCOPE, ports)),
            "kept, floor": (2_000, lambda: kept.render(SCOPE)),
            "wide": (2_000, lambda: ours.text("Hello {{ outputs.task1.value }}", wide, ports)),
            "not read": (500, lambda: ours.text(HELLO, many(), ports)),
            "one read": (200, lambda: ours.text("Hello {{ outputs.task1.value }}", many(), ports)),
            "jq": (200, lambda: ours.text("{{ inputs | jq('.user') | first }}", SCOPE, ports)),
            "forty": (50, lambda: ours.nested_text(TASK, SCOPE, ports)),
            "forty, floor": (50, lambda: [each.render(SCOPE) for each in forty]),
            "first": (100, lambda: ours.text(f"{HELLO} {next(number)}", SCOPE, ports)),
            "first, floor": (20, lambda: plain.from_string(f"{HELLO} {next(number)}").render(SCOPE)),
        }
    )
    yield Figure(f"kept template `{HELLO}`", found["kept"] * 1e6, "µs", found["kept, floor"] * 1e6)
    yield Figure(f"kept template beside {OTHERS:,} outputs", found["wide"] * 1e6, "µs", found["kept"] * 1e6)
    yield Figure(f"template that names none of {OTHERS:,} stored outputs", found["not read"] * 1e6, "µs", found["kept"] * 1e6)
    yield Figure(f"template that names one of {OTHERS:,} stored outputs", found["one read"] * 1e6, "µs", found["kept"] * 1e6)
    yield Figure("jq of a small map", found["jq"] * 1e6, "µs", found["kept"] * 1e6)
    yield Figure(f"task of {len(TASK)} expressions, kept", found["forty"] * 1e3, "ms", found["forty, floor"] * 1e3)
    yield Figure("first render of a template, compiled", found["first"] * 1e3, "ms", found["first, floor"] * 1e3)
