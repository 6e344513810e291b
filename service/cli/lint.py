"""`flow validate`: the same reading as the server's, offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from runners.packages import Packages
from service import discovery
from service.cli.checked import Checked, counted
from service.cli.forms import DOCUMENTS, FORMS
from service.cli.screen import say, show
from service.cli.sources import content, texts_of
from service.cli.stop import WRONG, Stop
from service.cli.texts import Text, shown
from service.flows.catalogue import Catalogue
from service.flows.flow import Reading
from service.flows.problems import Problem, Severity
from service.flows.reading import read_flow

#: As the sync of a commit says it.
_TWICE, _NO_FILE = "HG-0501", "HG-0503"


def check_all(names: Sequence[str], allow_unknown_types: bool = False, strict: bool = False, digests: Severity | None = None) -> list[Checked]:
    """All that the names stand for; two files of one flow are a problem of both, as in a commit. With `strict`, a text with warnings is not valid;
    `digests` is what an image without a digest is."""
    checked = [replace(check_text(text, allow_unknown_types, digests), strict=strict) for text in texts_of(names)]
    holders: dict[tuple[str, tuple[str, str]], list[str]] = {}
    for found in checked:
        if found.identity is not None:
            holders.setdefault((found.origin, found.identity), []).append(found.path)
    return [_with_rivals(found, holders) for found in checked]


def _with_rivals(found: Checked, holders: Mapping[tuple[str, tuple[str, str]], Sequence[str]]) -> Checked:
    if found.identity is None:
        return found
    others = [path for path in holders[found.origin, found.identity] if path != found.path]
    if not others:
        return found
    told = f"`{'.'.join(found.identity)}` is defined here and in {', '.join(others[:3])}; neither is used"
    problem = Problem(_TWICE, Severity.ERROR, found.path, 1, 1, told, "keep one, or change an id")
    return replace(found, problems=(problem, *found.problems))


def check(path: Path, allow_unknown_types: bool = False) -> Checked:
    """Reads one file."""
    return check_text(Text(shown(path.as_posix()), content(path)), allow_unknown_types)


def check_text(text: Text, allow_unknown_types: bool = False, digests: Severity | None = None) -> Checked:
    """Reads one text; one that is refused is not looked into."""
    if text.refused is not None:
        return Checked(text.path, "", None, (refusal(text.path, *text.refused),), text.origin)
    reading = read_text(text, allow_unknown_types, digests)
    return Checked(text.path, text.content.decode("utf-8", "replace"), reading.identity, reading.problems, text.origin)


def read_text(text: Text, allow_unknown_types: bool = False, digests: Severity | None = None) -> Reading:
    """The reading of a text that is not refused."""
    return read_flow(text.content, text.path, catalogue(), allow_unknown_types=allow_unknown_types, require_digests=digests)


def refusal(path: str, reason: str, hint: str | None) -> Problem:
    """The problem of a file that is not followed."""
    return Problem(_NO_FILE, Severity.ERROR, path, 1, 1, reason, hint)


@cache
def catalogue() -> Catalogue:
    """Every type that is installed here."""
    return Catalogue(discovery.index(), discovery.load, Packages())


def render(checked: Sequence[Checked], form: str) -> None:
    """Prints what was found: problems as data, the count as talk."""
    printed = FORMS[form](checked)
    if printed:
        show(printed)
    if form not in DOCUMENTS:
        say(counted(checked))


def checked_file(path: Path, namespace: str | None) -> tuple[bytes, tuple[str, str]]:
    """A flow file to be sent, with its identity. Raises Stop when it says none, has another namespace than it should, or has errors, which are shown in their
    place. A type that this machine has not may be there at the server, so that one is left to the server."""
    if not path.exists():
        raise Stop(WRONG, f"there is no file {path}")
    text = content(path)
    found = check_text(Text(shown(path.as_posix()), text), allow_unknown_types=True)
    if not found.valid or found.identity is None:
        render([found], "full")
        unnamed = f"{path} does not say which flow it is: it needs a valid `id` and `namespace`"
        raise Stop(WRONG, "nothing was changed" if found.identity else unnamed)
    if namespace is not None and found.identity[0] != namespace:
        raise Stop(WRONG, f"{path} is a flow of the namespace `{found.identity[0]}`, not `{namespace}`; nothing was changed")
    return text, found.identity
