"""The API as commands use it. What it refuses, and what does not answer, ends the command with a sentence and an exit code."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from service.cli.screen import harmless
from service.cli.stop import UNREACHABLE, WRONG, Stop

_API = "/api/v1/main"
#: Seconds: to connect; without a byte of an answer; without a byte of a stream.
_CONNECT, _ANSWER, _STREAM = 5.0, 60.0, 90.0
_PAGE = 100


class Refused(Stop):
    """The API said no. `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(WRONG, message)
        self.status = status


class Lost(Stop):
    """Nobody answers, the server is in trouble, or a stream ended before its end: another try may do."""

    def __init__(self, message: str) -> None:
        super().__init__(UNREACHABLE, message)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream."""

    name: str
    value: Any


class Api:
    """One server. Paths are below `/api/v1/main`; every method raises Stop."""

    def __init__(self, server: str, token: str = "") -> None:
        self.server = _checked(server)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx2.Client(
            base_url=self.server,
            headers=headers,
            timeout=httpx2.Timeout(_ANSWER, connect=_CONNECT),
            # A proxy of the environment can't reach what only this machine can.
            trust_env=not _loopback(self.server),
        )
        # Nobody has to remember to close it.
        weakref.finalize(self, self._client.close)

    def get(self, path: str, **query: Any) -> Any:
        """What stands there."""
        return self.send("GET", path, params={key: value for key, value in query.items() if value not in (None, "", [])})

    def send(self, method: str, path: str, **options: Any) -> Any:
        """One request; the answer's JSON, None when it is empty."""
        with self._reaching():
            answer = self._client.request(method, _API + path, **options)
            return _read(answer, self.server)

    def pages(self, path: str, most: int | None = None, **query: Any) -> list[Any]:
        """The results of a paged search; all of them, or the first `most`."""
        size = min(_PAGE, most or _PAGE)
        found: list[Any] = []
        page = 1
        while True:
            answer = self.get(path, page=page, size=size, **query)
            found += answer["results"]
            if not answer["results"] or len(found) >= min(answer["total"], most or answer["total"]):
                return found[:most]
            page += 1

    def events(self, path: str, **query: Any) -> Iterator[Event]:
        """A live stream; ends with the event `end`, raises Lost when the connection does first."""
        params = {key: value for key, value in query.items() if value not in (None, "")}
        timeout = httpx2.Timeout(_ANSWER, connect=_CONNECT, read=_STREAM)
        with self._reaching(), self._client.stream("GET", _API + path, params=params, timeout=timeout) as answer:
            if answer.status_code != 200:
                answer.read()
                _read(answer, self.server)
            for found in httpx2.EventSource(answer):
                event = Event(found.event if found.event != "message" else found.id, _json(found.data))
                yield event
                if event.name == "end":
                    return
        raise Lost(f"the connection to {self.server} ended")

    def ready(self) -> bool:
        """Whether the service answers and is ready."""
        try:
            return self._client.get("/healthz", timeout=2.0).status_code == 200
        except httpx2.HTTPError:
            return False

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx2.ConnectError as failure:
            reason = f" ({failure})" if "certificate" in str(failure).lower() else ""
            raise Lost(f"no Headgate answers at {self.server}{reason}; start one with `headgate up`") from failure
        except httpx2.TimeoutException as failure:
            raise Lost(f"{self.server} does not answer in time") from failure
        except httpx2.HTTPError as failure:
            raise Lost(f"{self.server} can't be talked to: {failure}") from failure


def path(*parts: str) -> str:
    """A path of the API made of names, each of them escaped."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _checked(server: str) -> str:
    url = server.strip() if "://" in server else f"http://{server.strip()}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Stop(WRONG, f"`{server}` is not the URL of a server; one looks like http://127.0.0.1:8080")
    return url.rstrip("/")


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _read(answer: httpx2.Response, server: str) -> Any:
    if answer.is_success:
        return _json(answer.content, server) if answer.content else None
    content = _json(answer.content) if "json" in answer.headers.get("content-type", "") else None
    if not isinstance(content, Mapping):
        complaint = f"what answers at {server} is no Headgate: {answer.status_code} {answer.reason_phrase}"
        raise Lost(complaint) if answer.status_code >= 500 else Stop(UNREACHABLE, complaint)
    message = _explained(answer.status_code, content)
    raise Lost(message) if answer.status_code >= 500 else Refused(answer.status_code, message)


def _json(content: str | bytes, server: str = "") -> Any:
    import json

    try:
        return json.loads(content)
    except ValueError:
        if server:
            raise Stop(UNREACHABLE, f"what answers at {server} is no Headgate: its answer is not JSON") from None
        return None


def _explained(status: int, content: Mapping[str, Any]) -> str:
    """The message of a refusal, and a row for each place it names."""
    message = str(content.get("message") or content.get("detail") or content.get("title") or f"refused with {status}")
    if status == 401:
        message += "; give a token with --token or HEADGATE_TOKEN"
    rows = [row for entry in content.get("errors") or () if isinstance(entry, Mapping) and (row := _row(entry)) and row != message]
    return harmless("\n".join([message, *(f"  {row}" for row in rows)]))


def _row(entry: Mapping[str, Any]) -> str:
    message = str(entry.get("message") or "")
    hint = f" ({entry['hint']})" if entry.get("hint") else ""
    if "line" not in entry:
        return message + hint
    code = f" {entry['code']}" if entry.get("code") else ""
    return f"{entry.get('path', '')}:{entry['line']}:{entry.get('column', 1)}: {entry.get('severity', 'error')}{code}: {message}{hint}"
