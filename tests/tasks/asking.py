"""What an inline task is given, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from runners.protocol import Metric
from service.engine.program import RenderFailed
from service.expressions import ExpressionError, Expressions, Ports

_EXPRESSIONS = Expressions()


class Held:
    """Keys by namespace and name."""

    def __init__(self, keys: Mapping[tuple[str, str], Any]) -> None:
        self.keys = dict(keys)

    def get(self, key: str, namespace: str | None) -> Any:
        if namespace is not None:
            return self.keys[namespace, key]
        above = [owner for owner, name in self.keys if name == key and f"{Asking.namespace}.".startswith(f"{owner}.")]
        if not above:
            raise KeyError(key)
        return self.keys[max(above, key=len), key]

    def names(self, namespace: str) -> list[str]:
        return sorted(key for owner, key in self.keys if owner == namespace)


class Asking:
    """Renders with its values, and fails for a name that it does not have. Keeps what was logged."""

    now = datetime(2026, 3, 2, tzinfo=UTC)
    namespace = "company.team"
    flow = "f"

    def __init__(
        self,
        *,
        keys: Mapping[tuple[str, str], Any] | None = None,
        labels: Mapping[str, str] | None = None,
        variables: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> None:
        self.values = {"flow": {"namespace": self.namespace}, "none": None, **values}
        self.keys, self.labels, self.variables = Held(keys or {}), labels or {}, variables or {}
        self.logged = list[tuple[str, str]]()
        self.metrics = list[Metric]()
        self.value: str | None = values.get("value")

    def text(self, template: Any) -> str:
        return str(self._render(_EXPRESSIONS.text, template))

    def typed(self, value: Any, more: Mapping[str, Any] | None = None) -> Any:
        return self._render(_EXPRESSIONS.typed, value, more)

    def log(self, level: str, message: str) -> None:
        self.logged.append((level, message))

    def metric(self, metric: Metric) -> None:
        self.metrics.append(metric)

    def _render(self, render: Callable[..., Any], value: Any, more: Mapping[str, Any] | None = None) -> Any:
        try:
            return render(value, {**self.values, **(more or {})}, Ports(now=lambda: self.now, secret=_no_secret))
        except ExpressionError as failure:
            raise RenderFailed(str(failure)) from failure


def _no_secret(key: str, namespace: str | None) -> str:
    raise KeyError(key)
