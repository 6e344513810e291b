"""Where programs run: the Protocol that process, docker and later backends implement, and the choice between them.

A program is started *or joined*: `start` on a lease and step that this backend has started before gives the same program again, with its
output from the first line, in the same order. That makes a restarted agent simple: it runs the job again, and nothing happens twice.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog

from runners.fields import Typed
from runners.protocol import Lease
from runners.task import Command, Exit

log = structlog.get_logger()


class NotStarted(Exception):
    """The program could not be started; the message is for the user: what is wrong, and what to do."""


class NoImage(NotStarted):
    """The image is neither here nor to be had."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that a program printed: on `stdout` or `stderr`, without its newline."""

    stream: str
    text: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of one stream that were printed one after the other, and read at one time."""

    stream: str
    texts: Sequence[str]
    time: datetime


@dataclass(frozen=True, slots=True)
class Launch:
    """One program to start, complete.

    `step` counts the programs of a job, from 0. `work` is the working directory, the same path on the host and in a container; `folder`
    is the job's own, for what the backend keeps. `expected` says that it was started before, so that its absence means it was lost.
    `begun` is called after the last `say` and before the program's first instruction. `stopping` interrupts a long start.
    What is not `trusted` is started only where it can do no harm, or not at all.
    """

    lease: Lease
    step: int
    argv: tuple[str, ...] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    work: Path
    folder: Path
    image: str | None = None
    default_image: str = "ubuntu"
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    expected: bool = False
    say: Callable[[str, str], None] = lambda level, message: None
    begun: Callable[[], None] = lambda: None
    stopping: threading.Event = field(default_factory=threading.Event)
    execution: str = ""
    trusted: bool = True

    @property
    def name(self) -> str:
        """Names this program among all that ever ran."""
        return f"{self.lease.key}-{self.step}"


class Program(Protocol):
    """Something that runs, or has run.

    It is over when its own end says so, however far its output has been read. What a program printed that ended by itself is read whole, up
    to the backend's cap; of one that was stopped, only a little of what was not read by then: `unread` says of the rest.
    """

    joined: bool
    #: What to tell of output that nobody will read; None when all of it was read.
    unread: str | None

    def batches(self) -> Iterator[Lines]:
        """Every line from the first, live, in a fixed order; ends when the program has ended and nothing of it is left running."""

    def output(self) -> Iterator[Line]:
        """The same, one by one."""
        for lines in self.batches():
            for text in lines.texts:
                yield Line(lines.stream, text, lines.time)

    def over(self) -> bool:
        """Whether the program has ended. Its output may still be on its way."""

    def wait(self) -> Exit:
        """How it ended. To be asked after the output."""

    def stop(self, grace: float, limit: float = math.inf) -> None:
        """Asks it to end, kills all of it after `grace` seconds; returns when it is over. From any thread, any number of times.

        A program may have a grace time of its own, which goes first; `limit` goes before both.
        """

    def leave(self) -> None:
        """Lets go of it: it runs on, and the `output` that is being read ends soon."""

    def collect(self, path: str) -> None:
        """Brings what stands at a path of the working directory to the host ("" for all of it); raises Unusable for a path that leads outside."""


class Backend(Protocol):
    """A place to run programs. `options` is the task runner type that names it in a flow, with its properties as fields."""

    options: type[Typed]

    def available(self) -> str | None:
        """None when programs can be started here; else why not and what to do. Cheap to ask."""

    def start(self, launch: Launch) -> Program:
        """Starts a program, or joins the one that was started before; raises NotStarted."""

    def left(self) -> tuple[Lease, ...]:
        """The leases of which something is still here, running or ended."""

    def remove(self, lease: Lease) -> None:
        """Ends and removes everything of a job. Nothing there: nothing to do."""

    def close(self) -> None:
        """Lets go of whatever it holds beside programs: its agent ends. Programs that run go on."""


class Backends:
    """What this agent has, best first, and what it takes for a command that names none.

    `default` is `auto` (the first that is available) or the type of one of them.
    """

    def __init__(self, backends: Sequence[Backend], default: str = "auto") -> None:
        self._backends = tuple(backends)
        self._default = default
        self._said: set[str] = set()

    def __iter__(self) -> Iterator[Backend]:
        return iter(self._backends)

    def close(self) -> None:
        """Closes each."""
        for backend in self._backends:
            backend.close()

    def named(self, type: str) -> Backend:
        """The backend behind a task runner type; raises NotStarted when this agent has none."""
        for backend in self._backends:
            if type == backend.options.TYPE or type in backend.options.ALIASES:
                return backend
        raise NotStarted(f"this runner has no task runner {type}; it has {', '.join(one.options.TYPE for one in self._backends) or 'none'}")

    def candidates(self, command: Command) -> tuple[Backend, ...]:
        """Where a command may run, in order of preference. More than one only where the flow left the choice open; raises NotStarted."""
        wanted = (command.runner or {}).get("type") or (None if self._default == "auto" else self._default)
        if wanted:
            backend = self.named(str(wanted))
            if problem := backend.available():
                raise NotStarted(problem)
            return (backend,)
        problems = {backend.options.TYPE: backend.available() for backend in self._backends}
        fit = tuple(backend for backend in self._backends if problems[backend.options.TYPE] is None)
        if not fit:
            raise NotStarted("; ".join(problem for problem in problems.values() if problem) or "this runner has no task runner at all")
        self._announce(fit[0].options.TYPE, problems)
        # With an image of the user's own, a process on the host would be something else.
        return fit[:1] if command.image else fit

    def _announce(self, chosen: str, problems: Mapping[str, str | None]) -> None:
        if chosen not in self._said:
            self._said.add(chosen)
            log.info("task runner chosen", task_runner=chosen, others={name: problem for name, problem in problems.items() if problem})
