"""Values to columns and back."""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from service.engine.execution import Attempt
from service.engine.state import History, Stamp, State

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_guard = Lock()
_last = 0


def new_id() -> str:
    """22 characters, unique, growing from call to call in one process, and with time between processes: what was made first comes first."""
    global _last  # noqa: PLW0603 - one order for all
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    with _guard:
        # In the same millisecond, or after a clock was set back.
        number = _last = max(number, _last + 1)
    digits = []
    for _ in range(22):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def now() -> datetime:
    """The present, UTC, with the microseconds that columns keep."""
    return datetime.now(UTC)


def to_json(value: Any) -> str:
    """Compact JSON that every reader takes. Dates become ISO text, NaN and infinity null, half a character `?`; anything else that JSON lacks its text."""
    try:
        text = _dumps(value)
    except ValueError:
        text = _dumps(_finite(value))
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _dumps(value: Any) -> str:
    return "{}" if value == {} else "[]" if value in _EMPTY else _ENCODER.encode(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple | set | frozenset):
        return [_finite(entry) for entry in value]
    return {key: _finite(entry) for key, entry in value.items()} if hasattr(value, "items") else value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if hasattr(value, "items"):
        return dict(value.items())
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


_EMPTY: tuple[Any, ...] = ([], ())
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def from_json(text: str | None) -> Any:
    """The value behind a JSON column; None for NULL."""
    return None if text is None else json.loads(text)


def iso(moment: datetime) -> str:
    """`2026-11-20T06:00:00.123456Z`, the form of every date in the API."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """The aware datetime behind `iso`."""
    return datetime.fromisoformat(text)


def from_epoch(seconds: float) -> datetime:
    """The aware datetime of a time column."""
    return datetime.fromtimestamp(seconds, UTC)


def history_to_json(history: History) -> str:
    """A state history as a JSON column."""
    return to_json([[stamp.state.value, iso(stamp.date)] for stamp in history])


def history_from(pairs: Sequence[Sequence[str]]) -> History:
    """A state history from what `history_to_json` wrote, decoded."""
    return tuple(Stamp(State(state), from_iso(date)) for state, date in pairs)


def attempts_to_json(attempts: Sequence[Attempt]) -> str:
    """A task run's tries as a JSON column."""
    return to_json(
        [
            {
                "number": attempt.number,
                "history": [[stamp.state.value, iso(stamp.date)] for stamp in attempt.history],
                "runner": attempt.runner,
                "message": attempt.message,
                "lost": attempt.lost,
                **({"returned": True} if attempt.returned else {}),
                **({"holds": True} if attempt.holds else {}),
                **({"log_file": attempt.log_file} if attempt.log_file else {}),
            }
            for attempt in attempts
        ]
    )


def attempts_from(text: str) -> tuple[Attempt, ...]:
    """A task run's tries from their column."""
    return tuple(
        Attempt(
            entry["number"],
            history_from(entry["history"]),
            entry["runner"],
            entry["message"],
            entry["lost"],
            entry.get("returned", False),
            entry.get("holds", False),
            entry.get("log_file"),
        )
        for entry in json.loads(text)
    )
