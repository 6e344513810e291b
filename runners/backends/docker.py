"""Runs programs in containers of a Docker daemon, one container each.

The daemon keeps what must outlive the agent: the container, its exit code, its log. Everything made here is labelled with the agent's
instance and the job's lease, so that a new agent finds what an old one left. Files go in and out through the API. What a container may do
stands in `runners.containers`; which network it joins, in `runners.networks`.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import structlog
from pydantic import ValidationError

from runners.backend import Launch, Lines, NoImage, NotStarted, Program
from runners.containers import check, may_share, settings
from runners.crashpoints import crashpoint
from runners.engine import Engine, EngineError
from runners.fields import Typed
from runners.lines import Splitter
from runners.logins import login
from runners.networks import IDLE, NETWORK, Network, Networks
from runners.options.docker import Docker
from runners.protocol import Lease, Unusable
from runners.task import Exit
from runners.workspace import clear, remove, unpack

log = structlog.get_logger()

#: How much a program may print, in bytes, before it is stopped; the daemon keeps twice that at most.
OUTPUT_CAP = 1 << 30

_LABEL = "headgate"
#: Of a container that stays when its job is removed.
_KEPT = f"{_LABEL}.kept"

#: How much later than a container's end it may become known that memory was the reason, in seconds.
_OOM_LATE = 1.0

_ANSWER_KEPT, _NO_IMAGE_KEPT = 10.0, 300.0

#: How much is read yet of what a stopped container printed, in bytes and in seconds; and how many bytes whatever the time.
_REST_BYTES, _REST_SECONDS, _REST_LEAST = 4 << 20, 2.0, 1 << 18


class DockerBackend:
    """`instance` names the agent among all that use the daemon. `allow` may hold `privileged`, `volumes`, `host_network` and `device_requests`, and
    `strict_network`: what is not trusted may have a network. A network that containers share is kept for `idle` seconds."""

    options: type[Typed] = Docker

    def __init__(
        self,
        instance: str,
        *,
        host: str | None = None,
        allow: frozenset[str] = frozenset(),
        pull_timeout: float = 900.0,
        output_cap: int = OUTPUT_CAP,
        idle: float = IDLE,
    ) -> None:
        self._instance = instance
        self._allow = allow
        self._pull_timeout = pull_timeout
        self._output_cap = output_cap
        self._engine = Engine(host)
        self._networks = Networks(self._engine, instance, idle=idle)
        self._guard = threading.Lock()
        self._answer: tuple[float, str | None] = (-_ANSWER_KEPT, None)
        self._pulling: dict[str, threading.Lock] = {}
        self._missing: dict[str, float] = {}
        # More starts at once than this only make each of them slower: the daemon is the bottleneck.
        self._starting = threading.Semaphore(2 * (os.cpu_count() or 1))

    def close(self) -> None:
        """Removes the networks that nobody uses, and closes the connections to the daemon."""
        self._networks.close()
        self._engine.close()

    def available(self) -> str | None:
        """Whether the daemon answers; asked at most every few seconds."""
        with self._guard:
            asked, problem = self._answer
            if time.monotonic() - asked > _ANSWER_KEPT:
                problem = self._engine.problem()
                self._answer = (time.monotonic(), problem)
        if problem is None:
            return None
        return f"no Docker daemon answers on this runner ({problem}); start one, set DOCKER_HOST, or use the task runner io.kestra.plugin.core.runner.Process"

    def start(self, launch: Launch) -> Program:
        """Starts a container, or joins it; raises NotStarted and NoImage."""
        options = self._options(launch)
        try:
            if launch.expected:
                return self._join(launch, options)
            user = self._ready(launch, options)
            with self._networks.one_for(launch.execution) if may_share(launch, options) else contextlib.nullcontext() as network:
                container = self._begin(launch, options, user, network)
        except EngineError as problem:
            raise NotStarted(f"the container can't be started: {problem}") from problem
        return self._program(container, launch, options)

    def _begin(self, launch: Launch, options: Docker, user: str, network: Network | None) -> str:
        """A container that runs: in the network, or in one of its own where that vanishes in this moment."""
        try:
            return self._run(launch, self._settings(launch, options, user, network), network)
        except EngineError:
            if network is None or self._networks.stands(network):
                raise
        return self._run(replace(launch, begun=lambda: None), self._settings(launch, options, user))

    def _run(self, launch: Launch, made: dict[str, Any], network: Network | None = None) -> str:
        crashpoint("docker.before_create")
        container = self._engine.create(self._name(launch), **made)
        crashpoint("docker.created")
        try:
            self._engine.send(container, launch.work, self._owner(container, made["user"]))
            crashpoint("docker.sent")
            if network:
                network.ready()
            launch.begun()
            with self._starting:
                self._engine.start(container)
            crashpoint("docker.started")
        except BaseException:
            self._engine.remove(container)
            raise
        return container

    def left(self) -> tuple[Lease, ...]:
        """The jobs that have a container; one that is kept counts until it has ended. What was left of networks is seen to."""
        ours = {f"{_LABEL}.instance": self._instance}
        try:
            self._networks.find()
            found = self._engine.labelled(ours)
            if any(_KEPT in labels for _, labels in found):
                alive = dict(self._engine.labelled(ours, alive=True))
                found = [(container, labels) for container, labels in found if _KEPT not in labels or container in alive]
        except EngineError:
            return ()
        keys = {labels.get(f"{_LABEL}.job", "") for _, labels in found}
        return tuple(lease for key in sorted(keys) if (lease := Lease.of(key)))

    def remove(self, lease: Lease) -> None:
        """Removes the job's containers; those that are kept are ended. Those that a daemon out of reach still has are found again at the next start."""
        try:
            for container, labels in self._engine.labelled({f"{_LABEL}.instance": self._instance, f"{_LABEL}.job": lease.key}):
                crashpoint("docker.before_remove")
                self._engine.stop(container, 0) if _KEPT in labels else self._engine.remove(container)
                crashpoint("docker.removed")
        except EngineError as problem:
            if self.available() is None:
                log.warning("containers not removed", job=lease.key, problem=str(problem))

    def _options(self, launch: Launch) -> Docker:
        try:
            options = Docker.model_validate({key: value for key, value in launch.options.items() if key != "type"})
        except ValidationError as problem:
            raise NotStarted("; ".join(f"taskRunner.{_path(error['loc'])}: {error['msg']}" for error in problem.errors())) from problem
        check(launch, options, self._allow)
        return options

    def _join(self, launch: Launch, options: Docker) -> Program:
        if not options.resume:
            self.remove(launch.lease)
            raise NotStarted("the runner was restarted, and the task's `resume: false` has it not go on with the container")
        name = self._name(launch)
        found = self._engine.inspect(name)
        if found and found["State"]["Status"] == "created":
            self._engine.start(name)
        return self._program(name, launch, options, joined=True)

    def _program(self, container: str, launch: Launch, options: Docker, joined: bool = False) -> Program:
        if options.wait:
            return DockerProgram(self._engine, container, launch, options, self._output_cap, joined=joined)
        launch.say("INFO", f"The container {self._name(launch)} runs on by itself")
        return DetachedProgram(joined)

    def _name(self, launch: Launch) -> str:
        return f"headgate-{self._instance[:12]}-{launch.name}"

    def _ready(self, launch: Launch, options: Docker) -> str:
        """Sees to it that the image is here; returns its user."""
        image = launch.image or options.image or launch.default_image
        known = self._engine.image(image)
        if known is None and options.pull_policy == "NEVER":
            raise NoImage(f"the image {image} is not on this runner, and the pull policy is NEVER")
        if known is None or options.pull_policy == "ALWAYS":
            self._pull(image, launch, options)
            known = self._engine.image(image)
        if known is None:
            raise NoImage(f"the image {image} was pulled, and is not here")
        return str((known.get("Config") or {}).get("User") or "")

    def _pull(self, image: str, launch: Launch, options: Docker) -> None:
        """Downloads the image, once for all jobs that wait for it."""
        if time.monotonic() < self._missing.get(image, 0) and not (launch.image or options.image):
            raise NoImage(f"the image {image} is not on this runner and can't be pulled")
        with self._guard:
            once = self._pulling.setdefault(image, threading.Lock())
        deadline = time.monotonic() + self._pull_timeout
        while not once.acquire(timeout=0.2):
            _check(launch, image, deadline)
        try:
            if options.pull_policy == "ALWAYS" or self._engine.image(image) is None:
                self._download(image, launch, _login(image, options), deadline)
        finally:
            once.release()

    def _download(self, image: str, launch: Launch, auth: Mapping[str, Any] | None, deadline: float) -> None:
        launch.say("INFO", f"Pulling the image {image}")
        began, problems = time.monotonic(), list[str]()

        def download() -> None:
            try:
                self._engine.pull(image, auth)
            except EngineError as problem:
                problems.append(str(problem))

        # The daemon may be silent for as long as it likes; the thread is left behind when nobody waits any more.
        thread = threading.Thread(target=download, name=f"pull {image}", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(0.1)
            if thread.is_alive():
                _check(launch, image, deadline)
        if problems:
            self._missing[image] = time.monotonic() + _NO_IMAGE_KEPT
            raise NoImage(f"the image {image} can't be pulled: {problems[0]}")
        launch.say("INFO", f"Pulled the image {image} in {time.monotonic() - began:.1f} s")

    def _settings(self, launch: Launch, options: Docker, user: str, network: Network | None = None) -> dict[str, Any]:
        made = settings(launch, options, user, log_size=self._output_cap, network="strict_network" in self._allow)
        # One that nobody waits for is nobody's job: it is not removed with what started it.
        labels = self._labels(launch) if options.wait else {**launch.labels, f"{_LABEL}.detached": self._instance}
        if not options.delete and options.wait:
            labels[_KEPT] = self._instance
        if network:
            labels[NETWORK] = network.name
            made["host"]["network_mode"] = network.mode
        # Without a name of its own the user is the image's.
        return {**made, "labels": labels, "user": made["user"] or user}

    def _labels(self, launch: Launch) -> dict[str, str]:
        own = {
            "instance": self._instance,
            "job": launch.lease.key,
            "task_run": launch.lease.task_run,
            "attempt": str(launch.lease.attempt),
            "epoch": str(launch.lease.epoch),
            "step": str(launch.step),
        }
        return {**launch.labels, **{f"{_LABEL}.{name}": value for name, value in own.items()}}

    def _owner(self, container: str, user: str) -> tuple[int, int] | None:
        """Whose the files must be to be writable inside; None when that can't be told."""
        name, _, group = user.partition(":")
        if name in ("", "0", "root"):
            return (0, 0)
        if name.isdigit():
            return (int(name), int(group) if group.isdigit() else 0)
        for line in self._engine.text(container, "/etc/passwd").splitlines():
            fields = line.split(":")
            if fields[0] == name and len(fields) > 3 and fields[2].isdigit() and fields[3].isdigit():
                return (int(fields[2]), int(fields[3]))
        return None


class DockerProgram(Program):
    """One container."""

    def __init__(self, engine: Engine, container: str, launch: Launch, options: Docker, output_cap: int, *, joined: bool = False) -> None:
        self.joined = joined
        self.unread: str | None = None
        self._engine = engine
        self._container = container
        self._launch = launch
        self._options = options
        self._output_cap = output_cap
        self._fault: str | None = None
        self._left = threading.Event()
        self._stopped = threading.Event()

    def batches(self) -> Iterator[Lines]:
        """The container's log, with the daemon's times."""
        splitters = {"stdout": Splitter(), "stderr": Splitter()}
        read, stamp, rest = 0, 0, _Rest(self._stopped)
        for frame in self._engine.follow(self._container, rest.late):
            if self._left.is_set():
                return
            if rest.enough(read):
                self.unread = "the rest of the output was dropped unread, for the container had been stopped"
                break
            read, stamp = read + len(frame.content), frame.stamp
            if texts := splitters[frame.stream].feed(frame.content):
                yield Lines(frame.stream, texts, _moment(stamp))
            if read > self._output_cap:
                self._fault = f"the command was stopped: it printed more than {self._output_cap >> 20} MiB"
                self._engine.stop(self._container, 0)
                break
        for stream, splitter in splitters.items():
            if texts := splitter.rest():
                yield Lines(stream, texts, _moment(stamp))

    def over(self) -> bool:
        """Whether the daemon says so."""
        try:
            found = self._engine.inspect(self._container)
        except EngineError:
            return False
        return found is None or found["State"]["Status"] in ("exited", "dead")

    def wait(self) -> Exit:
        """What the daemon says of its end."""
        if self._fault:
            return Exit(None, "error", self._fault, Docker.TYPE)
        limit = self._options.memory.memory if self._options.memory else None
        try:
            found = self._engine.inspect(self._container)
            deadline = time.monotonic() + (_OOM_LATE if limit else 0)
            # A daemon hears of a lack of memory apart from the end, and at times after it.
            while found and _shot(found["State"]) and time.monotonic() < deadline and not self._launch.stopping.wait(0.05):
                found = self._engine.inspect(self._container)
        except EngineError as problem:
            return Exit(None, "lost", f"the Docker daemon was lost: {problem}", Docker.TYPE)
        if found is None:
            return Exit(None, "lost", "the container vanished: somebody removed it", Docker.TYPE)
        state = found["State"]
        code = int(state["ExitCode"])
        if code and state.get("OOMKilled"):
            return Exit(code, "oom", f"out of memory{f': the limit is {limit}' if limit else ''}", Docker.TYPE)
        if state.get("Error"):
            return Exit(code, "error", f"the container failed: {state['Error']}", Docker.TYPE)
        return Exit(code, runner=Docker.TYPE)

    def stop(self, grace: float, limit: float = math.inf) -> None:
        """The image's stop signal to the program, SIGKILL to the container after the grace time."""
        own = self._options.kill_grace_period
        wanted = own.total_seconds() if own else grace
        try:
            self._engine.stop(self._container, min(wanted, limit))
        except EngineError:
            return  # the output's end and `wait` tell what has become of it
        finally:
            self._stopped.set()

    def leave(self) -> None:
        """Stops reading at the next line; the daemon has the rest."""
        self._left.set()

    def collect(self, path: str) -> None:
        """Copies a file or folder out of the container; links and the like stay there. Nothing but what stands at the path here is touched."""
        work = self._launch.work
        if path:
            clear(work, path)
        else:
            remove(work)
        work.mkdir(parents=True, exist_ok=True)
        try:
            content = self._engine.fetch(self._container, str(work / path))
            for first in content:
                unpack(chain((first,), content), work, instead=path)
        except EngineError as problem:
            raise Unusable(f"files can't be copied from the container: {problem}") from problem


class DetachedProgram(Program):
    """A container that nobody waits for: for us it has ended well as soon as it was started."""

    def __init__(self, joined: bool) -> None:
        self.joined = joined
        self.unread: str | None = None

    def batches(self) -> Iterator[Lines]:
        """Nothing."""
        return iter(())

    def over(self) -> bool:
        """Always."""
        return True

    def wait(self) -> Exit:
        """At once."""
        return Exit(0, runner=Docker.TYPE)

    def stop(self, grace: float, limit: float = math.inf) -> None:
        """Not ours to stop."""

    def leave(self) -> None:
        """We hold nothing."""

    def collect(self, path: str) -> None:
        """What it makes stays in it."""


class _Rest:
    """Counts what is read of a container's output after it was stopped."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._start: tuple[int, float] | None = None

    def enough(self, read: int) -> bool:
        """Whether no more is to be read, `read` bytes being what was read in all."""
        if self._start is None:
            self._start = (read, time.monotonic()) if self._stopped.is_set() else None
            return False
        more = read - self._start[0]
        return more > _REST_BYTES or (more > _REST_LEAST and self.late())

    def late(self) -> bool:
        """Whether it is being read for too long."""
        return self._start is not None and time.monotonic() - self._start[1] > _REST_SECONDS


def _check(launch: Launch, image: str, deadline: float) -> None:
    if launch.stopping.is_set():
        raise NotStarted("stopped while the image was pulled")
    if time.monotonic() > deadline:
        raise NoImage(f"the image {image} could not be pulled in time")


def _login(image: str, options: Docker) -> dict[str, Any] | None:
    try:
        return login(image, options.credentials, options.config)
    except ValueError as problem:
        raise NotStarted(f"taskRunner.{problem}") from problem


def _shot(state: Mapping[str, Any]) -> bool:
    """Whether it was killed, and nothing says why."""
    return bool(state["ExitCode"] == 137 and not state.get("OOMKilled"))


def _moment(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp / 10**9, UTC) if stamp else datetime.now(UTC)


def _path(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc)
