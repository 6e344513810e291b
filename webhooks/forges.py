"""Every forge that Headgate speaks with: a module each, checked against one Protocol. A new one is a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from webhooks import github, plain
from webhooks.address import split
from webhooks.change import Change, Delivery
from webhooks.report import Report, Request, Target


class Forge(Protocol):
    """What a module of this package offers. Header names are lower-case; nothing here does I/O or knows the time."""

    @property
    def HOSTS(self) -> frozenset[str]:  # noqa: N802  (a module's constant)
        """Host names that belong to this forge alone."""

    @property
    def HEADERS(self) -> frozenset[str]:  # noqa: N802  (a module's constant)
        """The headers that reading a delivery again needs: only these are kept, and none of them is a credential."""

    def authentic(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float | None = None) -> None:
        """Raises NotAuthentic unless one of the secrets signed the body. `now` (seconds since 1970) bounds the age where it is signed."""

    def delivery(self, headers: Mapping[str, str]) -> Delivery:
        """The envelope. Raises Unreadable."""

    def read(self, headers: Mapping[str, str], body: bytes) -> Change:
        """What an authentic delivery says. Raises Unreadable."""

    def requests_for(self, report: Report, target: Target) -> tuple[Request, ...]:
        """The calls that show a report on the forge, in order."""

    def target(self, url: str, api_url: str | None = None) -> Target:
        """Where a repository's reports go, from its clone URL. Raises ValueError for the person who wrote it."""


FORGES: Mapping[str, Forge] = MappingProxyType({"github": github, "plain": plain})


def guess(url: str) -> str:
    """The forge of a clone URL by its host; `plain` where the host says nothing. Raises ValueError for what is no URL."""
    host = split(url).host
    return next((name for name, forge in FORGES.items() if host in forge.HOSTS), "plain")
