"""What a forge told us, in nouns that are the same for every forge.

A change is a *hint*: it names a ref to look at. Nothing but `ref` and the delivery's identity is ever believed; what
happened is read from Git (see ARCHITECTURE law 2). `before` and `after` are kept so that a head which was passed over
can still be told what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass

ZERO = "0" * 40


class NotAuthentic(Exception):
    """The signature is missing or wrong: 401, and nothing about why."""


class Unreadable(Exception):
    """The body is signed, but is not what this forge sends, with the reason as the message. `status` is HTTP's."""

    status = 400


class OtherType(Unreadable):
    """The body is of a content type that is not read."""

    status = 415


@dataclass(frozen=True, slots=True)
class Push:
    """A branch moved. `after` is None when it was deleted, `before` when it was created."""

    repository_id: str
    ref: str
    before: str | None
    after: str | None
    sender: str = ""


@dataclass(frozen=True, slots=True)
class TagPush:
    """A tag moved, with the same fields as Push."""

    repository_id: str
    ref: str
    before: str | None
    after: str | None
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Ping:
    """The forge tries the hook."""

    repository_id: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A genuine delivery that Headgate has no use for: answered 202 with the reason."""

    reason: str


Change = Push | TagPush | Ping | Ignored


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery's envelope: its id (the same when the forge sends it again) and its event name."""

    id: str
    event: str
