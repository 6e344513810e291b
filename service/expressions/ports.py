"""The world as expressions see it: nothing here reads a clock or draws a random number, it is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn, Self

from service.expressions.errors import Refused

RunJq = Callable[[str, str, float], tuple[list[str], float]]

#: What `secret` gives where nobody is to see one.
HIDDEN = "******"

_HERE = "`{name}` is not available here"
_ENTERPRISE = "`{name}()` belongs to Kestra's enterprise edition; there is nothing behind it here"
_WAITING = (
    "`http()` waits for another server, so it works where a job is made ready for a runner and in the inputs of a flow; not here, where all "
    "executions would wait with it: call it in a task of its own (io.kestra.plugin.core.http.Request)"
)
_STARTING = (
    "`subflow()` waits for the end of another flow, so it works only in the inputs of a flow that somebody starts, fills in or replays through the API, where "
    "the flow's own text has it; not here: a trigger or a task that starts the flow gives the input a value, and a task calls a flow by "
    "io.kestra.plugin.core.flow.Subflow"
)


def refusing(name: str, reason: str = _HERE) -> Callable[..., NoReturn]:
    """A port that is not there: whoever uses it is told why."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise Refused(reason.format(name=name))

    return refuse


class _Closed(Mapping[str, str]):
    """Variables that nobody may look at."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __getitem__(self, name: str) -> str:
        raise Refused(self._reason)

    def __iter__(self) -> Iterator[str]:
        raise Refused(self._reason)

    def __len__(self) -> int:
        raise Refused(self._reason)


def _missing(key: str, _namespace: str | None) -> NoReturn:
    raise KeyError(key)


def _unheard(_text: str) -> None:
    """Nothing is masked where nothing is shown."""


def _as_it_is(value: Any) -> Any:
    return value


def _shut(_sealed: str) -> str:
    """Nobody is to see it."""
    return HIDDEN


@dataclass(frozen=True, slots=True)
class HttpCall:
    """What `http()` asks for. `follow`: redirects are followed."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None = None
    follow: bool = True


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: the media type without its parameters, in lower case, and the body as text."""

    status: int
    type: str
    body: str


@dataclass(frozen=True, slots=True)
class FlowCall:
    """What `subflow()` asks for. `revision` None is the one that runs now. `timeout` is how long its end is waited for, a number of seconds or an ISO
    duration; None: as long as usual."""

    namespace: str
    id: str
    inputs: Mapping[str, Any]
    labels: Mapping[str, str]
    revision: int | None = None
    timeout: Any = None


@dataclass(frozen=True, slots=True)
class FlowAnswer:
    """How the execution of a flow that was called has ended."""

    id: str
    state: str
    outputs: Mapping[str, Any]
    labels: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What functions may use. All of them may be called often, and all end in bounded time; what is the user's mistake is raised as Refused.

    `now` gives an aware time. `zone` is the default time zone (IANA name or offset). `envs` holds the instance's variables by lower-case name. `token` gives
    that many random bytes. `jq` runs a jq program over a JSON text for so many seconds at most, and gives all its results as JSON texts, with the seconds of
    work that they took; it raises Refused. `free_port` gives a port of this machine on which nothing listens. `seal` encrypts by AES-GCM: key (16, 24 or 32
    bytes), nonce (12 bytes) and text to ciphertext with its tag; `unseal` gives the text again, or None where the key is another one or something was changed.

    `secret` gives a secret's text by key and namespace (None: the flow's own), and raises KeyError for one that is missing or not granted; it is also the
    place where a rendered secret gets known to the masking; it gives HIDDEN where nobody is to see one. `hide` tells the masking of a part of a secret.
    `masked` is a value with all secrets hidden. `open` gives a text that is kept encrypted, which gets known to the masking, too; HIDDEN where nobody is to.

    `kv` gives a value of the KV store by key and namespace (None: the flow's own, then those above it) and raises KeyError where there is none. `read` gives
    the text of a file by path or URI, namespace and revision; `file_size` its size in bytes, None where there is none; `file_uri` a URI that `read` and tasks
    take. `http` makes a call; an answer of any status is one. `subflow` starts another flow and waits for its end,
    whatever that is. `error_logs` gives the ERROR entries of the execution's log, oldest first. `credential`, `assets` and `app_link` are what Kestra's
    enterprise edition has behind the functions of these names.
    """

    now: Callable[[], datetime]
    secret: Callable[[str, str | None], str]
    hide: Callable[[str], None] = _unheard
    masked: Callable[[Any], Any] = _as_it_is
    open: Callable[[str], str] = _shut
    zone: str = "UTC"
    envs: Mapping[str, str] = field(default_factory=dict)
    token: Callable[[int], bytes] = refusing("random values", "random values are not available here")
    jq: RunJq = refusing("jq")
    free_port: Callable[[], int] = refusing("", "free ports are not known here")
    seal: Callable[[bytes, bytes, bytes], bytes] = refusing("", "ciphers are not available here")
    unseal: Callable[[bytes, bytes, bytes], bytes | None] = refusing("", "ciphers are not available here")
    kv: Callable[[str, str | None], Any] = refusing("kv()")
    read: Callable[[str, str | None, str | None], str] = refusing("", "files are not available here")
    file_size: Callable[[str, str | None, str | None], int | None] = refusing("", "files are not available here")
    file_uri: Callable[[str, str | None, str | None], str] = refusing("", "files are not available here")
    http: Callable[[HttpCall], HttpAnswer] = refusing("http", _WAITING)
    subflow: Callable[[FlowCall], FlowAnswer] = refusing("subflow", _STARTING)
    error_logs: Callable[[], list[Mapping[str, Any]]] = refusing("errorLogs()")
    credential: Callable[[str], str] = refusing("credential", _ENTERPRISE)
    assets: Callable[[], list[Any]] = refusing("assets", _ENTERPRISE)
    app_link: Callable[[str | None, bool], str] = refusing("appLink", _ENTERPRISE)

    @classmethod
    def sealed(cls, reason: str, *, now: Callable[[], datetime], **harmless: Any) -> Self:
        """Without any way out: for templates of people who are not trusted. Every function that would read, call or tell something is refused, for the same
        reason; a secret is as missing as one that never was."""
        closed: dict[str, Any] = dict.fromkeys(_OUTWARD, refusing("", reason))
        return cls(now=now, secret=_missing, envs=_Closed(reason), **closed, **harmless)


#: The ports that reach out.
_OUTWARD = ("kv", "read", "file_size", "file_uri", "http", "subflow", "error_logs", "credential", "assets", "app_link")
