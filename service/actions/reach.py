"""What the templates of an execution can reach beside its own values: secrets, keys, files, logs, other servers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from service.actions import sealing
from service.actions.files import Files, Reading, Whose, may_read
from service.actions.keys import Keys, Written
from service.actions.kit import Kit
from service.addresses import free_port
from service.errors import Forbidden, Invalid, Malformed, NotFound, ServiceError, TooLarge, Unavailable
from service.expressions import Budget, Ports
from service.expressions.errors import Refused
from service.expressions.ports import FlowAnswer, FlowCall, HttpAnswer, HttpCall
from service.secrets import hidden
from service.secrets.cipher import Undecryptable, seal, unseal
from service.store import logs
from service.store.codec import iso
from service.store.logs import Entry, Line

#: Seconds for all calls of other servers together: of the templates of one job, or of the inputs that somebody waits with; and of inputs where a trigger
#: starts the execution, because other flows' triggers wait behind it.
CALLS, TRIGGERED = 10.0, 3.0
#: Of the work that templates may make, what they have there: a push can start hundreds of executions.
TRIGGERED_SHARE = 0.1
_MOST_ENTRIES = 1_000  #: of errors in one list
_UNTRUSTED = "nothing outside of the execution is reached from a template that runs for the head of a fork"
#: What is wrong with what the template asks for. Whatever else goes wrong is our own fault, and tried again.
_ASKED_WRONG = (NotFound, Forbidden, Invalid, Malformed, TooLarge)

#: Log lines of an execution that are not stored yet, with task run, task and attempt.
Unstored = Callable[[], Iterable[tuple[str, str, int, Line]]]


@contextmanager
def _refusing(*more: type[ServiceError]) -> Iterator[None]:
    """What a template must not ask for, in the words of the expression language."""
    wrong: tuple[type[ServiceError], ...] = (*_ASKED_WRONG, *more)
    try:
        yield
    except wrong as failure:
        raise Refused(failure.message.rstrip(".")) from failure


def pure_ports(kit: Kit) -> dict[str, Any]:
    """What reaches nothing that is anybody's: random numbers, ciphers, jq."""
    return {"zone": kit.settings.timezone, "token": secrets.token_bytes, "free_port": free_port, "seal": seal, "unseal": unseal, "jq": kit.jq}


@dataclass(slots=True)
class Reach:
    """The world of one task, or of all inputs of a start. `calls`: so many seconds its templates may wait for other servers, all together, as they share
    `budget`, too. `trusted` is False for the templates that run for a fork's head."""

    kit: Kit
    whose: Whose
    reading: Reading
    now: Callable[[], datetime]
    calls: float = 0.0
    share: float = 1.0  #: of the work that templates may make
    trusted: bool = True
    unstored: Unstored = tuple
    flows: Callable[[FlowCall], FlowAnswer] | None = None  #: starts another flow and waits for it; None where nobody may
    written: Written = field(default_factory=Written)  #: keys that are not stored yet
    used: set[str] = field(default_factory=set)  #: secrets that were rendered, and parts of them
    budget: Budget = field(init=False)
    _until: float | None = None

    def __post_init__(self) -> None:
        self.budget = self.kit.expressions.budget(self.share)

    def ports(self, masked: Callable[[Any], Any]) -> Ports:
        """As functions of the language use it."""
        kit = self.kit
        harmless = pure_ports(kit) | {"masked": masked}
        if not self.trusted:
            return Ports.sealed(_UNTRUSTED, now=self.now, **harmless)
        files = Files(kit, self.whose, self.reading)
        if self.whose.execution is not None:
            harmless["error_logs"] = self._error_logs
        if self.calls:
            harmless["http"] = self._http
        if self.flows is not None:
            harmless["subflow"] = self.flows
        return Ports(
            now=self.now,
            envs=kit.envs,
            secret=self._secret,
            hide=self.used.add,
            open=self._open,
            kv=self._kv,
            read=_asked(files.text),
            file_size=_asked(files.size),
            file_uri=_asked(files.uri),
            **harmless,
        )

    def _secret(self, key: str, namespace: str | None) -> str:
        if namespace is not None and not self._may_read(namespace):
            raise KeyError(key)
        try:
            value = self.kit.secrets.get(key)
        except ServiceError as failure:
            raise Refused(f"secret('{key}'): {failure}") from failure
        if value is None:
            raise KeyError(key)
        self.used.update(hidden(value))
        return value

    def _open(self, sealed: str) -> str:
        try:
            text = self.kit.cipher.decrypt(sealed, sealing.scope(self.whose.environment))
        except Undecryptable as failure:
            raise Refused(str(failure)) from failure
        self.used.update(hidden(text))
        return text

    def _kv(self, key: str, namespace: str | None) -> Any:
        with _refusing():
            return Keys(self.whose, self.reading, self.now(), self.written, self._pay).get(key, namespace)

    def _pay(self, size: int) -> None:
        self.budget.spend(size >> 2)  # data takes more room than its text, and it is read anew each time

    def _may_read(self, namespace: str) -> bool:
        with self.reading() as session:
            return may_read(session, self.whose, namespace)

    def _error_logs(self) -> list[Mapping[str, Any]]:
        whose = self.whose
        with self.reading() as session:
            stored = list(islice(logs.read(session, whose.execution or "", level="ERROR"), _MOST_ENTRIES))
        fresh = [Entry(0, whose.execution or "", run, task, attempt, line) for run, task, attempt, line in self.unstored() if line.level == "ERROR"]
        return [shown(whose, entry) for entry in (*stored, *fresh)][:_MOST_ENTRIES]

    def _http(self, call: HttpCall) -> HttpAnswer:
        if self._until is None:
            self._until = time.monotonic() + self.calls
        left = self._until - time.monotonic()
        if left <= 0:
            raise Refused(f"the calls of other servers took more than {self.calls:g} seconds together")
        with _refusing(Unavailable):
            answer = self.kit.web.call(call.method, call.url, call.headers, call.body, follow=call.follow, seconds=left)
        return HttpAnswer(answer.status, answer.type, answer.body)


def _asked(read: Callable[..., Any]) -> Callable[..., Any]:
    def ask(*arguments: Any) -> Any:
        with _refusing():
            return read(*arguments)

    return ask


def shown(whose: Whose, entry: Entry) -> Mapping[str, Any]:
    """A log entry with the names that Kestra's have."""
    shown: dict[str, Any] = {
        "namespace": whose.namespace,
        "flowId": whose.flow,
        "executionId": whose.execution,
        "timestamp": iso(entry.line.time),
        "level": entry.line.level,
        "message": entry.line.message,
    }
    if entry.task:
        shown |= {"taskId": entry.task, "taskRunId": entry.task_run, "attemptNumber": max(0, entry.attempt - 1)}
    return shown
