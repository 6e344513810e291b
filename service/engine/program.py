"""The lowered flow: a tree of nodes that the engine walks, whatever dialect the YAML was written in.

`flows.lower` makes a Program out of a document; the engine and the executor read it and never see YAML, aliases or plugin defaults.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Literal, Protocol, runtime_checkable

from service.engine.state import State

Runs = Literal["flowable", "inline", "pool", "runner"]

#: The lists of a group, or of the flow, that do not decide how it ends.
HANDLERS = ("errors", "finally")
#: Those together with the list that is done while a group pauses: no retry of the group, or of one around it, is for what stands in them.
BESIDE = (*HANDLERS, "onPause")
#: What becomes of work that is lost with its runner: it is done again, or a person has to look.
Delivery = Literal["at_least_once", "at_most_once"]
#: Tasks whose attempts are put into a queue: they are done outside of the executor.
QUEUED = frozenset({"pool", "runner"})
Memory = Mapping[str, Any]  #: JSON values: what a flowable remembers between two events


@dataclass(frozen=True, slots=True)
class Node:
    """One task of the flow.

    `spec` holds the task's own properties as written (plugin defaults merged, templates unrendered, common properties taken out); `model` is the validated
    instance of its class. `branches` are the named child lists of a flowable (`tasks`, `errors`, `finally`, …; of cases each one by itself, as
    `cases.<value>`). `depends_on` are the ids that a task of a Dag waits for. `run_if` is a template, None when absent. `timeout` may be a template. `retry`,
    `cache` and `worker` are validated models of the language. `runs`: by the engine itself, in the executor, in the service's pool, or on a runner. `place` is
    (line, column) of the task in its file, from 1.
    """

    id: str
    type: str
    runs: Runs
    model: Any
    spec: Mapping[str, Any] = field(default_factory=dict)
    branches: Mapping[str, tuple[Node, ...]] = field(default_factory=dict)
    run_if: str | None = None
    timeout: str | None = None
    allow_failure: bool = False
    allow_warning: bool = False
    log_level: str | None = None
    log_to_file: bool = False
    retry: Any = None
    cache: Any = None
    worker: Any = None
    delivery: Delivery = "at_least_once"
    depends_on: tuple[str, ...] = ()
    description: str | None = None
    disabled: bool = False
    place: tuple[int, int] = (1, 1)

    def enabled(self) -> Node:
        """This node without the disabled ones below it: what the engine walks."""
        branches = {name: tuple(child.enabled() for child in children if not child.disabled) for name, children in self.branches.items()}
        pairs = ((new, old) for name, children in branches.items() for new, old in zip_longest(children, self.branches[name]))
        return self if all(new is old for new, old in pairs) else replace(self, branches=branches)

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in the order of the file."""
        yield self
        for branch in self.branches.values():
            for child in branch:
                yield from child.walk()


@dataclass(frozen=True, slots=True)
class Program:
    """A whole flow, ready to run. `root.branches` has `tasks`, and `errors` and `finally` where the flow has them. Disabled tasks are not in it."""

    root: Node
    nodes: Mapping[str, Node]

    @classmethod
    def of(cls, root: Node) -> Program:
        """Indexes the enabled nodes by id; ids are unique over the whole tree (checked by `flows`)."""
        root = root.enabled()
        return cls(root, {node.id: node for node in root.walk() if node is not root})


@dataclass(frozen=True, slots=True)
class Start:
    """A child to be started, with its loop value where it has one."""

    node: Node
    value: str | None = None
    iteration: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A child that has ended, as its parent sees it. RETRYING: it has failed for now, and will be tried again."""

    node: Node
    state: State
    value: str | None = None
    iteration: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A flowable's answer: what starts now, what it remembers, and its own end when it has come to one.

    `memory` is stored again at every answer, so it stays small; what is large and never changes, such as the values of a loop, is `keep`, stored once.
    `outputs` can be read from now on. `message` says why an end is a failure. `pause`: nothing is done now, and each name is sent back after its time, or
    never (`{}`: somebody has to say when it goes on). `clear`: what its children have done so far is forgotten.
    """

    memory: Memory
    start: tuple[Start, ...] = ()
    end: State | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    keep: Any = None
    message: str | None = None
    pause: Mapping[str, timedelta] | None = None
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Wakened:
    """Why a flowable that paused goes on: a name that it gave with a time; `resumed`, with what somebody gave and who."""

    name: str
    given: Mapping[str, Any] = field(default_factory=dict)
    by: str | None = None


class Ask(Protocol):
    """What a flowable may ask while it decides: rendering in the scope of its own task run, and the time."""

    @property
    def now(self) -> datetime:
        """The time of this step, UTC."""

    def text(self, template: str) -> str:
        """Renders to text; raises RenderFailed."""

    def typed(self, value: Any) -> Any:
        """Renders a value of any nesting, keeping types; raises RenderFailed."""

    def kept(self) -> Any:
        """What the flowable's first answer said to keep."""


@runtime_checkable
class Flowable(Protocol):
    """A construct that decides what runs next. It answers questions and does nothing itself."""

    def begin(self, node: Node, ask: Ask) -> Turn:
        """What should start first?"""

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        """What follows, now that this child has ended?"""

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        """Where does it stand, now that these are its children? It has been left by a failure, and some of them run again: their state is RUNNING."""

    def wake(self, node: Node, memory: Memory, why: Wakened, ask: Ask) -> Turn:
        """What follows, now that it goes on?"""


class RenderFailed(Exception):
    """A template of the user's could not be rendered; the message names the place. Ends the task, not the service."""
