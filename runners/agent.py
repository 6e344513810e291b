"""The runner's loop: claim, run, report.

Each job has a thread. Beside them one thread claims, one beats (renews the leases, hears of kills), one sends what was said. An agent may
die at any instruction: programs run on without it, and the next agent on the same folder goes on with what is still ours (`adopt`) and
removes the rest. An agent that is told to end does the same in order, where its folder will have a next agent (`Timing.leave`); else it
hands its jobs back.

One more thread watches the time that jobs and leases have. A lease that was not renewed is over before the service gives the job to
somebody else: the job is stopped so early that its grace time fits in. What counts is when the last answered beat was sent; when it was
answered says nothing.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from pydantic import ValidationError

from runners import tasks
from runners.apart import Apart, Fault, Limits
from runners.backend import Backends
from runners.crashpoints import crashpoint
from runners.fields import Unfit
from runners.holding import HoldingWork, SharedFolder
from runners.masking import Masker
from runners.protocol import (
    Adopted,
    Dispatcher,
    Files,
    Gone,
    Job,
    Lease,
    LogLine,
    Order,
    Outcome,
    Refused,
    Rejected,
    Result,
    RunnerInfo,
    Unreachable,
    Unusable,
)
from runners.reports import Caps, Report
from runners.task import RunnerTask
from runners.work import Interrupted, JobWork, Means
from runners.workspace import Locked, Workspace

__all__ = ["Agent", "Locked", "Timing"]

log = structlog.get_logger()


#: Seconds that the service may hold back the answer to a beat while there is nothing to say.
_HELD = 2.0


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds. `stay`: outlive a service that is away for longer than a lease (its jobs are stopped all the same).

    `leave`: what has not ended after `drain` runs on without an agent, for the next one on this folder; without it, it is handed back.
    """

    lease: float = 30.0
    beat: float = 10.0
    wait: float = 5.0
    flush: float = 0.2
    grace: float = 5.0
    drain: float = 30.0
    stay: bool = False
    leave: bool = False

    @property
    def last_grace(self) -> float:
        """The grace time of a job whose lease runs out."""
        return min(self.grace, self.lease / 4)

    @property
    def trust(self) -> float:
        """How long a lease is taken to last: with the grace time and a margin it is over before the service ends it."""
        return self.lease * 0.9 - self.last_grace

    @property
    def pace(self) -> float:
        """The longest time between beats while there is work: several fit into the trusted time."""
        return min(self.beat, self.trust / 4)


class Agent:
    """Runs jobs in a folder of its own. `base` and `info.base` become the same."""

    def __init__(  # noqa: PLR0913  (what it is made of, each by its name)
        self,
        dispatcher: Dispatcher,
        files: Files,
        info: RunnerInfo,
        base: Path,
        backends: Backends,
        *,
        timing: Timing | None = None,
        types: Callable[[str], type[RunnerTask]] = tasks.find,
        caps: Caps | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._timing = timing or Timing()
        self._workspace = Workspace(base)
        self._info = replace(info, base=str(self._workspace.base), backends=tuple(one.options.TYPE for one in backends))
        self._means = Means(dispatcher, files, self._workspace, backends, types, self._timing.grace, Apart(limits))
        self._caps = caps
        self._running: dict[str, _Running] = {}
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._draining = threading.Event()
        self._much = threading.Event()
        self._fresh = threading.Event()
        self._timed = threading.Event()
        self._contact = time.monotonic()
        self._fault: Exception | None = None

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set and its jobs have ended or are handed back. Raises Locked, Refused, and Unreachable after a lease time."""
        with self._workspace.lock(), contextlib.closing(self._means.apart), contextlib.closing(self._means.backends):
            self._workspace.sweep()
            self._contact = time.monotonic()
            loops = {"beat": self._beats, "watch": self._watches, "send": self._sends, "claim": self._claims}
            threads = [threading.Thread(target=loop, name=name, daemon=True) for name, loop in loops.items()]
            for thread in threads[:-1]:
                thread.start()
            self._adopt_all(stop)
            threads[-1].start()
            while not stop.wait(0.05) and not self._over.is_set():
                pass
            self._drain()
            self._fresh.set()
            self._timed.set()
            for thread in threads:
                thread.join(self._timing.wait + 5)
        if self._fault:
            raise self._fault

    def _adopt_all(self, stop: threading.Event) -> None:
        """Goes on with what an agent before us left, and removes what is no longer ours."""
        left = {*self._workspace.left(), *(lease for backend in self._means.backends for lease in backend.left())}
        for lease in sorted(left, key=lambda lease: lease.key):
            while not stop.is_set() and not self._over.is_set() and not self._adopt(lease):
                time.sleep(0.2)
        if self._over.is_set():
            for lease in left:
                for backend in self._means.backends:
                    backend.remove(lease)

    def _adopt(self, lease: Lease) -> bool:
        sent = time.monotonic()
        crashpoint("agent.before_adopt")
        try:
            adopted = self._means.dispatcher.adopt(self._info.id, lease)
        except Unreachable:
            return False
        except (Gone, Rejected):
            crashpoint("agent.before_stale")
            log.info("stale job removed", job=lease.key)
            for backend in self._means.backends:
                backend.remove(lease)
            self._workspace.remove(lease)
        except Refused as problem:
            self._fail(problem)
        else:
            crashpoint("agent.adopted")
            log.info("job adopted", job=lease.key, next_line=adopted.next_line)
            self._begin(adopted, sent, found=True)
        self._contact = time.monotonic()
        return True

    def _begin(self, adopted: Adopted, kept: float, found: bool = False) -> bool:
        """Starts a job whose lease was renewed at `kept`, unless we are ending."""
        heard = _Heard(self._ended, self._much.set, self._timed.set, self._others_over)
        running = _Running(self._means, adopted, kept, self._caps, heard)
        running.found = found
        with self._changed:
            if self._draining.is_set():
                return False
            self._running[running.lease.key] = running
            running.thread.start()
        self._fresh.set()
        return True

    def _ended(self, running: _Running) -> None:
        with self._changed:
            self._running.pop(running.lease.key, None)
            self._changed.notify_all()

    def _others_over(self, folder: Lease) -> None:
        """Waits for the jobs that share a folder: their programs may write into it until they have ended."""
        with self._changed:
            self._changed.wait_for(lambda: not any(one.job.folder == folder for one in self._running.values()), self._timing.grace + 10.0)

    def _active(self) -> list[_Running]:
        with self._changed:
            return list(self._running.values())

    def _claims(self) -> None:
        pause = 0.1
        while not self._over.is_set() and not self._draining.is_set():
            with self._changed:
                if sum(not one.job.holds for one in self._running.values()) >= self._info.slots:
                    self._changed.wait(0.2)
                    continue
            sent = time.monotonic()
            try:
                job = self._means.dispatcher.claim(self._info, self._timing.wait)
                if job is not None:
                    crashpoint("agent.claimed")
                self._contact, pause = time.monotonic(), 0.1
            except Unreachable:
                self._over.wait(pause)
                pause = min(pause * 2, 2.0)
            except Refused as problem:
                self._fail(problem)
            except Exception:  # a loop's tick  # noqa: BLE001
                log.exception("claim failed")
                self._over.wait(1.0)
            else:
                # An answer is held back until there is a job, so the lease began some time after the question; the next beat tells.
                if job and not self._begin(Adopted(job, 0), max(sent, self._contact - self._timing.trust / 2)):
                    self._hand_back(job.lease)

    def _hand_back(self, lease: Lease) -> None:
        """Returns a job that came when we were ending, for somebody else to do at once. If that fails, the lease runs out."""
        with contextlib.suppress(Unreachable, Gone, Refused, Rejected):
            self._means.dispatcher.finish(lease, Outcome(Result.HANDED, "the runner was being shut down when it got the job"))

    def _beats(self) -> None:
        """With work here the service holds its answer back until there is something to hear, so beats follow each other at once."""
        pause = 0.0
        while not self._over.is_set():
            self._fresh.wait(pause)
            self._fresh.clear()
            answered, active = self._beat(), bool(self._active())
            pause = 0.05 if answered and active else min(self._timing.pace, 1.0) if active else self._timing.beat

    def _beat(self) -> bool:
        active, sent = self._active(), time.monotonic()
        wait = min(self._timing.pace, _HELD) if active else 0.0
        try:
            orders = self._means.dispatcher.beat(self._info.id, tuple(running.lease for running in active), wait)
        except Unreachable:
            return False
        except Refused as problem:
            self._fail(problem)
            return False
        except Exception:  # a loop's tick  # noqa: BLE001
            log.exception("beat failed")
            return False
        self._contact = time.monotonic()
        if active:
            crashpoint("agent.beaten")
        for running in active:
            running.obey(orders.get(running.lease.key), sent)
        return True

    def _watches(self) -> None:
        """No call to the service here: one that hangs must not keep us from seeing that time runs out."""
        pause = 0.0
        while not self._over.is_set():
            self._timed.wait(pause)
            self._timed.clear()
            pause = self._watch()

    def _watch(self) -> float:
        """Stops what has no time left; returns the seconds until the next look."""
        now, pause = time.monotonic(), min(0.5, self._timing.trust / 20)
        for running in self._active():
            if now - running.kept > self._timing.trust and not running.late:
                log.warning("the lease was not renewed in time; stopping", job=running.lease.key, seconds=round(now - running.kept, 1))
                running.late = True
                running.stop("lost", self._timing.last_grace)
            pause = min(pause, running.time_out(now))
        away = now - self._contact
        if away > self._timing.lease and not self._timing.stay:
            self._fail(Unreachable(f"the service did not answer for {away:.0f} seconds"))
        return pause

    def _sends(self) -> None:
        while not self._over.is_set():
            self._much.wait(self._timing.flush)
            self._much.clear()
            self._send()

    def _send(self) -> None:
        for running in self._active():
            try:
                running.flush()
            except Refused as problem:
                self._fail(problem)
            except Exception:  # a loop's tick  # noqa: BLE001
                log.exception("sending failed", job=running.lease.key)

    def _fail(self, problem: Exception) -> None:
        self._fault = self._fault or problem
        self._over.set()

    def _drain(self) -> None:
        """Nothing new; what runs may end. After the time for that it is left to the next agent, or stopped and handed back."""
        with self._changed:
            self._draining.set()
        # A folder that is held waits for jobs that are no longer claimed.
        self._let_end(self._timing.drain, holding=False)
        if self._timing.leave and not self._over.is_set():
            self._leave()
        else:
            self._give_up()
        self._over.set()

    def _leave(self) -> None:
        left = self._active()
        crashpoint("agent.before_leaving")
        for running in left:
            running.leave()
        # For one that is being started just now; one that waits for a silent program's next line has nothing to finish.
        deadline = time.monotonic() + 1.0
        for running in left:
            running.thread.join(max(0.0, deadline - time.monotonic()))
        if left:
            log.info("jobs go on without an agent; the next one on this folder takes them over", jobs=[running.lease.key for running in left])

    def _give_up(self) -> None:
        for running in self._active():
            running.stop("lost" if self._over.is_set() else "handed")
        self._let_end(self._timing.grace + 5.0)
        for running in self._active():
            running.lose("handed")
        for running in self._active():
            running.thread.join(self._timing.grace + 10.0)

    def _let_end(self, seconds: float, holding: bool = True) -> None:
        deadline = time.monotonic() + seconds
        while any(holding or not one.job.holds for one in self._active()) and time.monotonic() < deadline and not self._over.is_set():
            time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the agent wants to hear of a job, and what the job asks it."""

    ended: Callable[[_Running], None]
    much: Callable[[], None]
    timed: Callable[[], None]
    others_over: Callable[[Lease], None]


class _Running:
    """A job and its thread."""

    def __init__(self, means: Means, adopted: Adopted, kept: float, caps: Caps | None, heard: _Heard) -> None:
        self.job: Job = adopted.job
        #: When the last renewal of the lease was asked for that was granted.
        self.kept = kept
        #: It was so long ago that the job has been stopped.
        self.late = False
        self.lease = adopted.job.lease
        self.thread = threading.Thread(target=self._run, name=f"job {self.lease.key}", daemon=True)
        self._means = means
        self._heard = heard
        self._masker = Masker(self.job.masks)
        self._report = Report(
            self._send, self._masker.text, mask_all=self._masker.texts, least=self.job.log_level, first=adopted.next_line, caps=caps, full=heard.much
        )
        self._work = (
            HoldingWork(means, self.job, self._report, lambda: heard.others_over(self.lease)) if self.job.holds else JobWork(means, self.job, self._report)
        )
        #: Set when the result is nobody's business any more, or can't be told: no more reports.
        self._silent = threading.Event()
        self._gone = False
        #: The outcome was accepted: that the lease is gone now is no news.
        self._told = threading.Event()
        #: An agent before us had it, and may have used any backend.
        self.found = False

    def obey(self, order: Order | None, sent: float) -> None:
        """What the service says to this job's heartbeat, which was sent then."""
        if order is None:
            self.forget()
            return
        self.kept = sent
        if order is Order.STOP and isinstance(self._work, HoldingWork):
            self._work.close()
        elif order is Order.STOP and self._work.reason is None:
            self.stop("killed")

    def stop(self, reason: str, limit: float = math.inf) -> None:
        """Asks the job to end, within `limit` seconds; returns at once."""
        threading.Thread(target=self._work.stop, args=(reason, limit), name=f"stop {self.lease.key}", daemon=True).start()

    def time_out(self, now: float) -> float:
        """Stops the job when its time is over; returns the seconds until then."""
        if (left := self._work.deadline - now) > 0:
            return left
        self._work.deadline = math.inf
        if not self._work.stopping.is_set():
            # A thread for it: the backend may have to be asked, and others' leases are watched here.
            threading.Thread(target=self._work.time_out, name=f"timeout {self.lease.key}", daemon=True).start()
        return math.inf

    def leave(self) -> None:
        """Lets go of the job without a word; its program and its folder stay."""
        self._silent.set()
        self._report.abandon()
        self._work.leave()

    def lose(self, reason: str) -> None:
        """Ends the job without a report. Its folder stays, for an agent that reaches the service again."""
        self._silent.set()
        self._report.abandon()
        self.stop(reason)

    def forget(self) -> None:
        """Ends the job and removes all of it: it is somebody else's. Every beat until its end says so again."""
        if self._told.is_set() or self._gone:
            return
        log.info("job is gone", job=self.lease.key)
        self._gone = True
        self.lose("lost")

    def flush(self) -> None:
        """Sends what was said. May raise Refused."""
        try:
            self._report.flush()
        except Gone:
            self.forget()

    def _run(self) -> None:
        try:
            outcome = self._masked(self._outcome())
            crashpoint("agent.ended")
            self._work.deadline = math.inf
            if self._deliver(outcome):
                self._clean_up()
        except Exception:  # a job's run  # noqa: BLE001
            log.exception("job failed in the runner", job=self.lease.key)
        finally:
            self._heard.ended(self)

    def _outcome(self) -> Outcome:
        job = self.job
        try:
            task = (SharedFolder if job.holds else self._means.types(job.type)).model_validate(job.spec)
        except KeyError:
            missing = f", which comes with a package: pip install '{job.package}' where the runner is" if job.package else ""
            return Outcome.failed(f"this runner knows no task type {job.type}{missing}")
        except Unfit as problem:
            return Outcome.failed(f"on this runner, {problem}")
        except ValidationError as problem:
            return Outcome.failed("; ".join(f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in problem.errors()))
        try:
            crashpoint("agent.before_prepare")
            self._work.prepare()
            crashpoint("agent.prepared")
            self._heard.timed()
            outcome = self._work.run(task)
            return replace(outcome, metrics=(*outcome.metrics, *self._work.metrics))
        except (Unusable, Rejected) as problem:
            return Outcome.failed(str(problem))
        except Interrupted:
            return Outcome(_RESULTS.get(self._work.reason or "", Result.FAILED), self._work.ending())
        except Gone:
            self.forget()
            return Outcome(Result.LOST)
        except Fault as problem:
            return Outcome.failed(f"an error inside the runner ({problem.kind}); its log has the details")
        except OSError as problem:
            log.exception("task failed on the runner's host", job=self.lease.key)
            return Outcome.failed(f"the runner's host failed: {problem.strerror or type(problem).__name__}")
        except Exception as problem:  # a job's run  # noqa: BLE001
            log.exception("task failed in the runner", job=self.lease.key, type=job.type)
            return Outcome.failed(f"an error inside the runner ({type(problem).__name__}); its log has the details")

    def _masked(self, outcome: Outcome) -> Outcome:
        hide = self._masker.text
        metrics = tuple(
            replace(one, name=hide(one.name), tags=self._masker.value(one.tags), description=one.description and hide(one.description))
            for one in outcome.metrics
        )
        return replace(outcome, message=outcome.message and hide(outcome.message), outputs=self._masker.value(outcome.outputs), metrics=metrics)

    def _deliver(self, outcome: Outcome) -> bool:
        """Sends the rest of the log, and the outcome; False when the job's folder must be kept."""
        self._report.finish()
        try:
            while not self._silent.is_set() and not self._report.flush():
                self._silent.wait(0.2)
            self._finish(outcome)
        except (Gone, Refused) as problem:
            log.info("result not taken", job=self.lease.key, problem=type(problem).__name__)
            return isinstance(problem, Gone)
        return self._gone or self._told.is_set() or not self._silent.is_set()

    def _finish(self, outcome: Outcome) -> None:
        pause = 0.1
        while not self._silent.is_set():
            try:
                crashpoint("agent.before_finish")
                self._means.dispatcher.finish(self.lease, outcome)
                crashpoint("agent.finished")
                self._told.set()
                log.info("job finished", job=self.lease.key, result=outcome.result.value, exit_code=outcome.exit_code)
                return
            except Unreachable:
                self._silent.wait(pause)
                pause = min(pause * 2, 2.0)
            except Rejected as problem:
                if not outcome.outputs and not outcome.metrics:
                    log.error("outcome refused", job=self.lease.key, problem=str(problem))
                    return
                outcome = Outcome.failed(f"the service refused the task's result: {problem}", exit_code=outcome.exit_code)

    def _clean_up(self) -> None:
        if self.job.holds:
            self._heard.others_over(self.lease)
        for backend in self._means.backends:
            if self._gone or self.found or backend in self._work.used:
                backend.remove(self.lease)
        crashpoint("agent.backend_cleaned")
        self._means.workspace.remove(self.lease)
        crashpoint("agent.cleaned")

    def _send(self, lines: tuple[LogLine, ...]) -> None:
        crashpoint("agent.before_log")
        self._means.dispatcher.log(self.lease, lines)
        crashpoint("agent.logged")


_RESULTS = {"killed": Result.KILLED, "timeout": Result.FAILED, "lost": Result.LOST, "handed": Result.HANDED}
