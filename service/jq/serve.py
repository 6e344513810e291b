"""What runs in a jq process: programs, one after the other, until the pipe ends.

Nothing of the world is in reach: the environment is empty, no file can be opened any more, no process started, and memory and processor time are bounded.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jq

from service.jq import frames

_CALL = 2  #: seconds of processor time that one call may take at most; whoever asked has given up long before
_SET_DUMPABLE = 4  #: prctl(2)
_TIRED = 3  #: a process that holds on to this part of its memory is not asked again: the next program would miss it
_HERE = "is not available here"
#: What would end the process or ask for more input says so, and what newer versions changed is as it was in 1.6. It all stands on one line before the
#: program, where no `import` can follow it.
_PRELUDE = " ".join(
    (
        *(f'def {name}: error("`{name.split("(")[0]}` {_HERE}");' for name in "halt halt_error halt_error($code) input inputs input_line_number".split()),
        'def ltrimstr($x): if type == "string" and ($x | type) == "string" and startswith($x) then .[($x | length):] else . end;',
        'def rtrimstr($x): if type == "string" and ($x | type) == "string" and $x != "" and endswith($x) then .[:length - ($x | length)] else . end;',
        "def limit($n; f): if $n > 0 then label $out | foreach f as $item (0; . + 1; $item, if . >= $n then break $out else empty end)"
        " elif $n == 0 then empty else f end;",
        "def last(f): reduce f as $item (null; $item);",
        "def leaf_paths: paths(scalars);",
        "def recurse_down: recurse;",
        "def ascii: [.] | implode;",
    )
)
_PLACE = re.compile(r" at <top-level>(?:, line (\d+)(?:, column (\d+))?)?:?$")


def main(memory: int) -> None:
    """Answers until the pipe ends."""
    os.environ.clear()
    jq.compile(_PRELUDE + " .").input_text("0").first()
    held = _memory()
    _shut(memory)
    out = sys.stdout.buffer
    with contextlib.suppress(frames.Broken, BrokenPipeError):
        _say(out, "ready")
        while True:
            program, text, items, room = frames.read(sys.stdin.buffer.read)
            begun = time.process_time()
            resource.setrlimit(resource.RLIMIT_CPU, (int(begun) + 1 + _CALL, resource.RLIM_INFINITY))
            kind, result = _answer(program, text, items, room)
            _say(out, [kind, result, time.process_time() - begun, held() > memory // _TIRED])


def _say(out: Any, value: Any) -> None:
    out.write(frames.dumps(value))
    out.flush()


def _memory() -> Callable[[], int]:
    """Tells the bytes that this process holds; asked for while files can be opened. (Its record high would count what our parent held when we began.)"""
    try:
        handle = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return lambda: 0  # no Linux
    page = resource.getpagesize()
    return lambda: int(os.pread(handle, 100, 0).split()[1]) * page


def _shut(memory: int) -> None:
    # What goes through here may be secret: no other process of this user may look in. (runners.processes has it too, but takes long to import.)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    limits = {resource.RLIMIT_AS: memory, resource.RLIMIT_NOFILE: 3, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0, resource.RLIMIT_NPROC: 0}
    for which, most in limits.items():
        resource.setrlimit(which, (most, most))


def _answer(program: str, text: str, items: int, room: int) -> tuple[str, Any]:
    """All results as JSON texts, or what is wrong: with the `program`, when it `failed`, or because there was `too much`."""
    try:
        compiled = _compiled(program)
    except ValueError as error:
        return "program", _readable(str(error))
    results: list[str] = []
    try:
        for result in compiled.input_text(text.encode(errors="replace").decode()):
            results.append(result)
            room -= len(result)
            if len(results) > items or room < 0:
                return "too much", None
    except MemoryError:
        return "too much", None
    except ValueError as error:
        return "failed", str(error)
    return "ok", results


@lru_cache(maxsize=64)
def _compiled(program: str) -> Any:
    if not program.strip():
        program = "."
    try:
        # As JSON texts, because only they tell 1.0 from 1.
        return jq.compile(f"{_PRELUDE} {program}\n| tojson")
    except ValueError:
        jq.compile(f"{_PRELUDE} {program}")  # where this is wrong too, it says so in the words of what was written
        raise


def _readable(message: str) -> str:
    """jq's first complaint, at its place in the program as its author knows it."""
    first = message.split("\n", 1)[0].removeprefix("jq: error: ")
    place = _PLACE.search(first)
    if place is None or not place[1]:
        return _PLACE.sub("", first)
    line, column = int(place[1]), int(place[2] or 0)
    if line == 1:
        column -= len(_PRELUDE) + 1
    return f"{first[: place.start()]} at line {line}" + (f", column {column}" if column > 0 else "")
