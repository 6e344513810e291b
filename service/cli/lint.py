"""`flow validate`: the same reading as the server's, offline."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from service import discovery
from service.cli.screen import coloured, document, say, show
from service.cli.stop import WRONG, Stop
from service.flows.catalogue import Catalogue
from service.flows.problems import Problem, Severity, excerpt
from service.flows.reading import read_flow

_SUFFIXES = (".yml", ".yaml")
#: A flow file has at most 1 MB; what is over it is not read, only refused.
_MOST = 1_000_001
#: As the sync of a commit says it.
_TWICE, _NO_FILE = "HG-0501", "HG-0503"


@dataclass(frozen=True, slots=True)
class Checked:
    """One file and what is to be said of it."""

    path: str
    source: str
    identity: tuple[str, str] | None
    problems: tuple[Problem, ...]

    @property
    def valid(self) -> bool:
        """No errors."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)

    def as_json(self) -> dict[str, Any]:
        """As `-o json` shows it."""
        namespace, id = self.identity or (None, None)
        return {"path": self.path, "namespace": namespace, "id": id, "valid": self.valid, "problems": [problem.as_json() for problem in self.problems]}


def files_of(paths: Iterable[Path]) -> dict[Path, bool]:
    """The named files, and the flow files below the named folders, each once. Parts of names below a folder that begin with `_` are not live.

    True for a symbolic link below a folder: a commit's are not followed.
    """
    found: dict[Path, bool] = {}
    paths = list(paths)
    for path in paths:
        if path.is_dir():
            found |= {below: below.is_symlink() for below in _below(path)}
        elif path.exists():
            found[path] = False
        else:
            raise Stop(WRONG, f"there is no file or folder {path}")
    if not found:
        raise Stop(WRONG, f"no flow files (*.yml, *.yaml) in {', '.join(map(str, paths))}")
    return found


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("_") and name != ".git")
        yield from (link for name in folders if (link := Path(root, name)).is_symlink())
        yield from (Path(root, name) for name in sorted(files) if name.endswith(_SUFFIXES) and not name.startswith("_"))


def check_all(paths: Iterable[Path], allow_unknown_types: bool = False) -> list[Checked]:
    """The named files and those of the named folders; two files of one flow are a problem of both, as in a commit."""
    checked = [_link(path) if linked else check(path, allow_unknown_types) for path, linked in files_of(paths).items()]
    holders: dict[tuple[str, str], list[str]] = {}
    for found in checked:
        if found.identity is not None:
            holders.setdefault(found.identity, []).append(found.path)
    return [_with_rivals(found, holders) for found in checked]


def _with_rivals(found: Checked, holders: Mapping[tuple[str, str], Sequence[str]]) -> Checked:
    others = [path for path in holders.get(found.identity or ("", ""), ()) if path != found.path]
    if not others or found.identity is None:
        return found
    told = f"`{'.'.join(found.identity)}` is defined here and in {', '.join(others[:3])}; neither is used"
    problem = Problem(_TWICE, Severity.ERROR, found.path, 1, 1, told, "keep one, or change an id")
    return replace(found, problems=(problem, *found.problems))


def _link(path: Path) -> Checked:
    told = "symbolic links are not followed; put the file itself there"
    return Checked(path.as_posix(), "", None, (Problem(_NO_FILE, Severity.ERROR, path.as_posix(), 1, 1, told),))


def check(path: Path, allow_unknown_types: bool = False) -> Checked:
    """Reads one file."""
    return _checked(_bytes(path), path, allow_unknown_types)


def _checked(text: bytes, path: Path, allow_unknown_types: bool) -> Checked:
    reading = read_flow(text, path.as_posix(), _catalogue(), allow_unknown_types=allow_unknown_types)
    return Checked(path.as_posix(), text.decode("utf-8", "replace"), reading.identity, reading.problems)


@cache
def _catalogue() -> Catalogue:
    return Catalogue(discovery.index(), discovery.load)


def _bytes(path: Path) -> bytes:
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            raise Stop(WRONG, f"{path} is a folder, not a flow file")
        with path.open("rb") as file:
            return file.read(_MOST)
    except OSError as failure:
        raise Stop(WRONG, f"{path} can't be read: {failure.strerror}") from failure


def render(checked: list[Checked], form: str) -> None:
    """Prints what was found: problems as data, the count as talk."""
    if form == "json":
        document({"valid": all(found.valid for found in checked), "files": [found.as_json() for found in checked]})
        return
    for found in checked:
        for problem in found.problems:
            show(_shown(problem, found.source, form))
    say(_counted(checked))


def _shown(problem: Problem, source: str, form: str) -> str:
    if form == "concise":
        return problem.line_text()
    if form == "github":
        return _annotation(problem)
    return excerpt(problem, source, coloured(sys.stdout)) + "\n"


def _annotation(problem: Problem) -> str:
    """A workflow command of GitHub Actions; what would end its fields is escaped as GitHub wants it."""
    kind = problem.severity.value
    message = f"{problem.message}. {problem.hint}" if problem.hint else problem.message
    return f"::{kind} file={_field(problem.path)},line={problem.line},col={problem.column},title={_field(problem.code)}::{_body(message)}"


def _body(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _field(text: str) -> str:
    return _body(text).replace(":", "%3A").replace(",", "%2C")


def _counted(checked: list[Checked]) -> str:
    problems = [problem for found in checked for problem in found.problems]
    counts = [(sum(problem.severity is severity for problem in problems), severity.value) for severity in Severity]
    said = ", ".join(_number(number, name) for number, name in counts if number)
    return f"{_number(len(checked), 'file')} checked: {said or 'no problems'}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def checked_file(path: Path, namespace: str | None) -> tuple[bytes, tuple[str, str]]:
    """A flow file to be sent, with its identity. Raises Stop when it says none, has another namespace than it should, or has errors, which are shown in their
    place. A type that this machine has not may be there at the server, so that one is left to the server."""
    if not path.exists():
        raise Stop(WRONG, f"there is no file {path}")
    text = _bytes(path)
    found = _checked(text, path, allow_unknown_types=True)
    if not found.valid or found.identity is None:
        render([found], "full")
        unnamed = f"{path} does not say which flow it is: it needs a valid `id` and `namespace`"
        raise Stop(WRONG, "nothing was changed" if found.identity else unnamed)
    if namespace is not None and found.identity[0] != namespace:
        raise Stop(WRONG, f"{path} is a flow of the namespace `{found.identity[0]}`, not `{namespace}`; nothing was changed")
    return text, found.identity
