"""The lowered flow: a tree of nodes that the engine walks, whatever dialect the YAML was written in.

`flows.lower` makes a Program out of a document; the engine and the executor read it and never see YAML, aliases or plugin defaults.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Literal, Protocol, runtime_checkable

from service.engine.events import ChildMoved
from service.engine.state import State

Runs = Literal["flowable", "inline", "pool", "runner"]

#: The lists of a group, or of the flow, that do not decide how it ends.
HANDLERS = ("errors", "finally")
#: Those together with the lists that are done while a group pauses: no retry of the group, or of one around it, is for what stands in them.
BESIDE = (*HANDLERS, "onPause", "onWait")
#: The list of a flow that is done once an execution has ended.
AFTER = "afterExecution"
#: What becomes of work that is lost with its runner: it is done again, or a person has to look.
Delivery = Literal["at_least_once", "at_most_once"]
#: Tasks whose attempts are put into a queue: they are done outside of the executor.
QUEUED = frozenset({"pool", "runner"})
Memory = Mapping[str, Any]  #: JSON values: what a flowable remembers between two events


@dataclass(frozen=True, slots=True)
class Route:
    """Which runners an attempt is for: those that have all of the labels, or one of them; a label is `name` or `name=value`. While there is no such runner it
    waits (WAIT), fails (FAIL), ends the execution as KILLED (CANCEL), or is for any runner (IGNORE)."""

    labels: tuple[str, ...]
    one: bool = False
    fallback: str = "WAIT"


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

    @property
    def leaf(self) -> bool:
        """Whether it is tried again by itself: it does something, and holds no other tasks."""
        return self.runs != "flowable" or getattr(self.model, "LEAF", False)

    def enabled(self) -> Node:
        """This node without the disabled ones below it: what the engine walks."""
        branches = {name: tuple(child.enabled() for child in children if not child.disabled) for name, children in self.branches.items()}
        pairs = ((new, old) for name, children in branches.items() for new, old in zip_longest(children, self.branches[name]))
        return self if all(new is old for new, old in pairs) else replace(self, branches=branches)

    @property
    def holds(self) -> bool:
        """Whether its tasks share a folder on one runner."""
        return bool(getattr(self.model, "HOLDS", False))

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in the order of the file."""
        yield self
        for branch in self.branches.values():
            for child in branch:
                yield from child.walk()


@dataclass(frozen=True, slots=True)
class Watch:
    """What an execution has to keep: a time from its creation, or a template that must hold. One that breaks it gets `labels`, and ends so; with `end` None it
    goes on."""

    id: str
    end: State | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    duration: timedelta | None = None
    holds: str | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A whole flow, ready to run. `root.branches` has `tasks`, and `errors` and `finally` where the flow has them. Disabled tasks are not in it. `after` is a
    group of what is done once an execution has ended. `outputs` are validated models of the language, for whoever renders them."""

    root: Node
    nodes: Mapping[str, Node]
    after: Node | None = None
    outputs: tuple[Any, ...] = ()
    watches: tuple[Watch, ...] = ()

    @classmethod
    def of(cls, root: Node, outputs: tuple[Any, ...] = (), watches: tuple[Watch, ...] = ()) -> Program:
        """Indexes the enabled nodes by id; ids are unique over the whole tree (checked by `flows`)."""
        root = root.enabled()
        nodes = {node.id: node for node in root.walk() if node is not root}
        trailing = root.branches.get(AFTER, ())
        after = Node(root.id, root.type, "flowable", None, branches={"tasks": trailing}) if trailing else None
        branches = {name: children for name, children in root.branches.items() if name != AFTER}
        return cls(root if AFTER not in root.branches else replace(root, branches=branches), nodes, after, outputs, watches)

    def body(self, task: str) -> Program:
        """What an execution of one iteration runs: the tasks of a loop. Those that fail are tried again as they would be in the flow itself."""
        loop = self.nodes[task]
        policy = next((each for each in (loop.retry, self.root.retry) if each is not None and each.behavior == "RETRY_FAILED_TASK"), None)
        return Program.of(replace(self.root, branches={"tasks": loop.branches["tasks"]}, retry=policy), tuple(loop.model.outputs or ()))


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
class Target:
    """Another flow, and what it is given. `labels` come on top of the flow's own; with `inherit` also those of whoever calls it."""

    namespace: str
    flow: str
    revision: int | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    inherit: bool = False
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A child execution to be started: of another flow, or (`target` is None) of the task's own children for an `item`. `number` counts those of a task run
    from 0. `again`: after a restart by a person the child that failed is restarted, in place of a new one. Nothing is heard of one that is not waited for."""

    number: int
    target: Target | None
    item: Mapping[str, Any] | None = None
    waits: bool = True
    again: bool = True


@dataclass(frozen=True, slots=True)
class Turn:
    """A flowable's answer: what starts now, what it remembers, and its own end when it has come to one.

    `memory` is stored again at every answer, so it stays small; what is large and never changes, such as the values of a loop, is `keep`, stored once.
    `outputs` can be read from now on. `message` says why an end is a failure. `pause`: nothing is done now, and each name is sent back after its time, or
    never (`{}`: somebody has to say when it goes on). `clear`: what its children have done so far is forgotten. `call`: child executions that start now.
    `folder`: one is to be opened for its tasks on some runner (`opened` is sent back when it stands, `lost` when it is gone); closed, after what is wanted of
    it was stored (`closed` is sent back); or dropped. `outcome`: with this end the execution is to end so, too. KILLED is a kill; otherwise nothing else is
    started but what is done in any case.
    """

    memory: Memory
    start: tuple[Start, ...] = ()
    end: State | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    keep: Any = None
    message: str | None = None
    pause: Mapping[str, timedelta] | None = None
    clear: bool = False
    call: tuple[Call, ...] = ()
    folder: Literal["open", "close", "drop"] | None = None
    outcome: State | None = None


@dataclass(frozen=True, slots=True)
class Wakened:
    """Why a flowable goes on that paused: a name that it gave with a time; `resumed`, with what somebody gave and who. Or that waits for its folder: `opened`,
    `closed` with what came of it, `lost`; `message` says why that failed, and `final` that it is not tried again."""

    name: str
    given: Mapping[str, Any] = field(default_factory=dict)
    by: str | None = None
    state: State = State.SUCCESS
    message: str | None = None
    final: bool = False


class Ask(Protocol):
    """What a flowable may ask while it decides: rendering in the scope of its own task run, and the time."""

    @property
    def now(self) -> datetime:
        """The time of this step, UTC."""

    def text(self, template: str) -> str:
        """Renders to text; raises RenderFailed."""

    def typed(self, value: Any) -> Any:
        """Renders a value of any nesting, keeping types; raises RenderFailed."""

    def masked(self, text: str) -> str:
        """A text that it has rendered, without secrets."""

    def kept(self) -> Any:
        """What the flowable's first answer said to keep."""

    def with_values(self, **values: Any) -> Ask:
        """The same scope with more names."""

    def elsewhere(self, execution: str, value: Any) -> Any:
        """Renders a value in the scope of another execution, one that it has called; raises RenderFailed."""

    def records(self, uri: str) -> list[Any]:
        """The records of a stored file; raises RenderFailed."""

    def outputs_of_children(self, *, of: str | None = None, fetch: bool = True) -> Mapping[int, Mapping[str, Any]]:
        """The outputs of its child executions, or of those `of` a task beside it, by number, of those that have any; without `fetch` nothing but the numbers.
        Raises RenderFailed for too much."""

    def outputs_beside(self, task: str) -> Mapping[str, Any]:
        """The outputs of a task beside it."""

    def store(self, name: str, rows: Sequence[Any]) -> None:
        """Stores values as a file of the task run, one on each line. Raises RenderFailed."""

    def uri(self, name: str) -> str:
        """The URI of such a file."""


@runtime_checkable
class Flowable(Protocol):
    """A construct that decides what runs next. It answers questions and does nothing itself."""

    def begin(self, node: Node, ask: Ask) -> Turn:
        """What should start first?"""

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        """What follows, now that this child has ended?"""

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        """Where does it stand, now that these are its children? It has been left by a failure, and some of them run again: their state is RUNNING. To one that
        has a folder for them, `held` in the memory says whether there still is one; where there is none it says that its children are forgotten."""

    def wake(self, node: Node, memory: Memory, why: Wakened, ask: Ask) -> Turn:
        """What follows, now that it goes on?"""

    def called(self, node: Node, memory: Memory, child: ChildMoved, ask: Ask) -> Turn:
        """What follows from where a child execution stands now?"""

    def later(self, node: Node, memory: Memory, children: Sequence[Ended], these: Collection[int]) -> Collection[int]:
        """Which of the children, in the order in which they were started, would not be there if none of these had ended?"""


class RenderFailed(Exception):
    """A template of the user's could not be rendered; the message names the place. Ends the task, not the service."""
