"""Calls of other servers in the name of a flow: through the guard of addresses, within a deadline, up to a size.

Every connection is checked, those of redirects too; metadata and link-local addresses are never reached. No cookie is kept, no proxy of the environment is
used, and an answer is read no further than its cap.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from runners.connections import GuardedTransport, TooMany, Unpackable, bounded, follow, unpacked
from runners.egress import Resolve, resolve
from runners.protocol import Egress
from service.addresses import reachable
from service.errors import Invalid, TooLarge, Unavailable

LARGEST = 1_000_000  #: bytes of an answer
_REDIRECTS = 3
#: What says where a body ends, and whose connection it is, is ours to say.
_OURS = frozenset({"connection", "content-length", "te", "transfer-encoding", "upgrade"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status: the media type in lower case, and the body as text."""

    status: int
    type: str
    body: str


class Web:
    """The web as flows may see it. Safe to use from many threads. `egress` is what a flow of a tracked branch may reach: its runner tasks, too."""

    def __init__(self, egress: Egress, resolve: Resolve = resolve) -> None:
        self.egress = egress
        self._addresses = partial(reachable, allowed=egress, resolve=resolve)
        self._made: httpx2.Client | None = None
        self._making = threading.Lock()

    def call(self, method: str, url: str, headers: Mapping[str, str], body: str | None, *, follow: bool, seconds: float) -> Answer:
        """Makes a call and reads its answer within so many seconds. Raises Forbidden (an address), Unavailable (no answer in time), TooLarge, Invalid."""
        wrong = next((name for name in headers if name.lower() in _OURS), None)
        if wrong is not None:
            raise Invalid(f"the header `{wrong}` is set by Headgate itself")
        try:
            with bounded(seconds):
                return self._answer(method, url, {"user-agent": "headgate", "accept-encoding": "identity", **headers}, body, follow, seconds)
        except httpx2.TimeoutException:
            raise Unavailable(f"{_host(url)} did not answer in time") from None
        except httpx2.TooManyRedirects:
            raise Unavailable(f"{_host(url)} redirects more than {_REDIRECTS} times") from None
        except httpx2.HTTPError as failure:
            raise Unavailable(f"no answer from {_host(url)}: {str(failure)[:200] or type(failure).__name__}") from None
        except Unpackable as failure:
            raise Unavailable(str(failure)) from None
        except TooMany as failure:
            raise TooLarge(str(failure)) from None
        except (httpx2.InvalidURL, UnicodeError, ValueError) as failure:
            raise Invalid(f"this call can't be made: {str(failure)[:200]}") from None

    def close(self) -> None:
        """Ends idle connections."""
        if self._made is not None:
            self._made.close()

    def _client(self) -> httpx2.Client:
        """Made when it is first needed: the certificates of the world take their time to be read."""
        with self._making:
            if self._made is None:
                self._made = httpx2.Client(
                    transport=GuardedTransport(self._addresses),
                    trust_env=False,
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                )
            return self._made

    def _answer(self, method: str, url: str, headers: Mapping[str, str], body: str | None, following: bool, seconds: float) -> Answer:
        client, content = self._client(), None if body is None else body.encode()
        request = client.build_request(method, url, headers=headers, content=content, timeout=httpx2.Timeout(None, pool=seconds))
        response = follow(client, request, _REDIRECTS if following else None)
        try:
            text = _read(response)
        finally:
            response.close()
        return Answer(response.status_code, response.headers.get("content-type", "").partition(";")[0].strip().lower(), text)


def _read(response: httpx2.Response) -> str:
    found = b"".join(unpacked(response, LARGEST))
    try:
        return found.decode(response.charset_encoding or "utf-8", "replace")
    except LookupError:
        return found.decode("utf-8", "replace")


def _host(url: str) -> str:
    try:
        return httpx2.URL(url).host
    except httpx2.InvalidURL:
        return "the server"
