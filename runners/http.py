"""What HTTP tasks share: their properties, the call that these become, and what is said when it fails."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, ClassVar

import httpx2
from pydantic import Field, field_validator

from runners.connections import GuardedTransport, TooMany, Unpackable, bounded, follow, unpacked
from runners.egress import Unknown, checked
from runners.fields import Dynamic, Text, is_template, wrong
from runners.forms import Form
from runners.http_faults import told
from runners.http_options import Auth, HttpOptions, Ssl
from runners.masking import STARS
from runners.protocol import Outcome, Unusable
from runners.task import RunnerTask, Work

REDIRECTS = 3
LARGEST = 900_000  #: bytes of a body that becomes an output
_SHOWN = 500  #: characters of the body of an answer that is a failure
_LOGGED = 10_000
#: What says where a body ends, and whose connection it is, is ours to say.
_OURS = frozenset({"connection", "content-length", "te", "transfer-encoding", "upgrade"})
_HIDDEN = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-auth-token"})
_METHOD = re.compile(r"[A-Za-z]{1,20}")


class HttpTask(RunnerTask):
    """Properties of every HTTP task."""

    uri: Dynamic[Text] = Field(description="Whom to ask: http:// or https://.")
    method: Dynamic[Text] = Field("GET", description="GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS…")
    body: Dynamic[Any] = Field(None, description="What is sent; a map or a list is sent as JSON.")
    form_data: Dynamic[dict[str, Any]] | None = Field(
        None, description="A form to send in the place of `body`. A value is a text, several, the URI of a stored file, or a file as `name` and `content`."
    )
    params: Dynamic[dict[str, Any]] | None = Field(None, description="What is added to the query of the `uri`: name → a text, or several.")
    content_type: Dynamic[Text] = Field("application/json", description="What the body is; a form may be multipart/form-data.")
    headers: Dynamic[dict[str, Any]] | None = Field(None, description="Headers: name → a text, or several.")
    options: HttpOptions | None = Field(None, description="How the call is made.")
    allow_failed: Dynamic[bool] | None = Field(None, description="Old: `options.allowFailed`.")
    ssl_options: Ssl | None = Field(None, description="Old: `options.ssl`.")

    #: Headers that are sent where the flow says nothing else.
    SENDS: ClassVar[Mapping[str, str]] = {"user-agent": "headgate", "accept": "*/*", "accept-encoding": "identity"}

    @field_validator("method")
    @classmethod
    def _is_method(cls, value: str) -> str:
        if not is_template(value) and (not _METHOD.fullmatch(value) or value.upper() == "CONNECT"):
            raise wrong("method", "not a method of HTTP that can be used here", "for example GET or POST")
        return value

    def run(self, work: Work) -> Outcome:
        """Makes the call, and tells of its answer."""
        with Call(self, work) as call, told(call.url.host, call.options, REDIRECTS), bounded(check=work.check):
            return self.read(call, call.answer(), work)

    def read(self, call: Call, response: httpx2.Response, work: Work) -> Outcome:
        """What comes of an answer, whose body is not read yet."""
        raise NotImplementedError


class Call:
    """One call, and the client that makes it."""

    def __init__(self, task: HttpTask, work: Work) -> None:
        self.options = _options(task)
        self.logs = frozenset(self.options.logs or ())
        self._task, self._work = task, work
        self._form: Form | None = None
        given = _url(task.uri.strip())
        #: Without a password.
        self.url = _with_params(given.copy_with(userinfo=b""), task.params or {})
        self._auth = _auth(self.options.caller, given)
        self._client = self._made_client()

    def __enter__(self) -> Call:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        if self._form:
            self._form.close()

    def answer(self) -> httpx2.Response:
        """Its head; the body is read by whoever takes it. Raises Unusable for what can't be sent."""
        request = self._request()
        self._say("REQUEST_HEADERS", lambda: _head(f"{request.method} {request.url}", request.headers.multi_items()))
        response = follow(self._client, request, REDIRECTS if self.options.follow_redirects else None, self._auth)
        self._say("RESPONSE_HEADERS", lambda: _head(f"{response.status_code} {response.reason_phrase}", named(response)))
        return response

    def text(self, response: httpx2.Response, most: int = LARGEST, cut: bool = False) -> str | None:
        """The body as text; None where the answer is one without. Raises TooMany. `cut`: no more of it is read than there may be, or than comes."""
        if response.request.method == "HEAD" or response.status_code in (204, 304):
            return None
        found = bytearray()
        with suppress(*((TooMany, Unpackable, httpx2.HTTPError) if cut else ())):
            for piece in unpacked(response, most):
                found += piece
        try:
            text = found.decode(response.charset_encoding or self.options.default_charset, "replace")
        except LookupError:
            text = found.decode("utf-8", "replace")
        self._say("RESPONSE_BODY", lambda: text)
        return text

    def failure(self, response: httpx2.Response, text: str | None) -> str:
        """What to say of a code that is a failure."""
        said = " ".join((text or "").split())
        more = f": {said[:_SHOWN]}{'…' if len(said) > _SHOWN else ''}" if said else ""
        return f"{response.request.method} {self.url} failed with the response code {response.status_code} {response.reason_phrase}".rstrip() + more

    def _request(self) -> httpx2.Request:
        task, headers = self._task, _headers(self._task.headers or {})
        content: dict[str, Any] = {}
        if task.form_data:
            self._form = Form(self._work, task.form_data)
            content = self._form.content(task.content_type)
        elif task.body is not None:
            content = {"content": self._encoded(task.body, headers)}
        if "REQUEST_BODY" in self.logs:
            self._say("REQUEST_BODY", lambda: task.form_data and json.dumps(task.form_data) or _text(task.body))
        connect, idle = self.options.waits
        timeout = httpx2.Timeout(idle, connect=connect)
        sent = httpx2.Headers([*((name, value) for name, value in task.SENDS.items() if name not in headers), *headers.multi_items()])
        try:
            return self._client.build_request(task.method.upper(), self.url, headers=sent, timeout=timeout, **content)
        except (ValueError, TypeError) as problem:
            raise Unusable(f"this request can't be made: {str(problem)[:200]}") from None

    def _encoded(self, body: Any, headers: httpx2.Headers) -> bytes:
        charset = self.options.default_charset
        try:
            content = _text(body).encode(charset)
        except UnicodeEncodeError as problem:
            raise Unusable(f"body: {problem.object[problem.start]!r} can't be written in the charset {charset} (`options.defaultCharset`)") from None
        if "content-type" not in headers:
            type = self._task.content_type
            headers["content-type"] = type if charset.upper() == "UTF-8" or "charset=" in type.lower() else f"{type}; charset={charset}"
        return content

    def _made_client(self) -> httpx2.Client:
        egress, via, insecure = self._work.job.egress, self.options.via, self.options.ssl and self.options.ssl.insecure_trust_all_certificates
        proxy = None
        if via is not None:
            login = (via.username, via.password or "") if via.username is not None else None
            host = f"[{via.address}]" if ":" in str(via.address) else via.address
            try:
                proxy = httpx2.Proxy(httpx2.URL(f"http://{host}:{via.port}"), auth=login)
            except httpx2.InvalidURL as problem:
                raise Unusable(f"options.proxy: {problem}") from None

        def addresses(host: str, port: int) -> Sequence[str]:
            return checked(host, port, egress)

        transport = GuardedTransport(addresses, _trusting() if insecure else _verifying(), proxy)
        hooks = {"request": [self._look_ahead]} if proxy else {}
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        return httpx2.Client(transport=transport, trust_env=False, cookies=cookies, event_hooks=hooks)

    def _look_ahead(self, request: httpx2.Request) -> None:
        """What a proxy is asked to connect to is checked as far as its name says anything here; the connection is the proxy's own."""
        try:
            checked(request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80), self._work.job.egress)
        except Unknown:
            return

    def _say(self, part: str, text: Any) -> None:
        if part in self.logs:
            said = text()
            self._work.log("INFO", f"{part}\n{said[:_LOGGED]}{'…' if len(said) > _LOGGED else ''}")


def named(response: httpx2.Response) -> list[tuple[str, str]]:
    """Headers as the other side writes them."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw]


def header_lists(response: httpx2.Response) -> dict[str, list[str]]:
    """The same as an output: each name once, as it was first written, with all its values."""
    found: dict[str, tuple[str, list[str]]] = {}
    for name, value in named(response):
        found.setdefault(name.lower(), (name, []))[1].append(value)
    return dict(found.values())


@cache
def _verifying() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


@cache
def _trusting() -> ssl.SSLContext:
    return httpx2.create_ssl_context(verify=False)


def _options(task: HttpTask) -> HttpOptions:
    options = task.options or HttpOptions()
    older: dict[str, Any] = {"ssl": task.ssl_options} if task.ssl_options and options.ssl is None else {}
    if task.allow_failed:
        older["allow_failed"] = True
    return options.model_copy(update=older)


def _url(text: str) -> httpx2.URL:
    try:
        url = httpx2.URL(text.replace(" ", "%20"))
        port = url.port
    except (httpx2.InvalidURL, ValueError) as problem:
        raise Unusable(f"uri: {text[:200]!r} is not an address: {problem}") from None
    if url.scheme not in ("http", "https") or not url.host or port == 0:
        raise Unusable(f"uri: {text[:200]!r} is not an address of the web: http:// or https://, and a host")
    return url.copy_with(fragment=None)


def _with_params(url: httpx2.URL, params: Mapping[str, Any]) -> httpx2.URL:
    more = httpx2.QueryParams([(name, _text(value)) for name, values in params.items() for value in _several(values)])
    if not more:
        return url
    query = url.query.decode("ascii")
    return url.copy_with(query=f"{query}{'&' if query else ''}{more}".encode("ascii"))


def _headers(given: Mapping[str, Any]) -> httpx2.Headers:
    pairs = [(name, _text(value)) for name, values in given.items() for value in _several(values)]
    for name, value in pairs:
        if name.lower() in _OURS:
            raise Unusable(f"headers: `{name}` is set by Headgate itself")
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or re.search(r"[\0\r\n]", value):
            raise Unusable(f"headers: `{name[:60]!r}` and its value can't be a header: line breaks and control characters have no place there")
    return httpx2.Headers([(name, value.strip()) for name, value in pairs], encoding="utf-8")


def _auth(caller: Auth | None, url: httpx2.URL) -> httpx2.Auth | None:
    if caller is None:
        return httpx2.BasicAuth(url.username, url.password) if url.userinfo else None
    if caller.type == "BEARER":
        token = str(caller.token).strip()
        if not token.isascii() or not token.isprintable():
            raise Unusable("options.auth.token has characters that no token has")
        return httpx2.FunctionAuth(lambda request: _bearing(request, token))
    kind = httpx2.BasicAuth if caller.type == "BASIC" else httpx2.DigestAuth
    return kind(caller.username or "", caller.password or "")


def _bearing(request: httpx2.Request, token: str) -> httpx2.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else () if value is None else (value,)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _head(first: str, headers: Sequence[tuple[str, str]]) -> str:
    return "\n".join([first, *(f"{name}: {STARS if name.lower() in _HIDDEN else value}" for name, value in headers)])
