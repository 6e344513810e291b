"""What an inline task is given, in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from service.engine.program import RenderFailed


class Asking:
    """Renders `{{ name }}` from its values, and fails for a name that it does not have. Keeps what was logged."""

    now = datetime(2026, 3, 2, tzinfo=UTC)

    def __init__(self, **values: str) -> None:
        self.values, self.logged = values, list[tuple[str, str]]()

    def text(self, template: Any) -> str:
        text = str(template)
        if not text.startswith("{{"):
            return text
        name = text.strip("{} ")
        if name not in self.values:
            raise RenderFailed(f"there is no {name}")
        return self.values[name]

    def typed(self, value: Any) -> Any:
        return value

    def log(self, level: str, message: str) -> None:
        self.logged.append((level, message))
