"""`flow format`: flow files in the canonical layout."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from tempfile import NamedTemporaryFile

from service.cli.checked import number
from service.cli.lint import refusal
from service.cli.screen import coloured, harmless, paint, say, show
from service.cli.sources import texts_of
from service.cli.stop import WRONG, Stop
from service.cli.texts import Text
from service.errors import Bug
from service.flows.excerpt import excerpt
from service.flows.format import Formatted, format_flow

_COLOURS = {"+": "32", "-": "31", "@": "36"}


@dataclass(frozen=True, slots=True)
class _Tally:
    changed: int
    same: int
    refused: int


def format_all(names: Sequence[str], check: bool, diff: bool) -> bool:
    """Rewrites the named files, or only says which would change. False where one can't be read, and with `check` where one would change.

    What comes from standard input goes to standard output, and all talk to standard error.
    """
    found = [(text, _formatted(text)) for text in texts_of(names)]
    for text, formatted in found:
        if formatted.content is None:
            _complain(text, formatted)
        else:
            _deliver(text, formatted.content, check, diff)
    changed = sum(formatted.content not in (None, text.content) for text, formatted in found)
    refused = sum(formatted.content is None for _, formatted in found)
    say(_told(_Tally(changed, len(found) - changed - refused, refused), written=not (check or diff)))
    return not refused and not (check and changed)


def _formatted(text: Text) -> Formatted:
    if text.origin:
        raise Stop(WRONG, f"{text.path} is read from a commit, which can't be rewritten; name a file")
    if text.refused is not None:
        return Formatted(None, (refusal(text.path, *text.refused),))
    try:
        return format_flow(text.content, text.path)
    except Bug as fault:
        say(fault.message)
        return Formatted(None)


def _complain(text: Text, formatted: Formatted) -> None:
    for problem in formatted.problems:
        say(excerpt(problem, text.content.decode("utf-8", "replace"), coloured(sys.stderr)) + "\n")


def _deliver(text: Text, content: bytes, check: bool, diff: bool) -> None:
    changes = content != text.content
    if diff and changes:
        for line in _diff(text, content):
            show(line)
    if check and changes and not diff:
        show(text.path)
    if check or diff:
        return
    if text.file is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    elif changes:
        replace_content(text.file, content)


def _diff(text: Text, content: bytes) -> Iterator[str]:
    """As `git apply` takes it; where a person looks, in colours and without what would steer the terminal."""
    before, after = (re.findall(r".*\n|.+", data.decode("utf-8")) for data in (text.content, content))
    for line in unified_diff(before, after, f"a/{text.path}", f"b/{text.path}"):
        shown = harmless(line.rstrip("\r\n")) if sys.stdout.isatty() else line.removesuffix("\n")
        yield paint(shown, _COLOURS.get(line[:1], ""), sys.stdout)
        if not line.endswith("\n"):
            yield "\\ No newline at end of file"


def replace_content(file: Path, content: bytes) -> None:
    """Writes the file anew, whole or not at all, with the rights it had; behind a link, the file that it leads to. Raises Stop."""
    place = file.resolve()
    if not place.is_file():
        raise Stop(WRONG, f"{file} can't be written: it is no regular file")
    try:
        with NamedTemporaryFile(dir=place.parent, prefix=f".{place.name[:100]}.", delete=False) as new:
            new.write(content)
        try:
            shutil.copymode(place, new.name)
            with suppress(PermissionError):
                os.chown(new.name, place.stat().st_uid, place.stat().st_gid)
            os.replace(new.name, place)
        except OSError:
            os.unlink(new.name)
            raise
    except OSError as failure:
        raise Stop(WRONG, f"{file} can't be written: {failure.strerror}") from failure


def _told(tally: _Tally, written: bool) -> str:
    """`1 file formatted, 2 files as they should be`."""
    done = "formatted" if written else "would change"
    parts = [
        f"{number(tally.changed, 'file')} {done}" if tally.changed else "",
        f"{number(tally.same, 'file')} left as {'it is' if tally.same == 1 else 'they are'}" if tally.same else "",
        f"{number(tally.refused, 'file')} can't be read" if tally.refused else "",
    ]
    return ", ".join(part for part in parts if part)
