"""The life of a service in a process of its own: pushes, edits, schedules, tasks of every kind, statuses, faults, chores; told to die at a crash point it dies.

What is outside of the service outlives it: what people asked for and had no answer to they ask for again, a runner keeps its jobs, a forge what it was told.
All of that stands in files beside the data folder. A later life on the same folder goes on from there, to the same end.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from runners.crashpoints import DIED, arm, at
from runners.protocol import Gone, Job, Lease, LogLine, Order, Outcome, Rejected, Result, decode, encode
from service.actions import edits
from service.actions.deliveries import Head, tell
from service.actions.pushes import Pushes
from service.engine.events import Deleted
from service.errors import ServiceError
from service.forges import Access, Answer, Later, Refused, Sent
from service.git import serve
from service.git.layout import GUARDED
from service.loops.housekeeping import Housekeeping
from service.loops.pool import Pool
from service.loops.reaper import Reaper
from service.loops.reconciler import Reconciler
from service.loops.reporter import Reporter
from service.loops.router import Router
from service.loops.scheduler import Scheduler
from service.store import deliveries, events, jobs, logs, statuses, task_runs, triggers
from service.store import executions as rows
from service.store.codec import now
from service.store.statuses import Status
from tests.chaos import nursery
from tests.support.commits import MAIN
from tests.support.station import RUNNER, Station
from webhooks.report import Request

ZERO = "0" * 40
CORE = "io.kestra.plugin.core"
SHELL = "io.kestra.plugin.scripts.shell.Commands"
#: Once, when its own file comes.
ON_PUSH = "triggers: [{id: push, type: headgate.git.Push, paths: [.flows/NAME.yml]}]\n"

#: One flow with everything that is handed over to somebody.
ALL = f"""
id: all
namespace: t
outputs: [{{id: n, type: STRING, value: "{{{{ outputs.make.vars.n }}}}"}}]
tasks:
  - {{id: make, type: {SHELL}, commands: [make], outputFiles: [made]}}
  - id: each
    type: {CORE}.flow.ForEach
    values: [x, y]
    tasks:
      - {{id: job, type: {SHELL}, commands: ["echo {{{{ taskrun.value }}}}"]}}
  - id: parts
    type: {CORE}.flow.ForEachItem
    items: "{{{{ outputs.make.outputFiles.made }}}}"
    namespace: t
    flowId: sub
    inputs: {{file: "{{{{ taskrun.items }}}}"}}
  - {{id: bad, type: {SHELL}, commands: ["{{{{ fromJson('{{') }}}}"], allowFailure: true}}
  - {{id: abandoned, type: {SHELL}, commands: [abandoned]}}
  - {{id: elsewhere, type: {SHELL}, commands: [elsewhere], workerGroup: {{key: nobody, fallback: IGNORE}}}}
  - id: together
    type: {CORE}.flow.WorkingDirectory
    tasks:
      - {{id: first, type: {SHELL}, commands: [first]}}
      - {{id: second, type: {SHELL}, commands: ["{{{{ outputs.first.vars.n }}}}"]}}
  - {{id: pause, type: {CORE}.flow.Pause, pauseDuration: PT10M}}
  - {{id: flaky, type: {CORE}.execution.Fail, condition: "{{{{ taskrun.attemptsCount < 1 }}}}", retry: {{type: constant, interval: PT1M, maxAttempts: 3}}}}
  - {{id: call, type: {CORE}.flow.Subflow, namespace: t, flowId: sub, inputs: {{file: "{{{{ outputs.make.outputFiles.made }}}}"}}}}
{ON_PUSH}"""
SUB = f"""
id: sub
namespace: t
inputs: [{{id: file, type: STRING}}]
tasks: [{{id: see, type: {CORE}.debug.Return, format: "{{{{ read(inputs.file) }}}}"}}]
"""
#: Done twice, of which the second time is known.
CLOCK = f"""
id: clock
namespace: t
tasks: [{{id: known, type: {SHELL}, commands: [known], taskCache: {{enabled: true, ttl: P1D}}}}]
triggers: [{{id: tick, type: {CORE}.trigger.Schedule, cron: "*/30 * * * *"}}]
"""
WAITS = f"id: NAME\nnamespace: t\ntasks: [{{id: nap, type: {CORE}.flow.Sleep, duration: PT20M}}]\n{ON_PUSH}"
EDITED = f"id: edited\nnamespace: t\ntasks: [{{id: say, type: {CORE}.log.Log, message: hello}}]\n"
BROKEN_CLOCK = CLOCK.replace("id: clock", "id: lost")

_VOLATILE = re.compile(r"\b[0-9A-Za-z]{22}\b|\b[0-9a-f]{40}\b|\b[0-9a-f]{12}\b|\d+\.\d s\b")
_ABOUT_LOSS = re.compile(r"^Attempt \d+ (is lost|was handed back)|^The folder that its tasks share is lost")
LEASE = 1e6
BAD_ROW = """INSERT OR REPLACE INTO flowfile (repository_id, path, blob, guessed, valid, level, problems)
             SELECT id, 'x.yml', '', 0, 0, 3, 'no JSON' FROM repository WHERE name = 'default'"""


class Outside:
    """What is not the service: files that no crash of it touches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def note(self, name: str, text: str = "") -> None:
        """Something that stays known."""
        (self.folder / name).write_text(text)

    def known(self, name: str) -> str | None:
        """What was noted."""
        path = self.folder / name
        return path.read_text() if path.exists() else None

    def send(self, request: Request, access: Access) -> Answer:
        """The forge, which keeps what it is told; it is busy once, and refuses one context for good."""
        assert access.repository == "site"
        said = request.json["context"]
        if said == "refused":
            return Refused("no such context", 422)
        if said == "busy" and self.known("busy") is None:
            self.note("busy")
            return Later(0.0, "busy")
        with (self.folder / "forge").open("a") as told:
            told.write(json.dumps([said, request.json["state"]]) + "\n")
        return Sent()

    def close(self) -> None:
        """Nothing is open."""


class Runner:
    """Keeps what it was given until its report has been taken; one job it loses, the first time, as if its host had burnt down."""

    def __init__(self, station: Station, outside: Outside) -> None:
        self._station, self._outside = station, outside
        self._jobs = outside.folder / "jobs"
        self._jobs.mkdir(exist_ok=True)

    def work(self) -> bool:
        """Does what there is to do; whether there was any."""
        busy = False
        for path in sorted(self._jobs.iterdir()):
            busy |= self._go_on(decode(Job, json.loads(path.read_text())))
        while (job := self._station.dispatch.try_claim(RUNNER)) is not None:
            busy = True
            if job.task != "abandoned" or self._outside.known("abandoned"):
                (self._jobs / job.lease.key).write_text(json.dumps(encode(job)))
                self._go_on(job)
            else:
                self._outside.note("abandoned", "yes")
        return busy

    def _go_on(self, job: Job) -> bool:
        dispatch, lease = self._station.dispatch, job.lease
        try:
            line = dispatch.adopt(RUNNER.id, lease).next_line
            if job.holds and dispatch.beat_now(RUNNER.id, (lease,))[lease.key] is Order.GO_ON:
                dispatch.ready(lease)
                return False
            if job.tree and job.task == "make":
                assert b"".join(dispatch.tree(lease, job.tree))
            if not job.holds and line == 0:
                dispatch.log(lease, (LogLine(0, now(), "INFO", f"did {job.spec['commands'][0]}"),))
            self._finish(job)
        except (Gone, Rejected):
            pass
        (self._jobs / lease.key).unlink(missing_ok=True)
        return True

    def _finish(self, job: Job) -> None:
        outputs: dict[str, Any] = {} if job.holds else {"vars": {"n": job.spec["commands"][0]}}
        if job.task == "make":
            outputs["outputFiles"] = {"made": self._station.dispatch.put(job.lease, "made", BytesIO(b"a\nb\n"))}
        with (self._outside.folder / "done").open("a") as done:
            done.write(f"{job.lease.key}\n")
        self._station.dispatch.finish(job.lease, Outcome(Result.SUCCESS, outputs=outputs))

    def held(self) -> set[str]:
        """The jobs that it knows of."""
        return {path.name for path in self._jobs.iterdir()}


class Life:
    """One life on a folder."""

    def __init__(self, folder: Path) -> None:
        self.outside = Outside(folder / "outside")
        self.station = Station(folder / "data", Direct(), lease=LEASE, environ={"TOKEN": "the-token"})  # type: ignore[arg-type]
        begun = self.outside.known("clock") or (now().replace(minute=1, second=0, microsecond=0) + timedelta(hours=1)).isoformat()
        self.station.clock.now = datetime.fromisoformat(begun)
        self.runner = Runner(self.station, self.outside)
        kit = self.station.kit
        self.reporter, self.pool, self.reconciler = Reporter(kit, self.outside), Pool(kit), Reconciler(kit)
        self.scheduler, self.reaper, self.housekeeping, self.router = Scheduler(kit), Reaper(kit), Housekeeping(kit), Router(kit)

    def all(self) -> dict[str, Any]:
        """Everything, from where the life before has come to; gives what is to be seen of it."""
        acts: list[Callable[[], None]] = [
            self.begin,
            self.push,
            self.edit,
            self.tell_forge,
            self.break_things,
            self.poison,
            self.wait,
            self.look,
            self.delete,
            self.clean,
        ]
        for act in acts:
            if self.outside.known(f"done-{act.__name__}") is None:
                act()
                self.outside.note(f"done-{act.__name__}")
            self.settle()
        found = {**json.loads(self.outside.known("seen") or ""), **self._rest()}
        self.station.close()
        return found

    # what people do

    def begin(self) -> None:
        """A repository on a forge, and two of the embedded host, the second with a default branch of its own choice."""
        place = "http://127.0.0.1:9"
        self.station.repository("site", url=f"{place}/acme/site.git", api_url=place, forge="github", allow_private=True, token_from="env:TOKEN")
        first = {"all": ALL.replace("NAME", "all"), "sub": SUB, "clock": CLOCK, "lost": BROKEN_CLOCK}
        self._pushed("first", first | {name: WAITS.replace("NAME", name) for name in ("waits", "hurt")})
        self._pushed("trunk", {"trunk": EDITED.replace("edited", "trunk").replace("namespace: t", "namespace: u")}, "refs/heads/trunk", repository="other")

    def push(self) -> None:
        """Another commit, and one on a branch that nobody can read."""
        self._pushed("second", {"note": WAITS.replace("NAME", "note")})
        self._pushed("m" * 1_100_000, {}, "refs/heads/huge")

    def edit(self) -> None:
        """A flow saved through the API, until it is live."""
        while ("t", "edited") not in self.station.live():
            edits.attempt(self.station.kit, edits.saving(self.station.kit, EDITED.encode()))
            self.settle()

    def tell_forge(self) -> None:
        """Statuses for a forge."""
        site, moment = self.station.repository("site").id, now().timestamp()
        for context in ("fine", "busy", "refused"):
            status = Status(site, "a" * 40, context, 1, "success", "it is", "http://here", moment)
            self.station.database.write(partial(statuses.want, status=status))

    def break_things(self) -> None:
        """Faults of ours: a delivery, an event and a schedule that nobody can read."""
        repository, moment = self.station.repository(), now().timestamp()
        (hurt,) = (row.execution.id for row in self.station.every() if row.execution.flow == "hurt")

        def action(session: Any) -> None:
            deliveries.put(session, repository.id, "host", "unreadable", "push", {}, b"no JSON", moment)
            session.exec_driver_sql("DELETE FROM revision WHERE path = '.flows/lost.yml'")
            session.exec_driver_sql("INSERT INTO event (execution_id, kind, payload, not_before, failures) VALUES (?, 'Sneezed', '{}', 0, 0)", (hurt,))

        self.station.database.write(action)

    def poison(self) -> None:
        """A fault of ours that each sync meets, for a while."""
        station, moment = self.station, self.station.clock.now.timestamp()
        repository, writer = station.repository(), station.commits()
        station.database.write(lambda session: session.exec_driver_sql(BAD_ROW))
        sha = self.outside.known("poison")
        if sha is None:
            sha = writer.write({"a.txt": "a"}, station.git.refs("default")[MAIN], message="third")
            self.outside.note("poison", sha)
        writer.move(MAIN, sha)
        station.database.write(partial(tell, repository=repository, source="host", delivery_id="poison", heads=[Head(MAIN, sha)], at=moment))
        while self._unsettled():
            self._until(station.clock.now + timedelta(minutes=2))
            self.settle()
        station.database.write(lambda session: session.exec_driver_sql("DELETE FROM flowfile WHERE problems = 'no JSON'"))

    def _unsettled(self) -> bool:
        with self.station.database.read() as session:
            return bool(session.exec_driver_sql("SELECT count(*) FROM delivery WHERE state = 'received'").scalar())

    def wait(self) -> None:
        """Until all timers have come."""
        end = datetime.fromisoformat(self.outside.known("clock-end") or (self.station.clock.now + timedelta(minutes=75)).isoformat())
        self.outside.note("clock-end", end.isoformat())
        while self.station.clock.now < end:
            self._until(min(end, self._next()))
            self.settle()

    def look(self) -> None:
        """What has come of everything."""
        self.outside.note("seen", json.dumps({"executions": sorted(map(self._of, self.station.every()), key=str), "half": sorted(self._half())}))

    def delete(self) -> None:
        """What has files goes."""
        for row in self.station.every():
            if row.execution.flow == "all":
                self.station.database.write(partial(events.add, execution=row.execution.id, task_run=None, event=Deleted("ann"), asked="gone"))

    def clean(self) -> None:
        """The chores of an hour."""
        for _ in range(200):
            wait = self.housekeeping.tick(self.station.clock.now)
            if wait > 100:
                return
            self.station.clock.forward(seconds=wait)

    # what the service does

    def settle(self) -> None:
        """Until nothing is to be done at this moment."""
        busy, moment = True, self.station.clock.now
        while busy:
            self.reconciler.tick(moment)
            self._rest_of(self.reconciler)
            self.scheduler.tick(moment)
            self.station.tick()
            self.pool.tick(moment)
            self._at_rest(self.pool)
            self.station.tick()
            self.router.tick(moment)
            busy = self.runner.work()
            self.reporter.tick(moment)
            self.reporter.rest()
            busy |= self._lose()
            with self.station.database.read() as session:
                busy |= bool(events.waiting(session, moment.timestamp(), 1)) or bool(jobs.leased(session, pool=True))

    def _pushed(self, message: str, texts: dict[str, str], ref: str = MAIN, repository: str = "default") -> None:
        """A push through the embedded host. Once its ref has moved, Git says that it is done, whatever the hook says."""
        station, name = self.station, f"pushed-{message[:10]}"
        writer = station.commits(repository)
        refs = station.git.refs(repository)
        before, onto, sha = refs.get(ref), refs.get(MAIN), self.outside.known(name)
        if sha is None:
            sha = writer.write({f".flows/{id}.yml": text for id, text in texts.items()}, *([onto] if onto else []), message=message)
            self.outside.note(name, sha)
        if before == sha:
            return
        update, pushes = (before or ZERO, sha, ref), Pushes(station.kit)
        list(pushes.handle("pre-receive", repository, [update], None, []).lines)
        writer.move(ref, sha)
        told = threading.Thread(target=lambda: list(pushes.handle("post-receive", repository, [update], None, []).lines), daemon=True)
        told.start()
        while told.is_alive():
            self.reconciler.tick(station.clock.now)
            self._rest_of(self.reconciler)
            told.join(0.01)

    def _lose(self) -> bool:
        """Time passes for the leases that no runner knows of; whether there were any."""
        unknown = [job for job in self._leased() if Lease(job.task_run_id, job.attempt, job.epoch).key not in self.runner.held()]
        if not unknown:
            return False
        moment, known = now(), [job for job in self._leased() if job not in unknown]
        for _ in range(6):
            self.station.database.write(partial(jobs.extend, jobs=known, until=moment.timestamp() + LEASE))
            self.reaper.tick(moment)
            moment += timedelta(seconds=LEASE / 3)
        return True

    def _leased(self) -> tuple[jobs.Job, ...]:
        with self.station.database.read() as session:
            return jobs.leased(session)

    def _next(self) -> datetime:
        at = self.station.clock.now.timestamp()
        with self.station.database.read() as session:
            due = [events.next_due(session, at), triggers.next_due(session, at)]
        return datetime.fromtimestamp(min([at + 600, *(one for one in due if one is not None and one > at)]) + 0.001, UTC)

    def _until(self, moment: datetime) -> None:
        self.station.clock.now = moment
        self.outside.note("clock", moment.isoformat())

    def _rest_of(self, loop: Reconciler) -> None:
        while loop._busy:
            threading.Event().wait(0.002)

    def _at_rest(self, pool: Pool) -> None:
        while True:
            with self.station.database.read() as session:
                if not jobs.leased(session, pool=True):
                    return
            threading.Event().wait(0.002)

    # what is to be seen

    def _of(self, row: rows.Row) -> dict[str, Any]:
        of = row.execution
        with self.station.database.read() as session:
            runs = task_runs.runs(session, of.id)
            lines = [entry.line.message for entry in logs.read(session, of.id, level="TRACE")]
        shown = [
            (run.node, list(run.values), run.state, _plain(run.outputs), sum(not tried.lost and not tried.returned for tried in run.attempts)) for run in runs
        ]
        said = sorted(_plain(line) for line in lines if not _ABOUT_LOSS.match(line))
        return {"flow": of.flow, "states": [stamp.state for stamp in of.history], "outputs": of.outputs, "runs": sorted(shown, key=str), "lines": said}

    def _half(self) -> Iterator[str]:
        """Files that are half made, or in the way of others."""
        data = self.station.folder
        for path in data.rglob("*"):
            if path.name.startswith((".new-", ".gone-")) or path.parent.name == ".new" or (path.name.endswith(".lock") and path.name not in GUARDED):
                yield str(path.relative_to(data))

    def _rest(self) -> dict[str, Any]:
        told = [json.loads(line) for line in (self.outside.known("forge") or "").splitlines()]
        data = self.station.folder
        with self.station.database.read() as session:
            inbox = session.exec_driver_sql("SELECT DISTINCT state FROM delivery ORDER BY 1").scalars().all()
            count = {table: session.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() for table in ("timer", "event", "leftover")}
            left = session.exec_driver_sql("SELECT count(*) FROM job WHERE state != 'done'").scalar()
            wanted = session.exec_driver_sql("SELECT context, state, description FROM status ORDER BY 1, 2, 3").all()
            heads = session.exec_driver_sql("SELECT ref, state, generation FROM commit_row ORDER BY 1, 2, 3").all()
        return {
            "flows": sorted((key[1], flow.live) for key, flow in self.station.live().items()),
            "inbox": list(inbox),
            "left": {**count, "jobs": left},
            "statuses": [_plain(list(row)) for row in wanted],
            "heads": [list(row) for row in heads],
            "forge": dict(told),
            "notes": any(name.endswith("headgate") for name in _refs(data / "git" / "default.git")),
        }


def _refs(repository: Path) -> Iterator[str]:
    for path in (repository / "refs").rglob("*"):
        if path.is_file():
            yield str(path.relative_to(repository))


def _plain(value: Any) -> Any:
    """Without what no two lives have in common."""
    return json.loads(_VOLATILE.sub("…", json.dumps(value, default=str)))


class Direct:
    """Git's calls in this process: a death in one of them is the whole service's."""

    def call(self, name: str, *arguments: Any, timeout: float) -> Any:
        answer = serve.answer(name, list(arguments))
        if "error" in answer:
            raise next(kind for kind in _subclasses(ServiceError) if kind.__name__ == answer["error"])(answer["message"])
        return answer["ok"]

    def close(self) -> None:
        """Nothing is open."""


def _subclasses(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def live(folder: str, crash: dict[str, int] | None = None) -> dict[str, Any]:
    """A life. It ends at the first of these points that is passed so often, and notes which it was; else gives what is to be seen, and what was passed."""
    logging.basicConfig(level=logging.INFO, filename=Path(folder) / "log", force=True)
    passed = Counter[str]()

    def die(name: str) -> None:
        with (Path(folder) / "deaths").open("a") as deaths:
            deaths.write(f"{name}\n")
        os._exit(DIED)

    dies = at(crash or {}, die)

    def count(name: str) -> None:
        passed[name] += 1
        dies(name)

    arm(count)
    return {"seen": Life(Path(folder)).all(), "passed": passed}


if __name__ == "__main__":
    serve.neutral()
    nursery.serve(live)
