"""Sends calls to forges over HTTP, and reads their answers as what to do next.

Rules that every forge shares: a token goes to the forge it is for and nowhere else (no proxy from the environment, no redirect to another
host, no clear text over public networks); "too many" is obeyed to the second; what only a person can change says so to that person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial

import httpx2

from runners.connections import GuardedTransport, bounded
from runners.egress import Resolve, resolve
from service.addresses import resolve_and_check
from service.errors import Forbidden, Unavailable
from service.forges import Access, Answer, Later, Refused, Sent
from webhooks.report import Request

_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_REPEAT = frozenset({301, 302, 307, 308})
_MOST_REDIRECTS = 3
_MOST_BODY = 64 * 1024
_LONGEST_ECHO = 200
# A limit without a time: GitHub asks for at least a minute. One with an absurd time is asked again after a few hours.
_UNTOLD_WAIT = 60.0
_LONGEST_WAIT = 6 * 3600.0
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HEADER = re.compile(r"[!-~]+")
_LIMIT_WORDS = re.compile(r"rate limit|abuse detection", re.IGNORECASE)


class HttpSender:
    """The real Sender. `now` gives seconds since 1970, to read "wait until"; `seconds` bounds one call from the first byte to the last."""

    def __init__(self, now: Callable[[], float], seconds: float = 20.0, resolve: Resolve = resolve) -> None:
        self._now = now
        self._seconds = seconds
        self._clients = {allow_private: _client(allow_private, resolve) for allow_private in (False, True)}

    def send(self, request: Request, access: Access) -> Answer:
        url = _joined(httpx2.URL(), request.url)
        if url is None or url.scheme not in _PORTS or not url.host or url.userinfo:
            return Refused(f"the API of repository {access.repository} has no plain web address: give one without a user in it (--api-url)")
        if access.token and not _HEADER.fullmatch(access.token):
            return Refused(f"the token of repository {access.repository} has characters that no token has: set it again")
        if access.token and url.scheme != "https" and not access.allow_private:
            return Refused(f"the token of repository {access.repository} is not sent over {url.scheme}: give an https address of the API (--api-url)")
        try:
            with bounded(self._seconds):
                return self._answer(url, request, access)
        except Forbidden as wrong:
            return Refused(wrong.message)
        except Unavailable as wrong:
            return Later(None, wrong.message)
        except httpx2.TimeoutException:
            return Later(None, f"{url.host} did not answer within {self._seconds:g} s")
        except httpx2.TransportError as wrong:
            return Later(None, f"no answer from {url.host}: {_shown(str(wrong) or type(wrong).__name__, access)}")

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _answer(self, url: httpx2.URL, request: Request, access: Access, redirects: int = _MOST_REDIRECTS) -> Answer:
        status, headers, body = self._call(url, request, access)
        if status not in _REPEAT or not redirects:
            return self._read(url.host, status, headers, _shown(_message(body), access), access.repository)
        target = _joined(url, headers.get("location", ""))
        if target is None or _origin(target) != _origin(url):
            host = _shown(target.host, access) if target else "nowhere"
            return Refused(f"{url.host} sends the calls of repository {access.repository} on to {host}: set --api-url to where its API is", status)
        return self._answer(target, request, access, redirects - 1)

    def _call(self, url: httpx2.URL, request: Request, access: Access) -> tuple[int, Mapping[str, str], bytes]:
        # Not compressed: only the start of an answer is read, and nothing in it may grow.
        headers = {"user-agent": "headgate", "accept-encoding": "identity", **request.headers}
        if access.token:
            headers["authorization"] = f"Bearer {access.token}"
        client = self._clients[access.allow_private]
        with client.stream(request.method, url, headers=headers, json=request.json) as response:
            return response.status_code, response.headers, _start_of(response)

    def _read(self, host: str, status: int, headers: Mapping[str, str], message: str, repository: str) -> Answer:
        said = f": {message}" if message else ""
        if httpx2.codes.is_success(status):
            return Sent()
        if status == httpx2.codes.TOO_MANY_REQUESTS or (status == httpx2.codes.FORBIDDEN and _limited(headers, message)):
            return Later(self._wait(headers, _UNTOLD_WAIT), f"{host} asks for fewer calls ({status}){said}")
        if status in _PASSING or httpx2.codes.is_server_error(status):
            return Later(self._wait(headers, None), f"{host} is in trouble ({status}){said}")
        return Refused(
            _ADVICE.get(status, "{host} refuses the call for repository {repository}").format(host=host, repository=repository) + f" ({status}){said}", status
        )

    def _wait(self, headers: Mapping[str, str], untold: float | None) -> float | None:
        seconds = self._retry_after(headers.get("retry-after", ""))
        if seconds is None and headers.get("x-ratelimit-remaining") == "0":
            seconds = _number(headers.get("x-ratelimit-reset", ""), less=self._now())
        return untold if seconds is None else min(max(seconds, 1.0), _LONGEST_WAIT)

    def _retry_after(self, text: str) -> float | None:
        """Seconds, or a date."""
        seconds = _number(text)
        if seconds is not None or not text:
            return seconds
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - self._now()


_PASSING = frozenset({408, 409, 425})
_ADVICE: Mapping[int, str] = {
    401: "the token of repository {repository} is refused by {host}: give a valid one",
    403: "the token of repository {repository} may not set statuses on {host}: it needs the right to write commit statuses",
    404: "{host} does not know repository {repository}, or its token may not see it",
    422: "{host} takes no such status for repository {repository}",
}


def _client(allow_private: bool, resolve: Resolve) -> httpx2.Client:
    # A proxy from the environment would make the connections, and the guard would check the proxy's address alone.
    addresses = partial(resolve_and_check, allow_private=allow_private, resolve=resolve)
    return httpx2.Client(transport=GuardedTransport(addresses), trust_env=False, timeout=httpx2.Timeout(15.0, connect=5.0))


def _start_of(response: httpx2.Response) -> bytes:
    """Enough of the body to find a message in. The status counts even if the rest never comes."""
    body = b""
    try:
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > _MOST_BODY:
                break
    except httpx2.TransportError:
        pass
    return body


def _message(body: bytes) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    message = found.get("message") if isinstance(found, dict) else None
    return message if isinstance(message, str) else ""


def _shown(text: str, access: Access) -> str:
    """The forge's own words as part of a message: without the token, one line, not long."""
    clean = text.replace(access.token, "******") if access.token else text
    line = _UNSHOWN.sub(lambda found: f"\\x{ord(found.group()):02x}", clean)
    return line if len(line) <= _LONGEST_ECHO else f"{line[: _LONGEST_ECHO - 1]}…"


def _limited(headers: Mapping[str, str], message: str) -> bool:
    return "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0" or bool(_LIMIT_WORDS.search(message))


def _number(text: str, less: float = 0.0) -> float | None:
    return float(text) - less if text.isascii() and text.isdigit() and len(text) <= len("9999999999") else None


def _joined(url: httpx2.URL, location: str) -> httpx2.URL | None:
    try:
        joined = url.join(location)
    except httpx2.InvalidURL:
        return None
    return joined if (joined.port or 0) <= _LAST_PORT else None


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)
