"""Tasks that run apart and do what tests want done in a process of its own."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from runners import tasks
from runners.protocol import Metric, Outcome, Result
from runners.task import Command, RunnerTask, Work


class Apart(RunnerTask):
    """Does one of the things below."""

    TYPE = "test.Apart"
    APART: ClassVar[bool] = True

    do: str
    text: str = Field("")

    def run(self, work: Work) -> Outcome:
        """Does it."""
        outputs = getattr(self, f"_{self.do}")(work)
        return outputs if isinstance(outputs, Outcome) else Outcome(Result.SUCCESS, outputs=outputs or {})

    def _every_call(self, work: Work):
        work.write("a/one.txt", "one")
        folder = work.folder("made")
        (folder / "two.txt").write_text("two")
        stored = dict(work.upload("**/*.txt"))
        work.fetch(stored["a/one.txt"], work.directory / "again.txt")
        work.metric(Metric("m", "counter", 3.0, {"k": "v"}))
        work.log("INFO", "one")
        work.log_all("WARN", ["two", "three"])
        lines = list[tuple[str, str]]()

        def heard(stream: str, texts):
            lines.extend((stream, text) for text in texts)
            work.log("DEBUG", f"heard {len(texts) > 0}")

        exit = work.execute(Command(("/bin/sh", "-c", "echo out; echo err >&2; exit 3")), heard)
        return {"again": Path("again.txt").read_text(), "files": stored, "lines": sorted(lines), "exit": exit.code, "task": work.job.task}

    def _surroundings(self, work: Work):
        pid, group, session = os.getpid(), os.getpgrp(), os.getsid(0)
        argv = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
        return {
            "own": pid == group == session,
            "cwd": os.getcwd() == str(work.directory),
            "home": os.environ["HOME"],
            "names": sorted(os.environ),
            "argv": argv.decode(),
            "environ": "".join(os.environ.values()),
            "limits": [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_DATA, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)],
            "handles": sorted(int(name) for name in os.listdir("/proc/self/fd")),
        }

    def _prints(self, work: Work):
        print("printed")
        print("a secret is", self.text)
        os.write(2, b"complained\n")

    def _prints_endlessly(self, work: Work):
        work.log("INFO", "ready")
        while True:
            os.write(1, b"x" * 100 + b"\n")

    def _prints_one_endless_line(self, work: Work):
        work.log("INFO", "ready")
        while True:
            os.write(2, b"x" * 100_000)

    def _hangs(self, work: Work):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen((sys.executable, "-c", "import time; time.sleep(300)"), start_new_session=True)
        work.log("INFO", "ready")
        time.sleep(300)

    def _ends_when_asked(self, work: Work):
        work.log("INFO", "ready")
        try:
            time.sleep(300)
        finally:
            Path(self.text).touch()

    def _segfaults(self, work: Work):
        os.write(2, b"the library said this\n")
        os.kill(os.getpid(), signal.SIGSEGV)

    def _is_killed(self, work: Work):
        os.kill(os.getpid(), signal.SIGKILL)

    def _exits(self, work: Work):
        os._exit(7)

    def _raises(self, work: Work):
        raise RuntimeError("secret-value")

    def _raises_of_host(self, work: Work):
        Path("nowhere/at/all").read_text()

    def _leads_outside(self, work: Work):
        work.write("../outside", "x")

    def _eats(self, work: Work):
        eaten = [bytearray(1 << 20) for _ in range(1 << 14)]
        return {"eaten": len(eaten)}

    def _says_too_much(self, work: Work):
        work.write("large", "x" * (65 << 20))

    def _returns_too_much(self, work: Work):
        return {"large": "x" * (65 << 20)}

    def _leaves_something_running(self, work: Work):
        subprocess.Popen(("/bin/sh", "-c", "sleep 300 & sleep 301"))
        return {"done": True}

    def _fails(self, work: Work):
        return Outcome.failed(self.text)


def find(name: str) -> type[RunnerTask]:
    """The tasks of this file, and the real ones."""
    return {Apart.TYPE: Apart}.get(name) or tasks.find(name)
