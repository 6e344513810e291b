"""The composition root: the only file that knows every concrete class. It builds the service, starts it, and takes it down.

One command and few processes: this one (API, loops, the only writer of the database), the runner's agent, and Git helpers on demand. Start-up is recovery:
there is no "clean" flag, and nothing here asks how the last run ended.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import secrets as random
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import IO

import uvicorn

from runners.crashpoints import VARIABLE, arm_from, crashpoint
from runners.masking import Masker
from runners.packages import Packages
from runners.processes import MARK, seal
from runners.protocol import Egress
from service import discovery
from service.actions import repositories
from service.actions.dispatch import Dispatch
from service.actions.kit import Kit
from service.actions.pushes import Pushes
from service.actions.reading import FlowReader
from service.actions.repositories import DEFAULT, NewRepository
from service.api.parts import Parts
from service.api.server import application
from service.egress import Web
from service.errors import Invalid, ServiceError, Unavailable
from service.expressions import Expressions
from service.expressions.errors import Refused
from service.expressions.zones import zone_of
from service.flows.catalogue import Catalogue
from service.forges.sender import HttpSender
from service.git.helper import Helper
from service.git.hooks import HookServer
from service.git.host import Host
from service.git.repository import Git
from service.jq.programs import Programs
from service.loops import Runner
from service.loops.executor import Executor
from service.loops.housekeeping import Housekeeping
from service.loops.pool import Pool
from service.loops.reaper import Reaper
from service.loops.reconciler import Reconciler
from service.loops.reporter import Reporter
from service.loops.router import Router
from service.loops.scheduler import Scheduler
from service.secrets import hidden
from service.secrets.cipher import Cipher, Undecryptable, load_or_create
from service.secrets.environment import EnvironmentSecrets
from service.settings import Settings, hostname
from service.storage.local import LocalStorage
from service.store import jobs, schema
from service.store import repositories as rows
from service.store import settings as facts
from service.store.codec import now
from service.store.database import Database, Session

_log = logging.getLogger("headgate")

ALREADY_RUNNING = 75  #: exit code: another service has this data folder
_DRAIN = 18.0  #: seconds that a stopping service gives its runner: to end what is short, and to let go of the rest
_LARGEST_LOG = 16 << 20  #: bytes of the runner's log at which the next agent begins a new one
_CHECK = "headgate"
_SHOWN = "admin-token-shown"  #: until this is stored, each start makes a new token: one that nobody saw is no use to anybody
_SHORTEST_TOKEN = 20


@dataclass(frozen=True, slots=True)
class Ready:
    """Told once, when the service takes work. `admin_token` is set the one time that it is made."""

    url: str
    data: Path
    seconds: float
    admin_token: str | None = None

    def git_url(self, name: str = DEFAULT) -> str:
        """Where an embedded repository is cloned from."""
        return f"{self.url}/git/{name}.git"


class AlreadyRunning(Exception):
    """Another service holds the data folder."""


def catalogue() -> Catalogue:
    """Every type that is installed; classes are imported when they are first needed."""
    return Catalogue(discovery.index(), discovery.load, Packages())


def product_version() -> str:
    """The installed version."""
    try:
        return version("headgate")
    except PackageNotFoundError:
        return "0"


class Service:
    """Everything but HTTP. Built, then `start`ed; `stop` ends it in order."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], port: int, lock: IO[str] | None = None) -> None:
        try:
            zone_of(settings.timezone)
        except Refused as refused:
            raise Invalid(f"the setting `timezone` (HEADGATE_TIMEZONE): {refused}") from None
        data = folder(settings)
        self.data, self._lock = data, lock or locked(data)
        crashpoint("start.before_upgrade")
        schema.upgrade(data / "headgate.db")
        crashpoint("start.upgraded")
        self.database = Database(data / "headgate.db")
        cipher = Cipher.from_text([settings.encryption_key]) if settings.encryption_key else load_or_create(data / "secret.key")
        found = EnvironmentSecrets(environ)
        for problem in found.problems():
            _log.warning("%s", problem)
        self.helper = Helper()
        # The executor has one of its own: what people try out, and the jobs of one flow, must not hold up all executions.
        self.jq, self._executors_jq = Programs(), Programs(size=1)
        git = Git(data / "git", self.helper)
        self.kit = Kit(
            settings=settings,
            database=self.database,
            git=git,
            trees=git,
            reader=FlowReader(catalogue(), settings.plugin_defaults, image_digests=settings.image_digests),
            expressions=Expressions(),
            secrets=found,
            storage=LocalStorage(data / "storage"),
            cipher=cipher,
            masker=Masker(part for value in found.values() for part in hidden(value)),
            web=Web(Egress(settings.private_addresses, port, hostname(settings.base_url(port)))),
            url=settings.base_url(port),
            version=product_version(),
            envs=settings.variables(environ),
            tokens=environ,
            jq=self.jq,
        )
        self.dispatch = Dispatch(self.kit)
        self._sender = HttpSender(time.time)
        self._reconciler, self._reporter, self._pool = Reconciler(self.kit), Reporter(self.kit, self._sender), Pool(self.kit)
        loops = (
            Executor(replace(self.kit, jq=self._executors_jq)),
            Scheduler(self.kit),
            Reaper(self.kit),
            Router(self.kit),
            self._reconciler,
            self._reporter,
            self._pool,
            Housekeeping(self.kit),
        )
        self._loops = [Runner(loop, self.database.hub) for loop in loops]
        self.hooks = HookServer(self.kit.git.root, Pushes(self.kit).handle)

    def prepare(self, environ: Mapping[str, str]) -> str | None:
        """What the first start makes; returns a new admin token when one was made, which is to be shown and then `shown`. Raises Unavailable when the key
        is not this database's."""
        self._check_key()
        runner = _token_file(self.data / "runner.token")
        given = environ.get("HEADGATE_RUNNER_TOKEN", "")
        chosen = environ.get("HEADGATE_ADMIN_TOKEN", "")
        if 0 < len(chosen) < _SHORTEST_TOKEN:
            raise Invalid(f"HEADGATE_ADMIN_TOKEN is shorter than {_SHORTEST_TOKEN} characters; `openssl rand -hex 32` makes a good one")
        admin = chosen or f"hg_admin_{random.token_urlsafe(32)}"

        def action(session: Session) -> str | None:
            rows.open_environment(session, rows.MAIN, now().timestamp())
            for token in filter(None, (runner, given)):
                if facts.token_kind(session, token) is None:
                    facts.add_token(session, "runner", token)
            if not chosen and (self.kit.settings.open or facts.get(session, _SHOWN) is not None):
                return None
            if facts.token_kind(session, admin) != "admin":
                # One that was made and never shown, or the one before the operator's own: nobody should get in with it.
                facts.drop_tokens(session, "admin")
                facts.add_token(session, "admin", admin)
            if chosen:
                facts.put(session, _SHOWN, "yes")
                return None
            return admin

        crashpoint("start.before_tokens")
        made = self.database.write(action)
        crashpoint("start.tokens")
        self._make_default()
        return made

    def shown(self) -> None:
        """The admin token was shown: none is made again. Waits for nothing, for it is called where the service serves."""
        self.database.submit(lambda session: facts.put(session, _SHOWN, "yes"))

    def _check_key(self) -> None:
        """A key that is not this database's is found at start, not at the first webhook."""
        with self.database.read() as session:
            sealed = facts.get(session, "key-check")
        if sealed is None:
            self.database.write(lambda session: facts.put(session, "key-check", self.kit.cipher.encrypt(_CHECK, "key-check")))
            return
        try:
            self.kit.cipher.decrypt(sealed, "key-check")
        except Undecryptable as failure:
            raise Unavailable(f"the encryption key does not belong to the database in {self.data}: {failure}") from failure

    def _make_default(self) -> None:
        """A service without any repository has the embedded one `default`, so that a flow can be created at once."""
        with self.database.read() as session:
            if rows.every(session):
                return
        added = repositories.prepare(self.kit, NewRepository(DEFAULT))
        if not self.kit.git.exists(DEFAULT):
            self.kit.git.create(DEFAULT)
            crashpoint("start.repository")
        self.database.write(lambda session: repositories.add(session, added))
        crashpoint("start.default")

    def start(self) -> None:
        """Begins to work."""
        for problem in self.kit.reader.catalogue.problems():
            _log.warning("%s", problem)
        self.hooks.start()
        for loop in self._loops:
            loop.start()

    def ill(self) -> list[str]:
        """Names of what should work and does not. Cheap: it is asked for by everybody's health checks."""
        return [*(["the database"] if not self.database.answers() else []), *(f"the {loop.name}" for loop in self._loops if not loop.alive)]

    def stop(self) -> None:
        """Ends in order: no new pushes, no new ticks, then the database."""
        self.hooks.close()
        for loop in self._loops:
            loop.stop()
        for loop in self._loops:
            loop.join(10)
        self._pool.close()
        self._reconciler.close()
        self._reporter.close()
        self._sender.close()
        self.kit.web.close()
        self.helper.close()
        self.jq.close()
        self._executors_jq.close()
        self.database.close()
        self._lock.close()


# the command


def serve(settings: Settings, environ: Mapping[str, str], on_ready: Callable[[Ready], None]) -> int:
    """Runs the service until SIGTERM or SIGINT; returns the exit code. Problems of ours are logged as one line."""
    begun = time.monotonic()
    try:
        arm_from(environ)
    except ValueError as failure:
        _log.error("can't start: %s", failure)
        return 1
    umask = os.umask(0o077)  # what we keep is nobody else's; tasks get back what they would have had
    seal()
    try:
        lock = locked(folder(settings))
        listener = _listener(settings)
    except AlreadyRunning as failure:
        _log.error("%s", failure)
        return ALREADY_RUNNING
    except OSError as failure:
        _log.error("can't listen on %s:%d: %s; choose another with --port", settings.host, settings.port, failure.strerror)
        return 1
    port = int(listener.getsockname()[1])
    try:
        service = Service(replace(settings, port=port), environ, port, lock)
        token = service.prepare(environ)
    except ServiceError as failure:
        _log.error("can't start: %s", failure)
        return 1
    service.start()
    ready = Ready(service.kit.url, service.data, time.monotonic() - begun, token)

    def told(seconds: float) -> None:
        on_ready(replace(ready, seconds=seconds))
        if token is not None:
            service.shown()

    try:
        asyncio.run(_serve(service, listener, umask, begun, told))
    finally:
        service.stop()
    return 0


async def _serve(service: Service, listener: socket.socket, umask: int, begun: float, on_ready: Callable[[float], None]) -> None:
    host = Host(service.kit.git.root, lambda: service.hooks.socket)
    parts = Parts(service.kit, service.dispatch, host, service.ill)
    config = uvicorn.Config(application(parts), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=3, timeout_keep_alive=30)
    server = _Server(config)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_once(ended))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    write_server_file(service.data, service.kit.url, listener)
    agent = AgentProcess(service, umask) if service.kit.settings.runner else None
    if agent is not None:
        agent.start()
    crashpoint("start.before_ready")
    on_ready(time.monotonic() - begun)
    await asyncio.wait({serving, asyncio.ensure_future(ended.wait())}, return_when=asyncio.FIRST_COMPLETED)
    # While the runner drains we still take its reports; its claim that waits is ended, so that an idle one ends at once.
    parts.draining.set()
    service.database.hub.publish([("jobs", "")])
    if agent is not None:
        await asyncio.to_thread(agent.stop, _DRAIN)
    parts.stopping.set()
    server.should_exit = True
    await serving


def _stop_once(ended: asyncio.Event) -> Callable[[], None]:
    """The first signal drains; the second ends at once, which loses nothing: start-up is recovery."""

    def handle() -> None:
        if ended.is_set():
            os._exit(130)
        ended.set()

    return handle


class _Server(uvicorn.Server):
    """uvicorn, without its own signal handling."""

    def install_signal_handlers(self) -> None:
        """Signals are ours."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Signals are ours."""


def write_server_file(data: Path, url: str, listener: socket.socket) -> None:
    """Where the agent finds us, also when we come back on another port."""
    host, port = listener.getsockname()[:2]
    local = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    shown = f"[{local}]" if ":" in local else local
    target = data / "server.json"
    temporary = target.with_suffix(".new")
    temporary.write_text(json.dumps({"url": f"http://{shown}:{port}", "public": url, "pid": os.getpid()}) + "\n")
    crashpoint("start.before_address")
    temporary.replace(target)
    crashpoint("start.address")


def _listener(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay off only where it is; otherwise small answers wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    listener.set_inheritable(False)
    return listener


def folder(settings: Settings) -> Path:
    """The data folder, made where it is not there, and closed to others where it was open: secrets of tasks and hooks are in it."""
    data = settings.data.expanduser().resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path, mode in ((data, 0o700), *((file, 0o600) for file in (*data.glob("headgate.db*"), *data.glob("runner.log*")))):
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                path.chmod(mode)
        except OSError as failure:
            _log.warning("%s can be read by others than its owner, and its mode can't be changed: %s", path, failure.strerror)
    return data


def locked(data: Path) -> IO[str]:
    """One service per data folder: two writers would corrupt the database. Raises AlreadyRunning."""
    path = data / "lock"
    handle = path.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise AlreadyRunning(f"{path.parent} is in use by another Headgate (process {holder}); stop it, or choose another folder with --data") from None
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


def _token_file(path: Path) -> str:
    """The embedded runner's token: made once, readable by the owner alone."""
    with suppress(FileNotFoundError):
        token = path.read_text().strip()
        if token:
            return token
    token = f"hg_runner_{random.token_urlsafe(32)}"
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(token + "\n")
        out.flush()
        os.fsync(out.fileno())
    crashpoint("start.before_token")
    temporary.replace(path)
    crashpoint("start.token")
    return token


class AgentProcess:
    """Keeps one agent beside the service. An agent that outlived a killed service holds its lock, and goes on with its work for us."""

    def __init__(self, service: Service, umask: int) -> None:
        settings, data = service.kit.settings, service.data
        self._umask = umask
        self._database = service.database
        self._log_file, self._instance = data / "runner.log", data / "runner" / "instance"
        self._lock, self._server_file = data / "runner" / "lock", str(data / "server.json")
        self._command = [
            sys.executable,
            "-m",
            "runners",
            *("--server-file", self._server_file),
            *("--token-file", str(data / "runner.token")),
            *("--base", str(data / "runner")),
            *("--backend", settings.backend),
            *("--slots", str(settings.slots)),
            *("--beat", str(settings.beat)),
            *("--lease", str(settings.lease)),
            *(("--library-memory", str(settings.library_memory)) if settings.library_memory else ()),
        ]
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="agent", daemon=True)

    def start(self) -> None:
        """Starts it, and starts it again whenever it ends."""
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Lets it drain for a while, and tells how many jobs run on: the next start finds them."""
        self._ended.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        else:
            self._stop_outlived(time.monotonic() + grace)
        if left := self._left():
            _log.info("%s without the service; the next start takes %s over", *(("1 job goes on", "it") if left == 1 else (f"{left} jobs go on", "them")))

    def _left(self) -> int:
        """How many jobs our runner still has."""
        with suppress(FileNotFoundError), self._database.read() as session:
            runner = self._instance.read_text().strip()
            return sum(job.runner == runner for job in jobs.leased(session))
        return 0

    def _stop_outlived(self, deadline: float) -> None:
        signals = iter((signal.SIGTERM, signal.SIGKILL))
        pid = self._outlived()
        while pid is not None:
            number = next(signals, None)
            if number is None:
                return
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            while (pid := self._outlived()) is not None and time.monotonic() < deadline:
                time.sleep(0.05)
            deadline = time.monotonic() + 2.0

    def _outlived(self) -> int | None:
        """The agent of an earlier service, killed since, that still works in our folder: its process id."""
        try:
            with self._lock.open("rb") as lock, suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return None
            pid = int(self._lock.read_text())
            ours = self._server_file.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if ours else None

    def _keep(self) -> None:
        told, crash = False, {name: value for name, value in os.environ.items() if name == VARIABLE}
        while not self._ended.is_set():
            outlived = self._outlived()
            if outlived is not None:
                if not told:
                    _log.info("the agent of an earlier service (process %d) goes on with its work for us", outlived)
                told = True
                self._ended.wait(0.5)
                continue
            # Its own file, not our output: whoever reads ours must not wait for an agent that outlives us.
            with _private(self._log_file) as log:
                environment = _agent_environment(os.environ) | crash
                crash = {}  # what is started in place of one that died goes on
                self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=environment, umask=self._umask)
            crashpoint("start.agent")
            code = self._process.wait()
            if not self._ended.is_set():
                level = logging.INFO if code == ALREADY_RUNNING else logging.WARNING
                _log.log(level, "the runner's agent ended with %d (see %s); starting it again", code, self._log_file)
                self._ended.wait(3.0 if code == ALREADY_RUNNING else 1.0)


def _private(path: Path) -> IO[bytes]:
    """A log to add to, for its owner alone: a traceback may quote what nobody else should read. One that has grown large is set aside, in place of the last."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > _LARGEST_LOG:
            path.replace(path.with_name(f"{path.name}.1"))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.fchmod(handle, 0o600)
    return os.fdopen(handle, "ab")


#: What the agent needs of our environment: to find programs, Docker and certificates. It names what is kept, because nobody can name all tokens
#: (DOCKER_PASSWORD is one, so Docker's variables stand here one by one).
_KEPT = frozenset(
    f"PATH HOME USER LOGNAME LANG LANGUAGE TZ TMPDIR LOG_LEVEL PYTHONPATH LD_LIBRARY_PATH XDG_RUNTIME_DIR SSL_CERT_FILE SSL_CERT_DIR {MARK} "
    "DOCKER_HOST DOCKER_CONFIG DOCKER_CONTEXT DOCKER_CERT_PATH DOCKER_TLS_VERIFY DOCKER_API_VERSION".split()
)


def _agent_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The agent's environment: nothing in it is secret, because a task may find a way to read it."""
    kept = {name: value for name, value in environ.items() if name in _KEPT or name.startswith("LC_")}
    root = str(Path(__file__).parents[1])
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, (root, kept.get("PYTHONPATH"))))}
