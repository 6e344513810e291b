"""A fixed world for expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from service.expressions import Expressions, Ports
from service.expressions.ports import FlowAnswer, FlowCall, HttpAnswer, HttpCall
from service.jq.programs import Programs
from service.secrets.cipher import seal, unseal

#: What examples in the documentation see.
SCOPE = {
    "inputs": {"day": "Monday"},
    "task": {"id": "inner"},
    "taskrun": {"value": "b", "iteration": 1},
    "outputs": {"inner": {"a": {"value": "of a"}, "b": {"value": "of b"}}},
    "tasks": {"load": {"state": "FAILED"}, "each": {"a": {"state": "SUCCESS"}, "b": {"state": "FAILED"}}},
}
KEYS = {(None, "answer"): 42, ("company.other", "city"): {"name": "Bern"}}
FILES = {"greeting.txt": "hello", "nsfile:///greeting.txt": "hello", "empty.txt": ""}
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
        secret=lambda key, _namespace: SECRETS[key],
        envs={"region": "eu"},
        token=lambda size: bytes(index & 0xFF for index in range(size)),
        free_port=lambda: 40123,
        seal=seal,
        unseal=unseal,
        jq=programs,
        kv=lambda key, namespace: KEYS[namespace, key],
        read=lambda path, _namespace, _revision: FILES[path],
        file_size=lambda path, _namespace, _revision: len(FILES[path]) if path in FILES else None,
        file_uri=lambda path, _namespace, _revision: f"kestra:///company/team/_files/{path}",
        http=answered,
        subflow=played,
        error_logs=lambda: [{"level": "ERROR", "message": "it broke", "taskId": "load"}],
        credential=lambda _key: "t0k3n",
        assets=lambda: [{"id": "table"}],
        app_link=lambda app, _base: f"/apps/{app}",
    )


def answered(call: HttpCall) -> HttpAnswer:
    """A server that sends back what it was sent, and knows one city."""
    return HttpAnswer(200, "application/json", '{"name": "Bern"}' if call.body is None else call.body)


def played(call: FlowCall) -> FlowAnswer:
    """A flow that knows two cities."""
    return FlowAnswer("4kZVx8", "SUCCESS", {"names": ["Bern", "Paris"]}, call.labels)


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
