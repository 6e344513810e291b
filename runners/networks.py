"""Networks that containers of one execution use one after the other.

Most of what a container's start takes is the making of its network, and much of its end the taking down. A container that *joins* the network
of another is spared both. So from the second container of an execution on they join one that does nothing (`runners.pause`): one that is alone
pays nothing for it. Containers that run at the same time never share a network, for they would share its ports: the second one gets its own.

The daemon alone knows what uses a network (containers carry its label), so a new agent finds it again. What nobody has used for some seconds is
removed, and at an agent's start and end what nobody uses. Where no network can be made so, containers have their own, and nobody hears of it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from runners import pause
from runners.crashpoints import crashpoint
from runners.engine import Engine, EngineError

log = structlog.get_logger()

#: The labels of what holds a network: with the agent's instance as value; and of all that is in one, with its name.
HOLDS, NETWORK = "headgate.pause", "headgate.network"

#: How long a network is kept that nobody uses, in seconds; how many there are at most; how many executions are remembered.
IDLE, _MOST, _REMEMBERED = 10.0, 32, 1024

#: After a failure none is made for so long, in seconds.
_FAILED = 300.0


@dataclass(frozen=True, slots=True)
class Network:
    """One to join: `mode` as the daemon wants it. It may be on its way yet, while a container is made that joins it."""

    name: str
    holder: str
    starting: Future[None] | None = None

    def ready(self) -> None:
        """Waits until it can be joined; raises EngineError."""
        if self.starting:
            self.starting.result()

    @property
    def mode(self) -> str:
        """What to write for a container that joins it."""
        return f"container:{self.holder}"


@dataclass(slots=True)
class _Shared:
    execution: str
    name: str
    holder: str | None = None
    #: A container is being started that joins it, or it is being made.
    taken: bool = False
    used: float = field(default_factory=time.monotonic)


class Networks:
    """Those of one agent, which `instance` names."""

    def __init__(self, engine: Engine, instance: str, *, idle: float = IDLE) -> None:
        self._engine = engine
        self._instance = instance
        self._idle = idle
        self._guard = threading.Lock()
        self._shared: dict[str, _Shared] = {}
        #: The executions that had a container, oldest first.
        self._seen: dict[str, None] = {}
        self._not_before = 0.0
        self._sweeper: threading.Thread | None = None
        self._closing = threading.Event()

    @contextlib.contextmanager
    def one_for(self, execution: str) -> Iterator[Network | None]:
        """A network for a container that is created and started meanwhile; None when it is to have its own."""
        shared = self._take(execution)
        if shared is None:
            yield None
            return
        network = None
        try:
            network = self._usable(shared)
            yield network
        finally:
            self._free(shared, network)

    def stands(self, network: Network) -> bool:
        """Whether it can be joined still."""
        return network.holder in self._inside(network.name)

    def find(self) -> None:
        """Goes on with what an agent before us left in use, and removes the rest. Raises EngineError."""
        for holder, labels in self._engine.labelled({HOLDS: self._instance}):
            execution, name = labels.get("headgate.execution", ""), labels.get(NETWORK, "")
            with self._guard:
                if any(one.taken or one.holder == holder for one in self._shared.values() if one.name == name):
                    continue
            if self._inside(name) - {holder}:
                with self._guard:
                    self._remember(execution)
                    self._shared.setdefault(execution, _Shared(execution, name, holder))
                self._watch()
            else:
                self._remove(holder)

    def close(self) -> None:
        """Removes what nobody uses."""
        self._closing.set()
        if sweeper := self._sweeper:
            sweeper.join(5.0)
        with contextlib.suppress(EngineError):
            self._sweep(0.0)
        self._closing.clear()

    def _take(self, execution: str) -> _Shared | None:
        with self._guard:
            if not self._remember(execution) or time.monotonic() < self._not_before:
                return None
            shared = self._shared.get(execution)
            if shared is None and len(self._shared) < _MOST:
                shared = self._shared[execution] = _Shared(execution, f"{self._instance[:12]}-{execution}")
            if shared is None or shared.taken:
                return None
            shared.taken = True
            return shared

    def _remember(self, execution: str) -> bool:
        """Whether it was known."""
        known = execution in self._seen
        self._seen[execution] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return known

    def _usable(self, shared: _Shared) -> Network | None:
        """The network, if nobody is in it; made where it is not there."""
        try:
            inside = self._inside(shared.name) if shared.holder else set()
            if shared.holder and shared.holder in inside:
                return Network(shared.name, shared.holder) if len(inside) == 1 else None
            shared.holder = None
            shared.holder = holder = self._make(shared)
        except EngineError as problem:
            self._failed(problem)
            return None
        self._watch()
        pool = ThreadPoolExecutor(1, "network")
        starting = pool.submit(self._start, holder)
        pool.shutdown(wait=False)
        return Network(shared.name, holder, starting)

    def _free(self, shared: _Shared, network: Network | None) -> None:
        """Its container runs, or won't."""
        if network and network.starting and (problem := network.starting.exception()):
            self._failed(problem)
            shared.holder = None
        with self._guard:
            shared.taken, shared.used = False, time.monotonic()
            if shared.holder is None and self._shared.get(shared.execution) is shared:
                del self._shared[shared.execution]

    def _failed(self, problem: BaseException) -> None:
        log.info("containers of one execution get a network each", problem=str(problem))
        self._not_before = time.monotonic() + _FAILED

    def _make(self, shared: _Shared) -> str:
        crashpoint("network.before_make")
        return self._engine.create(
            f"headgate-{shared.name}-network",
            image=self._image(),
            entrypoint=[pause.PROGRAM],
            user="65532:65532",
            stop_signal="SIGKILL",
            labels={HOLDS: self._instance, NETWORK: shared.name, "headgate.execution": shared.execution},
            host={"cap_drop": ["ALL"], "security_opt": ["no-new-privileges"], "read_only": True, "log_config": {"type": "none"}},
        )

    def _start(self, holder: str) -> None:
        try:
            self._engine.start(holder)
        except BaseException:
            self._engine.remove(holder)
            raise
        crashpoint("network.made")

    def _image(self) -> str:
        """The id of an image that is ours for sure; made where there is none."""
        layer = pause.layer(self._engine.processor())
        if layer is None:
            raise EngineError(f"there is no program for the processor {self._engine.processor()}")
        name = f"{pause.REPOSITORY}:{pause.TAG}"
        for _ in range(2):
            found = self._engine.image(name)
            if found and found["RootFS"]["Layers"] == [pause.digest(layer)]:
                return str(found["Id"])
            self._engine.unpack(layer, pause.REPOSITORY, pause.TAG)
        raise EngineError(f"the image {name} is not what was made")

    def _inside(self, name: str) -> set[str]:
        """The containers in a network that run or are going to, its holder included."""
        return {container for container, _ in self._engine.labelled({NETWORK: name}, alive=True)}

    def _watch(self) -> None:
        with self._guard:
            if self._sweeper is None and not self._closing.is_set():
                self._sweeper = threading.Thread(target=self._sweeps, name="networks", daemon=True)
                self._sweeper.start()

    def _sweeps(self) -> None:
        """Until there is none left."""
        while not self._closing.wait(self._idle / 4):
            try:
                self._sweep(self._idle)
            except EngineError as problem:
                log.info("networks not looked after", problem=str(problem))
            with self._guard:
                if not self._shared:
                    self._sweeper = None
                    return
        self._sweeper = None

    def _sweep(self, idle: float) -> None:
        """Removes what nobody has used for so many seconds. Raises EngineError."""
        with self._guard:
            found = [(shared, shared.used) for shared in self._shared.values()]
        for shared, used in found:
            inside = self._inside(shared.name)
            with self._guard:
                if shared.taken or len(inside) > 1:
                    shared.used = time.monotonic()
                    continue
                if shared.used != used or time.monotonic() - used < idle or self._shared.get(shared.execution) is not shared:
                    continue
                del self._shared[shared.execution]
            if shared.holder:
                self._remove(shared.holder)

    def _remove(self, holder: str) -> None:
        crashpoint("network.before_remove")
        self._engine.remove(holder)
        crashpoint("network.removed")
