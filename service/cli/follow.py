"""An execution's log on a terminal: live, over lost connections, to the end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from typing import Any, TextIO
from zlib import crc32

from service.cli.client import Api, Lost, path
from service.cli.screen import LEVELS, harmless, paint, say, state
from service.cli.stop import FAILED, OK
from service.cli.times import clock, duration, length

#: How long a server may be away while its log is followed, and the pause between two tries, in seconds.
PATIENCE, PAUSE = 60.0, 0.5
_TASKS = ("36", "34", "35", "33", "32", "96", "94", "95")


def exit_code(final: str) -> int:
    """What a script is told about the final state."""
    return OK if final in ("SUCCESS", "WARNING") else FAILED


def log_line(task: str, level: str, message: str, at: str, stream: TextIO) -> str:
    """One entry; the lines that its message goes on with stand below its first."""
    first, *more = harmless(message, colours=True).splitlines() or [""]
    mark = paint(f"{level:<5}", LEVELS.get(level, ""), stream)
    name = paint(harmless(task) or "-", _TASKS[crc32(task.encode()) % len(_TASKS)], stream)
    head = f"{paint(at, '2', stream)} {mark} {name}"
    plain = [first, *more] if paint("x", "1", stream) != "x" else [harmless(line) for line in (first, *more)]
    return "\n".join([f"{head} | {plain[0]}", *(f"{' ' * 18} {name} | {line}" for line in plain[1:])])


def print_entry(entry: Mapping[str, Any], stream: TextIO) -> None:
    """One log entry of the API."""
    text = log_line(str(entry.get("taskId") or ""), str(entry.get("level") or ""), str(entry.get("message") or ""), clock(entry.get("timestamp")), stream)
    print(text, file=stream, flush=True)


def entries(api: Api, execution: str, level: str = "") -> Generator[Mapping[str, Any], None, str]:
    """Every entry of an execution's log, each once, until it has ended; its id, or that of the execution that took over from it. A server that goes away is
    given time to come back."""
    seen: Counter[tuple[Any, ...]] = Counter()
    lost_at: float | None = None
    while True:
        before = Counter(seen)
        try:
            for event in api.events(f"/logs{path(execution)}/follow", minLevel=level):
                lost_at = None
                if event.name == "end":
                    return str((event.value or {}).get("id") or execution)
                if event.name == "progress" and isinstance(event.value, Mapping) and _is_new(event.value, before):
                    seen[_key(event.value)] += 1
                    yield event.value
        except Lost as lost:
            # The stream begins anew, from the first entry: what was shown is passed over.
            lost_at = _waited(lost, lost_at)


def shown(api: Api, execution: str, level: str, show: Callable[[Mapping[str, Any]], None]) -> str:
    """Shows every entry; gives the id of the execution that ended."""
    found = entries(api, execution, level)
    while True:
        try:
            entry = next(found)
        except StopIteration as ended:
            return str(ended.value)
        show(entry)


def _is_new(entry: Mapping[str, Any], before: Counter[tuple[Any, ...]]) -> bool:
    key = _key(entry)
    if before[key] > 0:
        before[key] -= 1
        return False
    return True


def _key(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return entry.get("taskRunId"), entry.get("attemptNumber"), entry.get("timestamp"), entry.get("message")


def _waited(lost: Lost, since: float | None) -> float:
    now = time.monotonic()
    if since is None:
        say(f"{lost.message}; trying again for {PATIENCE:.0f} s")
        since = now
    if now - since > PATIENCE:
        raise lost
    time.sleep(PAUSE)
    return since


def patiently(ask: Callable[[], Any]) -> Any:
    """The answer of one request; a server that is away is given time to come back."""
    since: float | None = None
    while True:
        try:
            return ask()
        except Lost as lost:
            since = _waited(lost, since)


def summary(execution: Mapping[str, Any], stream: TextIO = sys.stderr) -> str:
    """The execution in one line."""
    name = f"{execution.get('namespace')}.{execution.get('flowId')}"
    current = execution["state"]["current"]
    took = length(duration(execution["state"]))
    parts = (name, str(execution.get("id")), state(current, stream), f"in {took}" if took else "", str(execution.get("url") or ""))
    return " ".join(part for part in parts if part)
