"""Plain Git without a forge's API: any program that can send JSON may say that a ref moved.

The body is `{"ref": "refs/heads/main", "before": "<40 hex>", "after": "<40 hex>"}`, with zeros for "did not exist" and "is gone".
It is signed either as Standard Webhooks does (`webhook-id`, `webhook-timestamp`, `webhook-signature`: what a sender should
prefer, since the id and the time are signed too) or with `x-hub-signature-256` over the body. Both need `webhook-id`, the same when
a delivery is repeated. `x-headgate-event: ping` tries the hook. There is nowhere to send a status to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from webhooks import signature
from webhooks.address import repository_path, split
from webhooks.change import Change, Delivery, Ignored, Ping
from webhooks.fields import envelope, moved, shown, table, text
from webhooks.report import Report, Request, Target
from webhooks.strict import read_json

HOSTS: Final[frozenset[str]] = frozenset()
HEADERS: Final[frozenset[str]] = frozenset({"webhook-id", "x-headgate-event"})


def authentic(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float | None = None) -> None:
    """Raises NotAuthentic. A signed time must be within five minutes of `now` (seconds since 1970; None: of any age)."""
    if "webhook-signature" in headers:
        signature.check_standard(headers, body, secrets, now)
    else:
        signature.check_hex(headers.get("x-hub-signature-256"), body, secrets, prefix="sha256=")


def delivery(headers: Mapping[str, str]) -> Delivery:
    """The envelope; the event is `push` unless a header says otherwise."""
    return envelope(headers, "webhook-id", headers.get("x-headgate-event", "push"))


def read(headers: Mapping[str, str], body: bytes) -> Change:
    """What happened. Raises Unreadable."""
    event = delivery(headers).event
    payload = table(read_json(body), "the body")
    if event == "ping":
        return Ping()
    if event != "push":
        return Ignored(f"nothing follows from the event {shown(event)}")
    return moved("", payload.get("ref"), payload.get("before"), payload.get("after"), text(payload.get("sender", ""), "sender"))


def requests_for(report: Report, target: Target) -> tuple[Request, ...]:
    """Nothing: statuses are read from our own API."""
    return ()


def target(url: str, api_url: str | None = None) -> Target:
    """The path only; there is no API."""
    return Target(api_url or "", repository_path(split(url).path, parts=None))
