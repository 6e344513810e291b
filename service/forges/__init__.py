"""Tells forges what became of a commit: sends the calls that `webhooks` builds.

An answer is a value. `Later` and `Refused` differ in who can do something about it: time, or a person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from webhooks.report import Request

_LONGEST = 600.0


@dataclass(frozen=True, slots=True)
class Access:
    """On whose behalf a call is made. `repository` is its name with us, for messages; `allow_private` as in `service.addresses`."""

    repository: str
    token: str | None = field(default=None, repr=False)
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """The forge has it."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now. `seconds` is the least time to wait because the forge said so; None leaves it to the caller's own back-off."""

    seconds: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Sending the same again gives the same answer. `reason` says what a person can do; `status` is the HTTP status, None where none came."""

    reason: str
    status: int | None = None


Answer = Sent | Later | Refused


class Sender(Protocol):
    """Makes calls to forges. Safe to use from several threads."""

    def send(self, request: Request, access: Access) -> Answer:
        """Makes one call, with the access's token."""

    def close(self) -> None:
        """Ends what is open. Later calls are an error."""


def backoff(tries: int, jitter: float) -> float:
    """Seconds to wait after so many failed tries: 2, 4, 8, … up to 10 minutes, of which `jitter` (0 to 1, drawn by the caller) moves the upper half."""
    whole = min(_LONGEST, 2.0 ** min(max(tries, 1), 10))
    return whole * (0.5 + jitter / 2)
