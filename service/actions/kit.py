"""What the actions are given: one frozen bundle, put together by `app` alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from runners.masking import Masker
from service.actions.reading import FlowReader
from service.egress import Web
from service.expressions import Expressions
from service.expressions.ports import RunJq, refusing
from service.git.repository import Git
from service.secrets import Secrets
from service.secrets.cipher import Cipher
from service.settings import Settings
from service.storage import Storage
from service.store.database import Database


class Trees(Protocol):
    """The files of commits."""

    def file(self, name: str, commit: str, path: str) -> bytes | None:
        """The content of one; None where there is none. Raises Invalid for what is no file, TooLarge."""

    def size(self, name: str, commit: str, path: str) -> int | None:
        """The bytes of one of any size."""

    def open(self, name: str, commit: str, path: str) -> BinaryIO | None:
        """The content of one of any size."""


@dataclass(frozen=True, slots=True)
class Kit:
    """The service's parts. `masker` knows every secret of the environment; `envs` are the variables that templates may read,
    `tokens` the environment that `env:NAME` looks into."""

    settings: Settings
    database: Database
    git: Git
    trees: Trees
    reader: FlowReader
    expressions: Expressions
    secrets: Secrets
    storage: Storage
    cipher: Cipher
    masker: Masker
    web: Web
    url: str
    version: str
    envs: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)
    jq: RunJq = refusing("jq")

    def page(self, *parts: str) -> str:
        """The address of a page for people."""
        return "/".join((self.url, *parts))
