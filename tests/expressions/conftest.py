"""A fixed world for expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from service.expressions import Expressions, Ports
from service.jq.programs import Programs
from service.secrets.cipher import seal, unseal

SECRETS = {"TOKEN": "s3cr3t", "DATABASE": '{"user": "admin"}', "SLACK_WEBHOOK": "https://hooks.example/T0"}


@pytest.fixture(scope="session")
def expressions() -> Expressions:
    return Expressions()


@pytest.fixture(scope="session")
def programs() -> Iterator[Programs]:
    with closing(Programs()) as programs:
        yield programs


@pytest.fixture
def ports(programs: Programs) -> Ports:
    return Ports(
        now=lambda: datetime(2024, 3, 5, 14, 7, 9, 123456, tzinfo=UTC),
        secret=SECRETS.__getitem__,
        envs={"region": "eu"},
        token=lambda size: bytes(index & 0xFF for index in range(size)),
        free_port=lambda: 40123,
        seal=seal,
        unseal=unseal,
        jq=programs,
    )


@pytest.fixture
def text(expressions: Expressions, ports: Ports) -> Callable[..., str]:
    def render(template: Any, scope: Mapping[str, Any] | None = None, **names: Any) -> str:
        return expressions.text(template, {**(scope or {}), **names}, ports)

    return render


@pytest.fixture
def typed(expressions: Expressions, ports: Ports) -> Callable[..., Any]:
    def render(template: Any, scope: Mapping[str, Any] | None = None, **names: Any) -> Any:
        return expressions.typed(template, {**(scope or {}), **names}, ports)

    return render
