"""What a person sees: talk on stderr, data on stdout, colours where a terminal wants them. rich is loaded for tables alone."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from service.cli.stop import FAILED, Stop

#: Wide enough that a table which goes into a file or a pipe is never cut.
_PIPE = 4000
_STATES = {
    "SUCCESS": "32",
    "WARNING": "33",
    "FAILED": "31",
    "KILLED": "35",
    "CANCELLED": "35",
    "RUNNING": "36",
    "KILLING": "35",
    "success": "32",
    "failure": "31",
    "error": "31",
    "pending": "36",
}
LEVELS = {"TRACE": "2", "DEBUG": "2", "INFO": "32", "WARN": "33", "ERROR": "31"}
_RICH = {"2": "dim", "31": "red", "32": "green", "33": "yellow", "35": "magenta", "36": "cyan"}
_SGR = re.compile("\x1b\\[[0-9;:]*m")
#: Escape sequences, then what else moves a cursor or hides text: control and bidirectional characters.
_SEQUENCES = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[ -/]*[0-~]?)")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def say(text: str = "") -> None:
    """One line of talk."""
    print(text, file=sys.stderr, flush=True)


def show(text: str = "") -> None:
    """Data, with a newline. Raises Stop where it can't be written, save where nobody reads on: that ends the command by itself."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as failure:
        # What is left of it would be written once more when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Stop(FAILED, f"the output can't be written: {failure.strerror}") from failure


def document(value: Any) -> None:
    """Data as one JSON document."""
    show(json.dumps(value, indent=2, ensure_ascii=False))


def coloured(stream: TextIO) -> bool:
    """Whether escape sequences belong into this stream."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


def paint(text: str, sgr: str, stream: TextIO) -> str:
    """The text in a colour (SGR numbers), where the stream takes one."""
    return f"\x1b[{sgr}m{text}\x1b[0m" if sgr and coloured(stream) else text


def state(name: str, stream: TextIO) -> str:
    """A state's name in its colour."""
    return paint(name, _STATES.get(name, ""), stream)


def harmless(text: str, colours: bool = False) -> str:
    """Somebody's text without what would steer the terminal; `colours` may stay, ended at the end."""
    if "\x1b" not in text:
        return _CONTROLS.sub("\ufffd", text)
    kept = _SGR.findall(text) if colours else []
    parts = _SGR.split(text) if colours else [text]
    cleaned = [_CONTROLS.sub("\ufffd", _SEQUENCES.sub("", part)) for part in parts]
    merged = "".join(part + code for part, code in zip(cleaned, [*kept, ""], strict=True))
    return f"{merged}\x1b[0m" if kept else merged


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], stream: TextIO | None = None, right: Iterable[str] = ()) -> None:
    """Rows under headings; whole where the output is no terminal. Nothing but the headings' absence says that there are none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stream = stream or sys.stdout
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        grid.add_column(name, overflow="fold", no_wrap=not stream.isatty(), justify="right" if name in right else "left")
    for row in rows:
        grid.add_row(*(Text(text, style=_RICH.get(_STATES.get(text, ""), "")) for text in map(_cell, row)))
    console = Console(file=stream, width=None if stream.isatty() else _PIPE, no_color=not coloured(stream), highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(grid)
    for line in captured.get().splitlines():
        print(line.rstrip(), file=stream)
    stream.flush()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return harmless(str(value)).replace("\n", " ")


def labels(value: Any) -> str:
    """Labels of either shape as `key:value` words."""
    pairs = value.items() if isinstance(value, Mapping) else ((entry.get("key"), entry.get("value")) for entry in value or ())
    return " ".join(f"{key}:{text}" for key, text in pairs)
