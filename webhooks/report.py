"""What a forge is told, and the calls that tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ReportState(StrEnum):
    """The four states that every forge can show. All but PENDING are final."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"

    @property
    def final(self) -> bool:
        """Nothing follows within the same generation."""
        return self is not ReportState.PENDING


@dataclass(frozen=True, slots=True)
class Report:
    """One context of one commit. `description` may be long here; adapters cut it to what the forge takes."""

    sha: str
    context: str
    state: ReportState
    description: str
    url: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where a repository lives on its forge: what adapters need to build a call.

    `path` is `owner/name`; `api_url` has no trailing slash.
    """

    api_url: str
    path: str


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP call to be made. `service.forges` adds the credentials and sends it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
