"""The values of loops: read from a list, a map, JSON text or a stored file, and made text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runners.fields import STORED_FILES
from service.engine.program import Ask, RenderFailed
from service.expressions.errors import Refused
from service.expressions.limits import Budget, Limits
from service.expressions.values import json_text, kind, parse_json

MOST_VALUES = 100_000


def distinct_values(name: str, value: Any, ask: Ask) -> list[str]:
    """The values of a loop as text, each once: a list, or JSON text that holds one; what is not text becomes JSON. Raises RenderFailed, also for nulls."""
    rendered = _parsed(name, ask.typed(value))
    if not isinstance(rendered, list):
        raise RenderFailed(f"`{name}` must be a list, not {kind(rendered)}")
    return list(dict.fromkeys(_texts(name, rendered)))


def items_of(name: str, value: Any, ask: Ask) -> list[dict[str, Any]]:
    """What each iteration of a loop is for, `value` and for maps `key`, in order and with what stands twice: of a list, of a map, of JSON text that holds
    either, or of a stored file, record by record. Raises RenderFailed, also for nulls."""
    rendered = ask.typed(value)
    if isinstance(rendered, str) and rendered.startswith(STORED_FILES):
        rendered = ask.records(rendered)
    rendered = _parsed(name, rendered)
    if isinstance(rendered, Mapping):
        return [{"value": text, "key": key} for key, text in zip(rendered, _texts(name, [*rendered.values()]), strict=True)]
    if not isinstance(rendered, list):
        raise RenderFailed(f"`{name}` must be a list or a map, not {kind(rendered)}")
    return [{"value": text} for text in _texts(name, rendered)]


def _parsed(name: str, rendered: Any) -> Any:
    if not isinstance(rendered, str):
        return rendered
    try:
        return parse_json(rendered)
    except (ValueError, RecursionError):
        raise RenderFailed(f"`{name}` is text, but no JSON list: `{rendered[:80]}`") from None


def _texts(name: str, values: Sequence[Any]) -> list[str]:
    if nulls := sum(each is None for each in values):
        raise RenderFailed(f"`{name}` has {nulls} null{'s' if nulls > 1 else ''} among its {len(values)} values")
    if len(values) > MOST_VALUES:
        raise RenderFailed(f"`{name}` has {len(values):,} values; a loop goes over {MOST_VALUES:,} at most")
    return [each if isinstance(each, str) else _json(each) for each in values]


def _json(value: Any) -> str:
    try:
        return json_text(value, Budget(Limits()))
    except Refused as refused:
        raise RenderFailed(str(refused)) from None
