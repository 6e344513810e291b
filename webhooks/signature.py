"""Signatures over the raw bytes of a delivery, compared in constant time.

Several secrets may be valid at once, so that one can be replaced without losing a delivery. Every secret is tried, also after one
has matched, and the digest is computed even where the signature is missing, so that the time taken says nothing.
An empty secret authenticates nobody. `NotAuthentic` never says what was wrong.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from webhooks.change import NotAuthentic

#: How far a signed time may be from ours, in seconds (Standard Webhooks).
WINDOW = 300.0

# A sender that rotates its own secret signs with two; more than a few is an attempt to make us work.
_MOST_SIGNATURES = 8
_SHORTEST_KEY = 24
_LONGEST_TIME = 12


def hex_digest(secret: str, body: bytes) -> str:
    """HMAC-SHA256 as lower-case hex: what GitHub, Gitea, Forgejo and Bitbucket send."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def check_hex(given: str | None, body: bytes, secrets: Sequence[str], prefix: str = "") -> None:
    """Raises NotAuthentic unless `given` is `prefix` followed by the hex digest under one of the secrets."""
    _one_of((_bytes(given),), [f"{prefix}{hex_digest(secret, body)}".encode() for secret in secrets if secret])


def check_standard(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float | None = None) -> None:
    """Standard Webhooks: `webhook-signature` holds `v1,<base64>` items over `id.timestamp.body`. Raises NotAuthentic.

    `now` is in seconds since 1970; None leaves the age of the delivery unchecked.
    """
    identity, time = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signed = b".".join((_bytes(identity), _bytes(time), body))
    keys = [key for secret in secrets if secret for key in _keys(secret)]
    given = headers.get("webhook-signature", "").split(" ")[:_MOST_SIGNATURES]
    _one_of([_bytes(one) for one in given], [_standard(key, signed) for key in keys])
    if not identity or (now is not None and not _recent(time, now)):
        raise NotAuthentic


def standard_signature(secret: str, identity: str, timestamp: str, body: bytes) -> str:
    """The `webhook-signature` that a sender with this secret gives."""
    return _standard(_keys(secret)[-1], b".".join((identity.encode(), timestamp.encode(), body))).decode()


def _standard(key: bytes, signed: bytes) -> bytes:
    return b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))


def _keys(secret: str) -> list[bytes]:
    """The secret's own bytes, and what they decode to: the published libraries take a secret as base64, with or without `whsec_`."""
    keys = [secret.encode()]
    try:
        decoded = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return keys
    return [*keys, decoded] if len(decoded) >= _SHORTEST_KEY else keys


def _recent(time: str, now: float) -> bool:
    return time.isascii() and time.isdigit() and len(time) <= _LONGEST_TIME and abs(now - int(time)) <= WINDOW


def _one_of(given: Sequence[bytes], valid: Sequence[bytes]) -> None:
    found = False
    for one in given:
        for other in valid:
            found |= hmac.compare_digest(one, other)
    if not found:
        raise NotAuthentic


def _bytes(text: str | None) -> bytes:
    # Headers arrive as latin-1 text: anything may be in them, and compare_digest takes non-ASCII text only as bytes.
    return (text or "").encode("utf-8", "backslashreplace")
