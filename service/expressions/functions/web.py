"""Calls of other servers."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from service.expressions.arguments import optional_text, text_of
from service.expressions.errors import Refused
from service.expressions.ports import HttpAnswer, HttpCall
from service.expressions.registry import entries, function
from service.expressions.run import Run
from service.expressions.values import is_list, java_text, json_text, kind, parse_json

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_OPTIONS = ("allowFailed", "auth", "followRedirects")
_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
_SHOWN = 200
_PRICE = 20_000  #: steps that a call costs


@function("http")
def http(  # noqa: PLR0913, PLR0917 - the arguments are those of the language
    call: Run,
    uri: Any,
    method: Any = "GET",
    query: Any = None,
    body: Any = None,
    content_type: Any = None,
    headers: Any = None,
    options: Any = None,
    accept: Any = None,
) -> Any:
    """Calls a server and gives the body of its answer: data where that is JSON or YAML, else text. A status of 400 or more is an error. Works where a job is
    made ready for a runner, and in inputs; a call has ten seconds and an answer 1 MB. `options` are `followRedirects`, `allowFailed` and `auth` (a map of
    `type` BASIC with `username` and `password`, or BEARER with `token`).

    {{ http('https://api.example/cities').name }} -> Bern
    {{ http(uri='https://api.example/echo', method='POST', body={'a': 1}).a }} -> 1
    """
    call.budget.spend(_PRICE)
    chosen = _options(options)
    given = {name.lower(): value for name, value in _pairs(call, "headers", headers)}
    fields = {**_authorization(chosen.get("auth")), **given, "accept": optional_text("http", accept) or given.get("accept", _JSON)}
    type = optional_text("http", content_type) or given.get("content-type", _JSON)
    sent = None if body is None else _body(call, body, type)
    if sent is not None:
        fields["content-type"] = type
    url = _url(call, text_of("http", uri), query)
    answer = call.ports.http(HttpCall(_method(method), url, fields, sent, chosen.get("followRedirects") is not False))
    call.budget.text(len(answer.body))
    if answer.status >= 400 and chosen.get("allowFailed") is not True:
        raise Refused(f"{urlsplit(url).hostname} answers {answer.status}{_said(answer.body)}")
    return _read(call, answer)


def _method(value: Any) -> str:
    method = text_of("http", value).upper()
    if method not in _METHODS:
        raise Refused(f"`http` knows the methods {', '.join(_METHODS)}, not `{method[:20]}`")
    return method


def _url(call: Run, uri: str, query: Any) -> str:
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise Refused(f"`{uri[:_SHOWN]}` is not the address of a web page: http:// or https://, a host, and no user in it")
    more = urlencode(list(_pairs(call, "query", query)), quote_via=quote)
    bare, sign, fragment = uri.partition("#")
    return f"{bare}{'&' if parts.query else '?'}{more}{sign}{fragment}" if more else uri


def _pairs(call: Run, name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Names and texts of a map; of a list under a name each item by itself."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise Refused(f"`{name}` of `http` is a map, not {kind(value)}")
    for key, held in value.items():
        for item in held if is_list(held) else [held]:
            call.budget.spend(16)
            yield java_text(key, call.budget), "" if item is None else java_text(item, call.budget)


def _body(call: Run, value: Any, content_type: str) -> str:
    if isinstance(value, str):
        return value
    if content_type.lower().startswith("multipart/"):
        raise Refused("`http` sends no multipart bodies: use a task for that (io.kestra.plugin.core.http.Request)")
    if content_type.partition(";")[0].strip().lower() == _FORM and isinstance(value, Mapping):
        return urlencode(list(_pairs(call, "body", value)))
    return json_text(value, call.budget)


def _options(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Refused(f"`options` of `http` is a map, not {kind(value)}")
    unknown = [str(name) for name in value if name not in _OPTIONS]
    if unknown:
        raise Refused(f"`http` knows the options {', '.join(_OPTIONS)}, not `{unknown[0][:60]}`")
    return value


def _authorization(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    held = value if isinstance(value, Mapping) else {}
    match str(held.get("type", "")).upper():
        case "BASIC":
            pair = f"{held.get('username') or ''}:{held.get('password') or ''}"
            return {"authorization": f"Basic {base64.b64encode(pair.encode('utf-8', 'surrogatepass')).decode()}"}
        case "BEARER" if isinstance(held.get("token"), str):
            return {"authorization": f"Bearer {held['token']}"}
    raise Refused("`auth` of `http` is a map: `type` BASIC with `username` and `password`, or BEARER with `token`")


def _read(call: Run, answer: HttpAnswer) -> Any:
    yaml = entries().get(("function", "yaml"))
    if not answer.body:
        return None
    if answer.type == _JSON or answer.type.endswith("+json"):
        call.budget.spend(len(answer.body) >> 2)
        try:
            return parse_json(answer.body)
        except (ValueError, RecursionError):
            raise Refused("the answer says that it is JSON, and is not") from None
    if (answer.type in _YAML or answer.type.endswith("+yaml")) and yaml is not None:
        return yaml.run(call, answer.body) if yaml.wants_call else yaml.run(answer.body)
    return answer.body


def _said(body: str) -> str:
    line = " ".join(body.split())
    return f": {line[:_SHOWN]}" if line else ""
