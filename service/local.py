"""`headgate run`: one flow of a working tree, on the service's own engine and backends, without a server.

The working tree stands in for the commit: its files are what a clone would hold (tracked, and new ones that are not ignored), or, outside of Git, the
folder of the flow file.
"""

from __future__ import annotations

import json
import stat
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from runners import __main__ as agents
from runners.agent import Timing
from runners.protocol import Lease, Tree
from service.actions import executions, pausing, reviewing
from service.actions.dispatch import Dispatch
from service.actions.files import LARGEST
from service.actions.kit import Kit
from service.actions.pausing import Resumption
from service.actions.reviewing import Decision
from service.api import serial, shapes
from service.app import Service
from service.engine.execution import Pin, TaskRun
from service.engine.program import Node
from service.engine.state import State
from service.errors import Conflict, Invalid, TooLarge
from service.flowables.approval import Decisions
from service.flows.inputs import Input
from service.git.repository import FLOWS
from service.loops import Runner
from service.loops.executor import Executor
from service.loops.pool import Pool
from service.settings import read as read_settings
from service.store import executions as execution_rows
from service.store import flows as flow_rows
from service.store import logs
from service.store import repositories as rows
from service.store.codec import now
from service.store.database import Session
from service.store.executions import Row
from service.store.repositories import Repository

#: Stands for the working tree where a commit is asked for.
NO_COMMIT = "0" * 40

#: How long the agent may take to end what runs: longer than its grace times, and a daemon may be slow. In seconds.
_ENDING = 60.0

OnLine = Callable[[str, str, str], None]
OnPause = Callable[[str, Sequence[Input], str], Mapping[str, str]]
OnReview = Callable[[str, Sequence[Input], Decisions | None, str], Decision]


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever sits here. `on_line` hears of task, level and message; `on_pause` of a task that waits for somebody and what it asks for, and gives that;
    `on_review` the same of one that waits for a decision. What they give may be asked for again, with what was wrong with it."""

    on_line: OnLine
    on_pause: OnPause
    on_review: OnReview


_TIMING = Timing(beat=0.5, drain=1.0, flush=0.05, wait=0.5)


class WorkingTree:
    """The files that a commit of this working tree would hold."""

    def __init__(self, file: Path) -> None:
        self.root = _root(file.resolve())
        self.flow_path = file.resolve().relative_to(self.root).as_posix()

    def paths(self) -> list[str]:
        """Relative paths, sorted."""
        listed = _git(self.root, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
        if listed is None:
            found = [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if ".git" not in path.parts and ".headgate" not in path.parts]
        else:
            found = listed.split("\0")
        return sorted({path for path in found if path})

    def file(self, _name: str, _commit: str, path: str) -> bytes | None:
        """See `Trees.file`."""
        found = self.open(_name, _commit, path)
        if found is None:
            return None
        with found:
            content = found.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise TooLarge(f"{path} is larger than {LARGEST:,} bytes")
        return content

    def size(self, _name: str, _commit: str, path: str) -> int | None:
        """See `Trees.size`."""
        place = self._regular(path)
        return place.stat().st_size if place else None

    def open(self, _name: str, _commit: str, path: str) -> BinaryIO | None:
        """See `Trees.open`."""
        place = self._regular(path)
        return place.open("rb") if place else None

    def _regular(self, path: str) -> Path | None:
        """A file that the commit would hold: behind no link."""
        place = self.root / path
        return place if place.is_file() and place.resolve() == place and path in self.paths() else None

    def tar(self) -> Iterator[bytes]:
        """Regular files as a tar stream, as `Files.tree` gives them."""
        for path in self.paths():
            place = self.root / path
            try:
                info = place.lstat()
                if not stat.S_ISREG(info.st_mode):
                    continue
                content = place.read_bytes()
            except OSError:
                continue  # gone since it was listed
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o755 if info.st_mode & 0o100 else 0o644
            entry.mtime = int(info.st_mtime)
            yield entry.tobuf(tarfile.PAX_FORMAT)
            yield content
            yield b"\0" * (-len(content) % tarfile.BLOCKSIZE)
        yield b"\0" * (2 * tarfile.BLOCKSIZE)


class LocalDispatch(Dispatch):
    """The dispatcher, with the working tree in place of the commit."""

    def __init__(self, kit: Kit, tree: WorkingTree) -> None:
        super().__init__(kit)
        self._tree = tree

    def tree(self, lease: Lease, tree: Tree) -> Iterator[bytes]:
        """See `Files.tree`."""
        return self._tree.tar()


def _root(file: Path) -> Path:
    found = _git(file.parent, "rev-parse", "--show-toplevel")
    if found is not None:
        return Path(found.strip())
    parts = file.parent.parts
    return Path(*parts[: parts.index(FLOWS)]) if FLOWS in parts else file.parent


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return answer.stdout


def run_locally(file: Path, inputs: Mapping[str, str], backend: str, environ: Mapping[str, str], person: Person) -> tuple[str, dict[str, object]]:
    """Runs one flow of a working tree on the same engine and backends, in a folder that is gone afterwards. Returns the final state and the execution."""
    with tempfile.TemporaryDirectory(prefix="headgate-run-") as folder:
        settings = read_settings(environ, data=Path(folder), runner=False)
        service = Service(settings, environ, settings.port)
        try:
            return LocalRun(service, file, backend, person).run(inputs)
        finally:
            service.stop()


class LocalRun:
    """One run of a working tree's flow."""

    def __init__(self, service: Service, file: Path, backend: str, person: Person) -> None:
        self._service, self._backend, self._person = service, backend, person
        self._tree, self._text = WorkingTree(file), file.read_bytes()
        self._kit = replace(service.kit, trees=self._tree)

    def run(self, inputs: Mapping[str, str]) -> tuple[str, dict[str, object]]:
        """Starts it, shows its log as it comes, and waits for its end. Raises Invalid for a wrong flow or wrong inputs."""
        id = self._create(inputs)
        stop = threading.Event()
        agent = agents.build(
            LocalDispatch(self._kit, self._tree),
            LocalDispatch(self._kit, self._tree),
            self._service.data / "runner",
            agents.Choices(backend=self._backend),
            timing=_TIMING,
        )
        working = threading.Thread(target=agent.run, args=(stop,), daemon=True)
        pool = Pool(self._kit)
        loops = [Runner(loop, self._service.database.hub) for loop in (Executor(self._kit), pool)]
        try:
            for loop in loops:
                loop.start()
            working.start()
            id = self._follow_all(id)
        finally:
            stop.set()
            if working.is_alive():  # a signal may come before anything has begun
                working.join(_ENDING)
            for loop in loops:
                loop.stop()
            for loop in loops:
                loop.join(5)
            pool.close()
        with self._service.database.read() as session:
            row = executions.get(session, id)
            shown = serial.whole(shapes.execution(self._kit, row, now(), None), serial.task_runs(self._kit, session, row))
        # There is no server, so there is no page.
        return row.execution.state.value, {**json.loads(shown), "url": ""}

    def _create(self, inputs: Mapping[str, str]) -> str:
        reading = self._kit.reader.read("0", self._tree.flow_path, self._text)
        if reading.flow is None:
            raise Invalid("the flow has problems", [problem.as_json() for problem in reading.problems])
        flow, moment = reading.flow, now()
        row = flow_rows.Flow("local", rows.MAIN, flow.namespace, flow.id, "local", 1, 1, self._tree.flow_path, "0")
        revision = flow_rows.Revision("local", 1, NO_COMMIT, row.path, "0", self._text.decode("utf-8"), "", moment.timestamp(), moment.timestamp())
        repository = Repository("local", "local", rows.EMBEDDED, "local", "", moment.timestamp())
        order = executions.Order(rows.MAIN, flow.namespace, flow.id, inputs, {}, origin="local")
        pin = Pin("local", NO_COMMIT, "", row.path, "0")
        prepared = executions.settle(self._kit, order, flow, "local", 1, pin, moment)

        def action(session: Session) -> None:
            rows.add(session, repository)
            flow_rows.put_all(session, [row])
            flow_rows.add_revisions(session, [revision])
            executions.add(session, self._kit, prepared, moment)

        self._service.database.write(action)
        return prepared.execution.id

    def _follow_all(self, id: str) -> str:
        """Follows an execution and those that take over from it; gives the id of the last one."""
        following: str | None = id
        while following is not None:
            id = following
            self._follow(id)
            with self._service.database.read() as session:
                following = execution_rows.taken_over_by(session, executions.get(session, id).execution)
        return id

    def _follow(self, id: str) -> None:
        woken, after, ended = threading.Event(), 0, False
        stops = [self._service.database.hub.listen((kind, id), lambda _: woken.set()) for kind in ("log", "execution")]
        while not ended:
            woken.wait(1.0)
            woken.clear()
            with self._service.database.read() as session:
                ended = executions.get(session, id).execution.over
                for entry in logs.read(session, id, after=after):
                    after = entry.chunk
                    self._person.on_line(entry.task or "", entry.line.level, entry.line.message)
            if not ended:
                self._ask(id)
        for stop in stops:
            stop()

    def _ask(self, id: str) -> None:
        """Asks for what a pause waits for that does not end by itself, or an approval."""
        wrong = ""
        while True:
            with self._service.database.read() as session:
                row = executions.get(session, id)
                if row.execution.state is not State.PAUSED:
                    return
                pauses, approvals = pausing.waiting(session, self._kit, row), reviewing.waiting(session, self._kit, row)
            pause = next(((run, node) for run, node in pauses if node.model.pause_duration is None and node.timeout is None), None)
            try:
                prepared = self._resumed(row, *pause, wrong) if pause else self._reviewed(row, *approvals[0], wrong) if approvals else None
                if prepared is None:
                    return
            except Invalid as refused:
                wrong = refused.message
                continue
            except Conflict:
                return  # its time was over before the answer came
            with suppress(Conflict):
                self._service.database.write(lambda session: pausing.resume(session, prepared, "you"))  # noqa: B023 - written before the next round
            return

    def _resumed(self, row: Row, run: TaskRun, node: Node, wrong: str) -> Resumption:
        given = self._person.on_pause(node.id, pausing.asked(node), wrong)
        with self._service.database.read() as session:
            return pausing.prepare(session, self._kit, row, given, run.id)

    def _reviewed(self, row: Row, run: TaskRun, node: Node, wrong: str) -> Resumption:
        decision = self._person.on_review(node.id, reviewing.asked(node), node.model.decisions, wrong)
        with self._service.database.read() as session:
            return reviewing.prepare(session, self._kit, row, decision, run.id)
