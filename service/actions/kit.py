"""What the actions are given: one frozen bundle, put together by `app` alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runners.masking import Masker
from service.actions.reading import FlowReader
from service.expressions import Expressions
from service.expressions.ports import RunJq, no_jq
from service.git.repository import Git
from service.secrets import Secrets
from service.secrets.cipher import Cipher
from service.settings import Settings
from service.storage import Storage
from service.store.database import Database


@dataclass(frozen=True, slots=True)
class Kit:
    """The service's parts. `masker` knows every secret of the environment; `envs` are the variables that templates may read,
    `tokens` the environment that `env:NAME` looks into."""

    settings: Settings
    database: Database
    git: Git
    reader: FlowReader
    expressions: Expressions
    secrets: Secrets
    storage: Storage
    cipher: Cipher
    masker: Masker
    url: str
    version: str
    envs: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)
    jq: RunJq = no_jq

    def page(self, *parts: str) -> str:
        """The address of a page for people."""
        return "/".join((self.url, *parts))
