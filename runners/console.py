"""Reads what a script prints: plain lines become log entries, `::{…}::` lines outputs, metrics and log entries of their own.

What is done before the script itself stands between lines of ours, *fences*, on both streams: those lines are logged at DEBUG. A script that ends between the
fences of its dependencies has failed for want of them, and its last lines say why.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from runners import messages
from runners.messages import compact
from runners.protocol import OUTPUT_LIMIT, Metric, Outcome, Result
from runners.task import Exit, Work

#: What a task may publish with `::{"outputs": …}::`, in names; and how many metrics.
NAMES_CAP = 10_000
METRICS_CAP = 10_000

#: How many of an installer's last lines are told when it fails, and how long each may be.
_LAST_LINES, _LAST_LENGTH = 10, 500

_TOO_LARGE = (
    f"the outputs are too large: more than {OUTPUT_LIMIT:,} bytes of JSON with the names of files, or {NAMES_CAP:,} names; "
    "write values to a file and name it in outputFiles, pack many files into one"
)
_CODES = {126: " (not executable)", 127: " (command not found)", 137: " (killed by SIGKILL, perhaps for want of memory)", 143: " (SIGTERM)"}


class Console:
    """What was printed so far, and what came of it."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._mark = f"::headgate-{work.job.lease.key}::"
        #: What each stream is at, between fences: `before` or `dependencies`. Without fences no line is taken for one.
        self._stages: dict[str, str] = {}
        self._fences: dict[str, str] = {}
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._counts = {"stdout": 0, "stderr": 0}
        self._vars: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._size = 0
        self._metrics = 0
        self._fault: str | None = None

    def fenced(self, stage: str, lines: Sequence[str]) -> list[str]:
        """Lines of shell between fences: what they print is logged at DEBUG."""
        opening = f"{self._mark}{stage}"
        self._fences |= {opening: stage, self._mark: ""}
        return [_fence(opening), *lines, _fence(self._mark)]

    def lines(self, stream: str, texts: Sequence[str]) -> None:
        """Lines that follow each other. The plain ones are logged many at once: there may be millions."""
        done = 0
        for at in [at for at, text in enumerate(texts) if text.startswith("::")]:
            self._plain(stream, texts[done:at])
            self._special(stream, texts[at])
            done = at + 1
        self._plain(stream, texts[done:] if done else texts)

    def _special(self, stream: str, text: str) -> None:
        if text in self._fences:
            self._stages[stream] = self._fences[text]
        elif message := messages.read(text):
            self._counts[stream] += 1
            self._take(message.outputs, message.metrics)
            for grade, entry in message.logs:
                self._work.log(grade, entry)
        else:
            self._plain(stream, (text,))

    def _plain(self, stream: str, texts: Sequence[str]) -> None:
        self._counts[stream] += len(texts)
        stage = self._stages.get(stream)
        if stage == "dependencies":
            self._last.extend(text[:_LAST_LENGTH] for text in texts[-_LAST_LINES:])
        plain = "ERROR" if stream == "stderr" else "INFO"
        self._work.log_all("DEBUG" if stage else plain, texts)

    def fail(self, message: str) -> None:
        """Something went wrong beside the commands; the first of it is told, unless they failed themselves."""
        self._fault = self._fault or message

    def outcome(self, exit: Exit, files: Mapping[str, str]) -> Outcome:
        """What the attempt came to."""
        outputs = {
            "exitCode": exit.code,
            "outputFiles": dict(files),
            "vars": self._vars,
            "stdOutLineCount": self._counts["stdout"],
            "stdErrLineCount": self._counts["stderr"],
            "taskRunner": {"type": exit.runner} if exit.runner else None,
        }
        if len(compact(outputs)) > OUTPUT_LIMIT:
            self.fail(_TOO_LARGE)
            outputs |= {"outputFiles": {}, "vars": {}}
        result, message = self._judged(exit)
        return Outcome(result, message, exit.code, outputs)

    def _judged(self, exit: Exit) -> tuple[Result, str | None]:
        if exit.reason in ("killed", "lost", "handed"):
            return Result(exit.reason.upper()), exit.message
        if exit.reason:
            return Result.FAILED, exit.message or exit.reason
        if exit.code and self._stages.get("stdout") == "dependencies":
            return Result.FAILED, "\n".join((f"the dependencies could not be installed (exit code {exit.code}):", *self._last))
        if exit.code:
            return Result.FAILED, f"the command ended with exit code {exit.code}{_CODES.get(exit.code, '')}"
        return (Result.FAILED, self._fault) if self._fault else (Result.SUCCESS, None)

    def _take(self, outputs: Mapping[str, Any], metrics: Sequence[Metric]) -> None:
        sizes = {name: len(compact({name: value})) for name, value in outputs.items()}
        size = self._size + sum(new - self._sizes.get(name, 0) for name, new in sizes.items())
        self._metrics += len(metrics)
        if size > OUTPUT_LIMIT or len(self._sizes) + sum(name not in self._sizes for name in sizes) > NAMES_CAP:
            self.fail(_TOO_LARGE)
            return
        if self._metrics > METRICS_CAP:
            self.fail(f"more than {METRICS_CAP} metrics")
            return
        self._size, self._sizes = size, self._sizes | sizes
        self._vars |= outputs
        for metric in metrics:
            self._work.metric(metric)


def _fence(line: str) -> str:
    return f"echo '{line}'; echo '{line}' >&2"
