"""The `::{…}::` lines with which a program publishes outputs, metrics and log entries.

A line is one or it is none: what is not as it should be in any part of it is plain text, all of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runners.fields import as_text, parse_duration
from runners.protocol import Metric

_KINDS = ("counter", "timer", "gauge")


@dataclass(frozen=True, slots=True)
class Message:
    """What one line says. `logs` are pairs of level and text."""

    outputs: Mapping[str, Any]
    metrics: tuple[Metric, ...]
    logs: tuple[tuple[str, str], ...]


def read(line: str) -> Message | None:
    """The message that a line is; None for plain text."""
    if not (line.startswith("::{") and line.endswith("}::")):
        return None
    try:
        found = json.loads(line[2:-2], parse_constant=_no_constant, parse_float=_finite)
        return Message(_outputs(found), _metrics(found), _logs(found))
    except (ValueError, TypeError, RecursionError, KeyError, AttributeError, OverflowError):
        return None


def compact(value: Any) -> str:
    """JSON as its size is counted."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _outputs(message: Mapping[str, Any]) -> dict[str, Any]:
    outputs: dict[str, Any] = _clean(message.get("outputs") or {})
    if not isinstance(outputs, dict):
        raise TypeError
    return outputs


def _logs(message: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(entry.get("level") or "INFO"), _clean(str(entry["message"]))) for entry in message.get("logs") or ())


def _metrics(message: Mapping[str, Any]) -> tuple[Metric, ...]:
    return tuple(_metric(entry) for entry in message.get("metrics") or ())


def _metric(entry: Mapping[str, Any]) -> Metric:
    kind = str(entry["type"]).lower()
    if kind not in _KINDS:
        raise ValueError
    raw = entry["value"]
    value = parse_duration(raw).total_seconds() if isinstance(raw, str) and kind == "timer" and raw[:1] in "P-+" else float(raw)
    if not math.isfinite(value):
        raise ValueError
    tags = {_clean(str(key)): _clean(str(as_text(tag))) for key, tag in (entry.get("tags") or {}).items() if tag is not None}
    return Metric(_clean(str(entry["name"])), kind, value, tags, entry.get("description") and _clean(str(entry["description"])))


def _clean(value: Any) -> Any:
    """Half of a surrogate pair is JSON, and yet no text: it becomes U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number
