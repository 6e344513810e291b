"""GitHub, GitHub Enterprise Server, and what speaks like them.

Tags arrive as `push`, a created or deleted ref has zeros on one side. Nothing but the ref, both ends and the repository's number is
taken from the body: lists of commits are cut, and names change when a repository is renamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl

from webhooks import signature
from webhooks.address import repository_path, split
from webhooks.change import Change, Delivery, Ignored, OtherType, Ping, Unreadable
from webhooks.fields import SHA, envelope, moved, shown, table, text
from webhooks.report import Report, Request, Target
from webhooks.shorten import description, unique
from webhooks.strict import MAX_BYTES, read_json

HOSTS: Final = frozenset({"github.com", "www.github.com", "ssh.github.com"})
HEADERS: Final[frozenset[str]] = frozenset({"content-type", "x-github-event", "x-github-delivery"})
LONGEST_DESCRIPTION: Final = 140
LONGEST_CONTEXT: Final = 255
_SENT: Final = MappingProxyType({"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"})

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 8
#: Events that later versions will read; a hook may send them today.
_LATER = frozenset({"pull_request", "pull_request_review", "issue_comment", "check_run", "check_suite", "merge_group", "release", "deployment"})


def authentic(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float | None = None) -> None:
    """Raises NotAuthentic. `now` is not used: GitHub signs no time, so a replay is known by its delivery id alone."""
    signature.check_hex(headers.get("x-hub-signature-256"), body, secrets, prefix="sha256=")


def delivery(headers: Mapping[str, str]) -> Delivery:
    """The envelope; the id is the same when GitHub sends a delivery again."""
    return envelope(headers, "x-github-delivery", headers.get("x-github-event", ""))


def read(headers: Mapping[str, str], body: bytes) -> Change:
    """What happened. Raises Unreadable."""
    event = delivery(headers).event
    payload = table(_payload(headers.get("content-type", "application/json"), body), "the body")
    if event == "ping":
        return Ping(_repository_id(payload) if "repository" in payload else "")
    if event == "push":
        return moved(_repository_id(payload), payload.get("ref"), payload.get("before"), payload.get("after"), _sender(payload))
    if event in _LATER:
        return Ignored(f"{event} is not handled in this version")
    if event in ("create", "delete"):
        return Ignored(f"{event} says what push says too")
    return Ignored(f"nothing follows from the event {shown(event)}")


def requests_for(report: Report, target: Target) -> tuple[Request, ...]:
    """One commit status. Needs `statuses: write` (classic tokens: `repo:status`)."""
    if not SHA.fullmatch(report.sha):
        raise ValueError(f"not a commit id: {report.sha!r}")
    status = {
        "state": report.state.value,
        "description": description(report.description, LONGEST_DESCRIPTION),
        "context": unique(report.context, LONGEST_CONTEXT),
    }
    # GitHub refuses the whole status for a target that isn't a web address.
    link = {"target_url": report.url} if report.url.startswith(("http://", "https://")) else {}
    return (Request("POST", f"{target.api_url}/repos/{target.path}/statuses/{report.sha}", _SENT, {**status, **link}),)


def target(url: str, api_url: str | None = None) -> Target:
    """Where the statuses of the repository with this clone URL go. Raises ValueError with what to write instead."""
    address = split(url)
    path = repository_path(address.path)
    if api_url:
        return Target(api_url.rstrip("/"), path)
    if address.host in HOSTS:
        return Target("https://api.github.com", path)
    return Target(f"{address.web}/api/v3", path)


def _payload(content_type: str, body: bytes) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _FORM:
        return read_json(_form(body))
    if kind == "application/json":
        return read_json(body)
    raise OtherType(f"content type {shown(kind)}: application/json or {_FORM} is read")


def _form(body: bytes) -> bytes:
    """The field `payload` of a hook that is set to send forms."""
    if len(body) > MAX_BYTES:
        raise Unreadable(f"the body has {len(body)} bytes, at most {MAX_BYTES} are read")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Unreadable(f"not a form of at most {_MOST_FIELDS} fields in UTF-8") from None
    payloads = [value for name, value in fields if name == "payload"]
    if len(payloads) != 1:
        raise Unreadable(f"the form has {len(payloads)} fields named payload, it must be one")
    return payloads[0].encode()


def _repository_id(payload: Mapping[str, Any]) -> str:
    number = table(payload.get("repository"), "repository").get("id")
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise Unreadable("repository.id is not a number")
    return str(number)


def _sender(payload: Mapping[str, Any]) -> str:
    for holder, name in (("sender", "login"), ("pusher", "name")):
        found = payload.get(holder)
        if isinstance(found, dict) and name in found:
            return text(found[name], f"{holder}.{name}")
    return ""
