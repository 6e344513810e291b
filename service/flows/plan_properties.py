"""Values compared property by property, and made fit to be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel

from runners.fields import is_template
from service.flows.flow import NotInstalled
from service.flows.plan_lines import line_change
from service.flows.plan_values import Difference, LineChange
from service.flows.problems import escaped
from service.flows.scalars import OutOfRange
from service.flows.scalars import plain as scalar

_LONGEST_VALUE, _LONGEST_PATH, _LONGEST_LIST = 200, 120, 80
#: Texts that are the same for so long are shown from so many characters before they differ.
_SHARED, _CONTEXT = 120, 30
#: What is shown in place of a value that may be a secret.
HIDDEN = "(not shown)"
_SECRET_NAME = re.compile(r"password|passwd|passphrase|secret|token(?!s)|api_?-?key|private_?-?key|access_?-?key|credential", re.IGNORECASE)

Path = tuple[str | int, ...]


class Absent:
    """Stands where a side has no value."""


ABSENT = Absent()


def plain(value: Any) -> Any:
    """A model of the language as the YAML that says the same: without what has its default, under the names that flows use."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        given = {name: getattr(value, name) for name in fields}
        return {fields[name].serialization_alias or name: plain(part) for name, part in given.items() if not same(part, fields[name].get_default())}
    if isinstance(value, NotInstalled):
        return plain(value.properties)
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, datetime | date | time) else value


def duration_text(length: timedelta) -> str:
    """ISO-8601 as people write it: `PT5M`, `P1DT12H`."""
    if length < timedelta():
        return f"-{duration_text(-length)}"
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    whole = f"{seconds + length.microseconds / 1_000_000:.6f}".rstrip("0").rstrip(".")
    of_day = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M"), (whole, "S")) if str(number) != "0")
    text = (f"{length.days}D" if length.days else "") + (f"T{of_day}" if of_day else "")
    return f"P{text or 'T0S'}"


def same(before: Any, after: Any) -> bool:
    """Whether two values mean the same. `true` is not `1`, and `1` is not `1.0`; the order of keys does not count."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(same(part, after[key]) for key, part in before.items())
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return len(before) == len(after) and all(map(same, before, after))
    return type(before) is type(after) and bool(before == after)


def differences(before: Any, after: Any, path: Path = (), hidden: frozenset[str] = frozenset()) -> Iterator[Difference]:
    """The properties that differ, in the order of the names. `hidden` are those on top whose literal values are not shown."""
    if same(before, after):
        return
    if _are_maps(before, after):
        old, new = (side if isinstance(side, Mapping) else {} for side in (before, after))
        for key in sorted({*old, *new}, key=str):
            yield from differences(old.get(key, ABSENT), new.get(key, ABSENT), (*path, str(key)), hidden)
        return
    yield from _of_values(before, after, path, hidden)


def _are_maps(before: Any, after: Any) -> bool:
    """Whether the sides are told apart by key: a map on one side and nothing on the other is so too, so that no secret is shown with its neighbours."""
    maps = [side for side in (before, after) if isinstance(side, Mapping)]
    return bool(maps) and all(isinstance(side, Mapping | Absent) for side in (before, after)) and any(maps)


def _of_values(before: Any, after: Any, path: Path, hidden: frozenset[str]) -> Iterator[Difference]:
    if not _is_hidden(path, hidden):
        lines = _line_change(before, after)
        if lines is not None:
            yield Difference(path_text(path), None, None, lines)
            return
        if isinstance(before, list | tuple) and isinstance(after, list | tuple) and len(before) == len(after):
            for number, (old, new) in enumerate(zip(before, after, strict=True)):
                yield from differences(old, new, (*path, number), hidden)
            return
    texts = [None if isinstance(side, Absent) else one_line(side, path, hidden) for side in (before, after)]
    start = _before_they_differ(*texts)
    old, new = (None if text is None else ("…" if start else "") + escaped(text[start:], _LONGEST_VALUE) for text in texts)
    yield Difference(path_text(path), old, new)


def _before_they_differ(before: str | None, after: str | None) -> int:
    """Where long texts begin to be shown: what differs must be among it."""
    if before is None or after is None:
        return 0
    common = next((at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), min(len(before), len(after)))
    return common - _CONTEXT if common >= _SHARED else 0


def _line_change(before: Any, after: Any) -> LineChange | None:
    """Of texts of several lines, or lists of texts that are too long for one line; None where it is no such thing, or no line differs."""
    old, new = _lines(before), _lines(after)
    given = [side for side in (before, after) if not isinstance(side, Absent)]
    if old is None or new is None or len({isinstance(side, str) for side in given}) > 1 or not any(map(_is_long, given)):
        return None
    change = line_change(old, new)
    return change if change.added or change.removed else None


def _is_long(value: Any) -> bool:
    if isinstance(value, str):
        return "\n" in value
    return len(value) > 1 and (sum(map(len, value)) > _LONGEST_LIST or any("\n" in part for part in value))


def _lines(value: Any) -> Sequence[str] | None:
    if isinstance(value, Absent):
        return ()
    if isinstance(value, str):
        return value.split("\n")
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return [line for part in value for line in part.split("\n")]
    return None


def _is_hidden(path: Path, hidden: frozenset[str]) -> bool:
    return bool(path) and (path[0] in hidden or any(isinstance(step, str) and _SECRET_NAME.search(step) for step in path))


def path_text(path: Path) -> str:
    """`env.STAGE`, `options[2]`; a name with a dot in it stands in brackets."""
    return escaped("".join(_step_text(step) for step in path).removeprefix("."), _LONGEST_PATH)


def _step_text(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step and not re.search(r"[.\[\]\s'\"]", step) else f"[{json.dumps(step, ensure_ascii=False)}]"


def one_line(value: Any, path: Path, hidden: frozenset[str]) -> str:
    """A value as text. Text that would read as something else stands in quotes; literals under names of secrets are left out."""
    masked = _masked(value, path, hidden)
    if isinstance(masked, str) and (masked == HIDDEN or _reads_as_text(masked)):
        return masked
    return json.dumps(masked, ensure_ascii=False, default=str)


def _reads_as_text(text: str) -> bool:
    try:
        return bool(text) and text == text.strip() and "\n" not in text and isinstance(scalar(text), str)
    except OutOfRange:
        return False


def _masked(value: Any, path: Path, hidden: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _masked(part, (*path, str(key)), hidden) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(part, (*path, number), hidden) for number, part in enumerate(value)]
    if isinstance(value, str | int | float) and not isinstance(value, bool) and not is_template(value) and _is_hidden(path, hidden):
        return HIDDEN
    return value
