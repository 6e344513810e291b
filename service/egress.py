"""Calls of other servers in the name of a flow: through the guard of addresses, within a deadline, up to a size.

Every connection is checked, those of redirects too; metadata and link-local addresses are never reached. No cookie is kept, no proxy of the environment is
used, and an answer is read no further than its cap.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from service.addresses import Resolve, resolve, unwrapped
from service.errors import Forbidden, Invalid, TooLarge, Unavailable
from service.forges.address import GuardedTransport, deadline

LARGEST = 1_000_000  #: bytes of an answer
_GZIP, _WITH_HEADER = ("gzip", "x-gzip"), 31
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
    """The web as flows may see it. Safe to use from many threads. `own_port` is where the service itself listens."""

    def __init__(self, allow_private: bool, own_port: int | None = None, resolve: Resolve = resolve) -> None:
        self._allow_private = allow_private

        def others(host: str, port: int) -> Sequence[str]:
            found = resolve(host, port)
            # Whoever calls from this machine is the admin of a service that listens on loopback: a template must not be.
            if port == own_port and any(_is_this_machine(address) for address in found):
                raise Forbidden(f"{host}:{port} is this service itself; its own API is not called from a template")
            return found

        self._resolve = others
        self._made: httpx2.Client | None = None
        self._making = threading.Lock()

    def call(self, method: str, url: str, headers: Mapping[str, str], body: str | None, *, follow: bool, seconds: float) -> Answer:
        """Makes a call and reads its answer within so many seconds. Raises Forbidden (an address), Unavailable (no answer in time), TooLarge, Invalid."""
        wrong = next((name for name in headers if name.lower() in _OURS), None)
        if wrong is not None:
            raise Invalid(f"the header `{wrong}` is set by Headgate itself")
        try:
            with deadline(seconds):
                return self._answer(method, url, {"user-agent": "headgate", "accept-encoding": "identity", **headers}, body, follow, seconds)
        except Forbidden as refused:
            raise Forbidden(
                refused.message if self._allow_private else f"{refused.message.partition(';')[0]} (see the setting `private_addresses`)"
            ) from refused
        except httpx2.TimeoutException:
            raise Unavailable(f"{_host(url)} did not answer in time") from None
        except httpx2.TooManyRedirects:
            raise Unavailable(f"{_host(url)} redirects more than {_REDIRECTS} times") from None
        except httpx2.HTTPError as failure:
            raise Unavailable(f"no answer from {_host(url)}: {str(failure)[:200] or type(failure).__name__}") from None
        except zlib.error:
            raise Unavailable(f"the answer of {_host(url)} can't be unpacked") from None
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
                    transport=GuardedTransport(self._allow_private, self._resolve),
                    trust_env=False,
                    max_redirects=_REDIRECTS,
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                )
            return self._made

    def _answer(self, method: str, url: str, headers: Mapping[str, str], body: str | None, follow: bool, seconds: float) -> Answer:
        client, content = self._client(), None if body is None else body.encode()
        request = client.build_request(method, url, headers=headers, content=content, timeout=httpx2.Timeout(None, pool=seconds))
        response = client.send(request, stream=True, follow_redirects=follow)
        try:
            text = _read(response)
        finally:
            response.close()
        return Answer(response.status_code, response.headers.get("content-type", "").partition(";")[0].strip().lower(), text)


def _read(response: httpx2.Response) -> str:
    found, packed = bytearray(), response.headers.get("content-encoding", "").strip().lower()
    if packed not in ("", "identity", *_GZIP):
        raise Unavailable(f"{response.url.host} answers in the encoding `{packed[:40]}`, which it was not asked for")
    # A page of a few kilobytes can unpack to gigabytes: never more is unpacked than is taken.
    unpacker = zlib.decompressobj(_WITH_HEADER) if packed in _GZIP else None
    for chunk in response.iter_raw():
        found += chunk if unpacker is None else unpacker.decompress(chunk, LARGEST + 1 - len(found))
        if len(found) > LARGEST:
            raise TooLarge(f"the answer of {response.url.host} is larger than {LARGEST:,} bytes")
    try:
        return found.decode(response.charset_encoding or "utf-8", "replace")
    except LookupError:
        return found.decode("utf-8", "replace")


def _is_this_machine(address: str) -> bool:
    """Whether packets to an address stay here: then the system sends them from that very address, or they go to loopback."""
    for ip in unwrapped(ipaddress.ip_address(address)):
        if ip.is_loopback:
            return True
        try:
            with socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:  # noqa: PLR2004 - IPv4 is a name
                probe.connect((str(ip), 9))  # sends nothing
                if ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == ip:
                    return True
        except OSError:
            continue  # no way to it, so it is not here
    return False


def _host(url: str) -> str:
    try:
        return httpx2.URL(url).host
    except httpx2.InvalidURL:
        return "the server"
