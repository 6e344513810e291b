"""The service's side of the runner protocol: jobs out, reports in.

A claim is durable before it is answered, and rendering comes after it, outside the writer: the queue holds ids only, and a template that can't be
rendered ends its attempt like any other failure. A report is accepted only with the epoch of the current lease; the first end wins.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runners.crashpoints import crashpoint
from runners.protocol import Adopted, Gone, Job, Lease, LogLine, Order, Outcome, RunnerInfo, Tree, encode, output_of
from service.actions import cached, claims, gathering, outcomes
from service.actions.attempts import Attempted, look_up
from service.actions.facts import facts
from service.actions.job_files import JobFiles
from service.engine.events import Claimed, Ended, Lost, Opened
from service.engine.program import RenderFailed
from service.engine.state import State
from service.store import caches, events, jobs, logs, repositories, runners, task_runs
from service.store.codec import now, to_json
from service.store.database import Session
from service.store.jobs import Job as QueuedJob
from service.store.logs import RUNNER, Line

_log = logging.getLogger("headgate.dispatch")

#: How many folders a runner holds at most, for each job that it runs at once: each is a copy of a commit's files on its disk.
_FOLDERS = 4

#: The topic of stops: somebody should be told at once.
STOPS = ("stops", "")


class Dispatch(JobFiles):
    """Implements `runners.protocol.Dispatcher` and `Files` directly over the database. Thread-safe."""

    # claiming

    def claim(self, runner: RunnerInfo, wait: float) -> Job | None:
        """Blocks for up to `wait` seconds; see `Dispatcher.claim`."""
        deadline = time.monotonic() + wait
        woken = threading.Event()
        stop = self._kit.database.hub.listen(("jobs", ""), lambda _: woken.set())
        try:
            while True:
                woken.clear()
                job = self.try_claim(runner)
                left = deadline - time.monotonic()
                if job is not None or left <= 0:
                    return job
                woken.wait(left)
        finally:
            stop()

    def try_claim(self, runner: RunnerInfo) -> Job | None:
        """The next job if there is one now."""
        while True:
            queued = self._kit.database.write(lambda session: self._lease(session, runner))
            if queued is None:
                return None
            crashpoint("dispatch.leased")
            try:
                job, work = self._rendered(queued, runner.base)
                if not self._is_known(queued, job, work):
                    crashpoint("dispatch.before_hand_over")
                    return job
            except Gone:
                # Its folder has been lost meanwhile; the group hears of that, and drops what was in it.
                _log.info("job %s of execution %s has no folder any more", queued.task_run_id, queued.execution_id)
            except RenderFailed as failure:
                self._refuse(queued, str(failure))
            except Exception:  # noqa: BLE001 - a job's run: the lease must not be left to run out
                _log.exception("job %s of execution %s can't be made ready", queued.task_run_id, queued.execution_id)
                self._refuse(queued, "a fault of Headgate's own: the job could not be made ready; the service's log has the error")

    def _lease(self, session: Session, runner: RunnerInfo) -> QueuedJob | None:
        moment = now().timestamp()
        runners.see(session, runner.id, to_json(encode(runner)), moment)
        claimant = jobs.Claimant(runner.id, _FOLDERS * runner.slots, runner.labels, runner.reserved)
        queued = jobs.claim(session, claimant, moment + self._kit.settings.lease)
        if queued is not None:
            events.add(session, queued.execution_id, queued.task_run_id, Claimed(queued.attempt, runner.id))
        return queued

    def _refuse(self, queued: QueuedJob, reason: str) -> None:
        def action(session: Session) -> None:
            jobs.end(session, queued.task_run_id, queued.attempt, "not rendered")
            events.add(session, queued.execution_id, queued.task_run_id, Ended(queued.attempt, State.FAILED, message=self._kit.masker.text(reason)))

        crashpoint("dispatch.before_refusal")
        self._kit.database.write(action)
        crashpoint("dispatch.refused")

    def _rendered(self, queued: QueuedJob, base: str) -> tuple[Job, Attempted]:
        """The job with everything filled in. Raises RenderFailed with the place, and Gone where the folder is lost that it shares."""
        with self._kit.database.read() as session:
            lease, shared = claims.lease(queued), claims.shared(session, queued)
            folder = f"{base}/{(shared or lease).directory}"
            work: Attempted  # named by what is rendered with it
            places = {
                "workingDir": lambda: folder,
                "outputDir": lambda: f"{folder}/{output_of(lease, shared)}",
                "outputFiles": lambda: _files(folder, work.task.spec),
            }
            work = look_up(session, self._kit, queued, places)
            execution, node = work.execution, work.node
            part = gathering.part_of(work)
            spec = work.rendering.nested(work.task.spec) if part is None else part
            claims.check_namespaces(session, execution, spec)
            repository = repositories.by_id(session, execution.pin.repository) if execution.pin else None
            known = facts(session, self._kit, work, spec)
        job = Job(
            lease=lease,
            execution=execution.id,
            namespace=execution.namespace,
            flow=execution.flow,
            task=node.id,
            type=work.task.type if part is None else gathering.TYPE,
            spec=spec,
            tree=Tree(repository.name, execution.pin.commit) if repository and execution.pin and execution.pin.commit else None,
            masks=tuple(sorted(work.rendering.used)),
            timeout=work.timeout,
            log_level=node.log_level,
            labels=dict(execution.labels),
            folder=shared,
            holds=queued.holds,
            egress=replace(self._kit.web.egress, private=self._kit.web.egress.private and work.trusted),
            environment=execution.environment,
            facts=known,
            package=self._kit.reader.catalogue.package(work.task.type),
            trusted=work.trusted,
        )
        return job, work

    def _is_known(self, queued: QueuedJob, job: Job, work: Attempted) -> bool:
        """Whether an earlier run of the same task gave its outputs, which are then this one's; else notes where they will be kept."""
        if not cached.is_on(work.node) or work.task.runs == "pool":
            return False
        key = cached.key_of(work.execution, work.node, work.task, job.spec, (job.folder or job.lease).directory, job.output)
        with self._kit.database.read() as session:
            outputs = caches.get(session, key, now().timestamp())
        if outputs is None:
            self._kit.database.write(lambda session: jobs.caches(session, queued, key, cached.ttl_of(work.node)))
            return False

        def action(session: Session) -> None:
            jobs.end(session, queued.task_run_id, queued.attempt, "known")
            logs.append(session, queued.execution_id, queued.task_run_id, work.node.id, queued.attempt, [Line(now(), "INFO", cached.SAID)])
            events.add(session, queued.execution_id, queued.task_run_id, Ended(queued.attempt, State.SUCCESS, outputs))

        crashpoint("dispatch.before_known")
        self._kit.database.write(action)
        crashpoint("dispatch.known")
        return True

    # reports

    def beat(self, runner: str, leases: tuple[Lease, ...], wait: float = 0.0) -> Mapping[str, Order | None]:
        """See `Dispatcher.beat`."""
        woken = threading.Event()
        stop = self._kit.database.hub.listen(STOPS, lambda _: woken.set())
        try:
            answers = self.beat_now(runner, leases)
            if leases and all(order is Order.GO_ON for order in answers.values()) and woken.wait(wait):
                answers = self.beat_now(runner, leases)
        finally:
            stop()
        return answers

    def beat_now(self, runner: str, leases: tuple[Lease, ...]) -> Mapping[str, Order | None]:
        """The same, answered at once."""
        if not leases:
            return {}
        crashpoint("dispatch.before_beat")
        answers = self._kit.database.write(lambda session: self._beat(session, runner, leases))
        crashpoint("dispatch.beaten")
        return answers

    def _beat(self, session: Session, runner: str, leases: tuple[Lease, ...]) -> Mapping[str, Order | None]:
        moment = now().timestamp()
        until = moment + self._kit.settings.lease
        runners.saw(session, runner, moment)
        answers: dict[str, Order | None] = {}
        for lease in leases:
            held = claims.find(session, lease)
            if held is not None and held.runner != runner:
                held = None
            if held is not None:
                jobs.beat(session, held, until)
            answers[lease.key] = None if held is None else Order.STOP if held.stop else Order.GO_ON
        return answers

    def log(self, lease: Lease, lines: tuple[LogLine, ...]) -> None:
        """See `Dispatcher.log`."""
        mask = self._kit.masker.text
        safe = [Line(line.time, line.level if line.level in logs.LEVELS else "INFO", mask(line.message)) for line in lines]

        def action(session: Session) -> None:
            held = claims.must_hold(session, lease)
            path = task_runs.path(session, claims.row(session, held), lease.task_run)
            task = path.runs[-1].node if path.runs else ""
            logs.append(session, held.execution_id, lease.task_run, task, lease.attempt, safe, source=RUNNER, first=lines[0].number)

        if lines:
            crashpoint("dispatch.before_log")
            self._kit.database.write(action)
            crashpoint("dispatch.logged")

    def ready(self, lease: Lease) -> None:
        """See `Dispatcher.ready`."""

        def action(session: Session) -> None:
            held = claims.must_hold(session, lease)
            if held.holds and not held.opened:
                jobs.open_folder(session, held)
                events.add(session, held.execution_id, held.task_run_id, Opened(held.attempt))

        crashpoint("dispatch.before_ready")
        self._kit.database.write(action)
        crashpoint("dispatch.ready")

    def finish(self, lease: Lease, outcome: Outcome) -> None:
        """See `Dispatcher.finish`."""
        outputs = self._kit.masker.value(dict(outcome.outputs))
        message = None if outcome.message is None else self._kit.masker.text(outcome.message)
        digest = f"{lease.epoch}:{hashlib.sha256(to_json(encode(outcome)).encode('utf-8', 'surrogatepass')).hexdigest()}"
        with self._kit.database.read() as session:
            job = claims.find(session, lease)
            if job is not None and outcome.seals:
                outputs = outcomes.sealed(self._kit, claims.row(session, job).execution, outputs, outcome.seals)
        event = outcomes.event_of(lease, outcome, outputs, message)
        gathered = None if job is None else gathering.found(self._kit, job, event)
        if isinstance(event, Ended) and job is not None and gathered is None:
            event = outcomes.filed(self._kit, job, event)

        def action(session: Session) -> None:
            held = jobs.get(session, lease.task_run, lease.attempt)
            if held is not None and held.state == "done" and held.result == digest:
                return
            held = claims.must_hold(session, lease)
            if gathered is not None:
                jobs.hand_over(session, held, gathered)
                return
            jobs.end(session, lease.task_run, lease.attempt, digest)
            events.add(session, held.execution_id, lease.task_run, event)
            if isinstance(event, Ended):
                outcomes.keep(session, self._kit, held, event, outcome.metrics)

        crashpoint("dispatch.before_finish")
        self._kit.database.write(action)
        crashpoint("dispatch.finished")

    def adopt(self, runner: str, lease: Lease) -> Adopted:
        """See `Dispatcher.adopt`."""

        def action(session: Session) -> tuple[QueuedJob, int, str]:
            held = claims.must_hold(session, lease)
            if held.runner != runner:
                raise Gone(f"the lease is runner {held.runner}'s")
            jobs.beat(session, held, now().timestamp() + self._kit.settings.lease)
            return held, logs.next_line(session, held.execution_id, lease.task_run, lease.attempt), runners.base(session, runner)

        held, line, base = self._kit.database.write(action)
        crashpoint("dispatch.adopted")
        try:
            return Adopted(self._rendered(held, base)[0], line)
        except RenderFailed as failure:
            self._refuse(held, str(failure))
            raise Gone(str(failure)) from failure


def lose(session: Session, job: QueuedJob, at: float, silence: float) -> None:
    """Ends a lease that ran out, unless a beat came in the meantime; the engine decides whether the work is sent again."""
    current = jobs.get(session, job.task_run_id, job.attempt)
    if current is None or current.state != "leased" or current.epoch != job.epoch or (current.lease_until or 0) >= at:
        return
    jobs.end(session, job.task_run_id, job.attempt, "lost")
    message = f"runner {job.runner} has been silent for {silence:.0f} s"
    events.add(session, job.execution_id, job.task_run_id, Lost(job.attempt, message))


def _files(folder: str, spec: Mapping[str, Any]) -> Mapping[str, str]:
    """Where the files are to be made that a task names in `outputFiles`: those that its SQL writes, say. A glob names none."""
    names = spec.get("outputFiles")
    if not isinstance(names, list):
        raise KeyError("outputFiles")
    return {name: f"{folder}/{name}" for name in names if isinstance(name, str) and not set(name) & set("*?[{")}
