"""Constructs that decide what runs next. One file each: a class whose properties are fields, and the two answers of `engine.program.Flowable`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic_core import PydanticCustomError

from runners.fields import STORED_FILES, Typed, parse_duration
from runners.times import read_instant
from service.engine.events import ChildMoved
from service.engine.program import Ask, Ended, Memory, Node, RenderFailed, Target, Turn, Wakened
from service.engine.state import State
from service.expressions.errors import Refused
from service.expressions.limits import Budget, Limits
from service.expressions.values import json_text, kind, parse_json

MOST_VALUES = 100_000
LONGEST = timedelta(days=36_500)  #: dates end with the year 9999; nobody means to wait longer than this

#: How a property holds child tasks: a list of them; one alone; a map of lists, by value; a list of `{task, dependsOn}`.
Shape = Literal["list", "one", "cases", "graph"]

Declared = Literal["inputs", "outputs"]

#: What nearly every flowable has beside its own branches.
HANDLERS: Mapping[str, Shape] = {"errors": "list", "finally": "list"}

#: How a task is reached from the one before it.
Step = Literal["sequential", "parallel", "choice", "dynamic"]


@dataclass(frozen=True, slots=True)
class Way:
    """One of several ways that lead on from a flowable. `{}` in its label is the value of a case; `passes`: where the way has no tasks, it leads to the end."""

    label: str
    step: Step = "choice"
    passes: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """How a flowable's own tasks are joined; its `errors` and `finally` are joined as everywhere.

    `chain` one after another, `fork` side by side, `graph` by their dependencies, `ways` each branch by itself, with a `Way` for each. `step` is how the first
    follows; `dynamic`: they run once for each value, or again. In a graph `label` is that of the first edge, `back` that of an edge from the last task to the
    beginning.
    """

    form: Literal["chain", "fork", "graph", "ways"] = "chain"
    step: Step = "sequential"
    label: str | None = None
    back: str | None = None
    ways: Mapping[str, Way] = field(default_factory=dict)


#: What a called execution's end is for the task that waits for it, where it transmits; every other end is a success. (Rule: KESTRA.md 3.4.)
TRANSMITTED = frozenset({State.FAILED, State.KILLED, State.WARNING})


class FlowableTask(Typed):
    """Base of flowables. `BRANCHES` names the properties that hold child tasks, in the order they are run and shown; they are taken out before the class is
    built. Those in `REQUIRED` must be there, and not be empty."""

    RUNS: ClassVar[str] = "flowable"
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"tasks": "list", **HANDLERS}
    REQUIRED: ClassVar[tuple[str, ...]] = ("tasks",)
    #: Properties that declare inputs or outputs in the form that flows have for them. Once read they hold the declarations.
    DECLARES: ClassVar[Mapping[str, Declared]] = {}
    #: Properties whose expressions speak of another flow's tasks, inputs and variables.
    ELSEWHERE: ClassVar[frozenset[str]] = frozenset()
    #: Whether groups of tasks may stand in `tasks`, too.
    NESTS: ClassVar[bool] = True
    #: Whether it is tried again by itself, as what does something is: it calls another flow, and has no tasks of its own.
    LEAF: ClassVar[bool] = False
    #: Whether its `tasks` are done in executions below it, of which it remembers how they have ended.
    CALLS: ClassVar[bool] = False
    #: Whether its `tasks` share a folder, on the one runner that holds it.
    HOLDS: ClassVar[bool] = False
    #: How its own tasks are joined: for the graph of a flow, and for what runs before what.
    JOINED: ClassVar[Joined] = Joined()

    def begin(self, node: Node, ask: Ask) -> Turn:
        """What should start first?"""
        raise NotImplementedError

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        """What follows, now that this child has ended?"""
        raise NotImplementedError

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        """Where does it stand, now that these are its children, some of which run again?"""
        raise NotImplementedError

    def wake(self, node: Node, memory: Memory, why: Wakened, ask: Ask) -> Turn:
        """What follows, now that it goes on after a pause? One that waits for what it has called waits on."""
        return Turn(memory, pause={})

    def later(self, node: Node, memory: Memory, children: Sequence[Ended], these: Collection[int]) -> Collection[int]:
        """Which of the children followed any of these? Of tasks in order all that were started after the first."""
        return range(min(these) + 1, len(children))

    def called(self, node: Node, memory: Memory, child: ChildMoved, ask: Ask) -> Turn:
        """What follows from where an execution that it has called stands now?"""
        raise NotImplementedError


def flag_of(name: str, value: Any, ask: Ask) -> bool:
    """True or false, written or rendered. Raises RenderFailed for what is neither."""
    rendered = ask.typed(value)
    found = {"true": True, "false": False}.get(rendered.strip().lower()) if isinstance(rendered, str) else rendered
    if not isinstance(found, bool):
        raise RenderFailed(f"`{name}` is `{str(rendered)[:80]}`: it must be true or false")
    return found


def limit_of(name: str, value: Any, ask: Ask) -> int:
    """A number of things at once, written or rendered; 0 is no limit. Raises RenderFailed for what is none."""
    rendered = ask.typed(value)
    number = int(rendered) if isinstance(rendered, str) and rendered.strip().isascii() and rendered.strip().isdigit() else rendered
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise RenderFailed(f"`{name}` is `{str(rendered)[:80]}`: it must be a whole number of 0 or more")
    return number


def length_of(name: str, value: Any, ask: Ask) -> timedelta:
    """A time, written or rendered. Raises RenderFailed for what is none."""
    rendered = ask.typed(value)
    try:
        length = parse_duration(rendered)
    except PydanticCustomError as wrong:
        raise RenderFailed(f"`{name}` is `{str(rendered)[:80]}`: {wrong}") from None
    if length < timedelta():
        raise RenderFailed(f"`{name}` is `{str(rendered)[:80]}`: it must not be negative")
    return min(length, LONGEST)


def distinct_values(name: str, value: Any, ask: Ask) -> list[str]:
    """The values of a loop as text, each once: a list, or JSON text that holds one; what is not text becomes JSON. Raises RenderFailed, also for nulls."""
    rendered = _parsed(name, ask.typed(value))
    if not isinstance(rendered, list):
        raise RenderFailed(f"`{name}` must be a list, not {kind(rendered)}")
    return list(dict.fromkeys(_texts(name, rendered)))


def items_of(name: str, value: Any, ask: Ask) -> tuple[list[dict[str, Any]], bool]:
    """What each iteration of a loop is for, `value` and for maps `key`, in order and with what stands twice: of a list, of a map, of JSON text that holds
    either, or of a stored file, record by record; and whether it was a file. Raises RenderFailed, also for nulls."""
    rendered = ask.typed(value)
    stored = isinstance(rendered, str) and rendered.startswith(STORED_FILES)
    rendered = ask.records(rendered) if stored else _parsed(name, rendered)
    if isinstance(rendered, Mapping):
        return [{"value": text, "key": key} for key, text in zip(rendered, _texts(name, [*rendered.values()]), strict=True)], stored
    if not isinstance(rendered, list):
        raise RenderFailed(f"`{name}` must be a list or a map, not {kind(rendered)}")
    return [{"value": text} for text in _texts(name, rendered)], stored


def _parsed(name: str, rendered: Any) -> Any:
    if not isinstance(rendered, str):
        return rendered
    try:
        return parse_json(rendered)
    except (ValueError, RecursionError):
        raise RenderFailed(f"`{name}` is text, but no JSON list: `{rendered[:80]}`") from None


def _texts(name: str, values: Sequence[Any]) -> list[str]:
    if nulls := sum(each is None for each in values):
        raise RenderFailed(f"`{name}` has {nulls} null{'s' if nulls > 1 else ''} among its {len(values)} values")
    if len(values) > MOST_VALUES:
        raise RenderFailed(f"`{name}` has {len(values):,} values; a loop goes over {MOST_VALUES:,} at most")
    return [each if isinstance(each, str) else _json(each) for each in values]


def _json(value: Any) -> str:
    try:
        return json_text(value, Budget(Limits()))
    except Refused as refused:
        raise RenderFailed(str(refused)) from None


def target_of(task: Any, ask: Ask) -> Target:
    """The flow that a task names, and what it gives it, rendered. Raises RenderFailed."""
    inputs = {} if task.inputs is None else ask.typed(task.inputs)
    if not isinstance(inputs, Mapping):
        raise RenderFailed("`inputs` must be a map")
    return Target(
        ask.text(task.namespace),
        ask.text(task.flow_id),
        None if task.revision is None else limit_of("revision", task.revision, ask),
        inputs,
        labels_of(task.labels, ask),
        flag_of("inheritLabels", task.inherit_labels, ask),
        _date_of(task.schedule_date, ask),
    )


def labels_of(value: Any, ask: Ask) -> dict[str, str]:
    """Labels, written or rendered, as a map or as a list of `{key, value}`. Raises RenderFailed for what is neither."""
    rendered = {} if value is None else ask.typed(value)
    pairs = rendered.items() if isinstance(rendered, Mapping) else _pairs(rendered)
    return {str(key): part if isinstance(part, str) else ask.text(part) for key, part in pairs if part is not None}


def _pairs(entries: Any) -> list[tuple[Any, Any]]:
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) and "key" in entry for entry in entries):
        raise RenderFailed("`labels` must be a map, or a list of `{key, value}`")
    return [(entry["key"], entry.get("value")) for entry in entries]


def _date_of(value: Any, ask: Ask) -> datetime | None:
    if value is None:
        return None
    rendered = ask.typed(value)
    if isinstance(rendered, datetime):
        return rendered
    try:
        return read_instant(str(rendered))
    except (PydanticCustomError, ValueError) as wrong:
        raise RenderFailed(f"`scheduleDate` is `{str(rendered)[:80]}`: {wrong}") from None
