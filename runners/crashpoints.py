"""Named places at which this process can be made to die, so that tests kill it at each of them and look what is left.

    HEADGATE_CRASH=executor.before_store:2 headgate up

ends the process as `kill -9` does (no `finally`, no exit handler, nothing flushed) the second time that it comes by `crashpoint("executor.before_store")`.
Several names, with commas between them, mean whichever comes first. Unset, a point costs the look at one global. The service hands the variable on to the first
agent that it starts, and to no other: what is started in place of one that died goes on.

Points stand on each side of whatever the world can see: a commit, an answer, a hand-over, a call to somebody else, a file's new name. A name is a literal,
stands in the code once, and begins with the part that it belongs to; `tests/chaos` finds all of them and dies at each.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping

VARIABLE = "HEADGATE_CRASH"
#: The exit code, which is what a shell makes of SIGKILL.
DIED = 137
#: What is said last.
SAID = f"{VARIABLE}: the process dies at"

_passed: Callable[[str], None] | None = None


def crashpoint(name: str) -> None:
    """Nothing, unless somebody has asked for more."""
    if _passed is not None:
        _passed(name)


def arm(passed: Callable[[str], None] | None) -> None:
    """From now on each point that is passed calls this, in its own thread; None: nothing is called."""
    global _passed  # noqa: PLW0603 - the one thing that a point looks at
    _passed = passed


def arm_from(environ: Mapping[str, str]) -> None:
    """What a process does at its start. Raises ValueError for a variable that says something else than `name:n`."""
    text = environ.get(VARIABLE, "")
    if text:
        arm(at(dict(map(_read, text.split(",")))))


def at(points: Mapping[str, int], die: Callable[[str], None] | None = None) -> Callable[[str], None]:
    """Dies at the first of some points that is passed for the n-th time."""
    counted, guard = Counter[str](), threading.Lock()

    def passed(name: str) -> None:
        if name in points:
            with guard:
                counted[name] += 1
                due = counted[name] == points[name]
            if due:
                (die or _die)(name)

    return passed


def _read(text: str) -> tuple[str, int]:
    name, _, number = text.partition(":")
    if not name or not (number or "1").isdecimal() or int(number or "1") == 0:
        raise ValueError(f"{VARIABLE}: {text!r} is not name:n, with n from 1 on")
    return name, int(number or "1")


def _die(name: str) -> None:
    os.write(2, f"{SAID} {name}\n".encode())
    os._exit(DIED)
