"""YAML to plain values, event by event: as deep and as large as a row may be, and no further. Scalars are read as YAML 1.2's core has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

import yaml

from runners.protocol import Unusable

DEEPEST, MOST = 100, 1_000_000  #: levels, and values of a document with those that aliases repeat

_INT = re.compile(r"[-+]?[0-9]{1,400}")
_BASED = re.compile(r"0o[0-7]{1,100}|0x[0-9a-fA-F]{1,100}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def documents(stream: IO[str]) -> Iterator[Any]:
    """The documents of a file. Raises Unusable with the place."""
    building = _Building()
    try:
        for event in yaml.parse(stream, Loader=_LOADER):
            if isinstance(event, yaml.DocumentStartEvent):
                building = _Building()
            elif isinstance(event, yaml.DocumentEndEvent):
                yield building.value
            else:
                building.hear(event)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        raise Unusable(f"the file is not YAML: {wrong.problem or wrong.context}{_at(mark)}") from None
    except yaml.YAMLError as wrong:
        raise Unusable(f"the file is not YAML: {str(wrong)[:200]}") from None


def _at(mark: Any) -> str:
    return f" at line {mark.line + 1:,}, column {mark.column + 1:,}" if mark is not None else ""


class _Building:
    """One document. Of a value that an alias repeats the size is paid again, for it is written again."""

    def __init__(self) -> None:
        self.value: Any = None
        self._open: list[tuple[Any, list[Any], str | None, int]] = []  #: a map or list, the key that waits, its anchor, values before it
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._count = 0

    def hear(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._pay(1, event)
            value = _scalar(event)
            self._anchor(event.anchor, value, 1)
            self._add(value, event)
        elif isinstance(event, yaml.AliasEvent):
            value, size = self._known(event)
            self._pay(size, event)
            self._add(value, event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._pay(1, event)
            if len(self._open) >= DEEPEST:
                raise Unusable(f"the file is nested deeper than {DEEPEST} levels{_at(event.start_mark)}")
            self._open.append(([] if isinstance(event, yaml.SequenceStartEvent) else {}, [], event.anchor, self._count))
        elif isinstance(event, yaml.CollectionEndEvent):
            value, _, anchor, before = self._open.pop()
            self._anchor(anchor, value, self._count - before + 1)
            self._add(value, event)

    def _pay(self, size: int, event: Any) -> None:
        self._count += size
        if self._count > MOST:
            raise Unusable(f"a document holds more than {MOST:,} values{_at(event.start_mark)}: that is the limit")

    def _anchor(self, name: str | None, value: Any, size: int) -> None:
        if name is not None:
            self._anchors[name] = (value, size)

    def _known(self, event: Any) -> tuple[Any, int]:
        if event.anchor not in self._anchors:
            raise Unusable(f"the file is not YAML: there is no anchor `{event.anchor[:60]}` before its alias{_at(event.start_mark)}")
        return self._anchors[event.anchor]

    def _add(self, value: Any, event: Any) -> None:
        if not self._open:
            self.value = value
            return
        holder, waiting, *_ = self._open[-1]
        if isinstance(holder, list):
            holder.append(value)
        elif waiting:
            holder[waiting.pop()] = value
        elif isinstance(value, list | dict):
            raise Unusable(f"the key of a map must be a scalar{_at(event.start_mark)}")
        else:
            waiting.append(_key(value, event))


def _key(value: Any, event: Any) -> str:
    """A key is text: as it is written."""
    return event.value if isinstance(event, yaml.ScalarEvent) else str(value)


def _scalar(event: Any) -> Any:
    text: str = event.value
    if not event.implicit[0] and event.tag in (None, "!", "tag:yaml.org,2002:str"):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text) or _INFINITE.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf"))
    return text
