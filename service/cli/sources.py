"""Where the texts come from that `flow validate` reads: files, folders, standard input, commits."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from service.cli.stop import WRONG, Stop
from service.cli.texts import FLOWS, Text, shown

#: Stands for standard input where a path is expected, and how that is shown.
STDIN, STDIN_SHOWN = "-", "<stdin>"
_SUFFIXES = (".yml", ".yaml")
#: A flow file has at most 1 MB; what is over it is not read, only refused.
_MOST = 1_048_577
_LINK = "symbolic links are not followed; put the file itself there"
_NO_FILE = "this is not a file that can be read; pipes and devices are left alone below a folder"


def texts_of(names: Sequence[str]) -> Iterator[Text]:
    """The named texts, each once: `-`, files, the flow files below folders, `REV:` and `REV:PATH`.

    What is on the disk wins: a file may be called `a:b.yml`. Raises Stop for what is nowhere.
    """
    seen: set[tuple[str, str]] = set()
    for name in names:
        for text in _texts(name):
            if (text.origin, text.path) in seen:
                continue
            seen.add((text.origin, text.path))
            yield text
    if not seen:
        raise Stop(WRONG, f"no flow files (*.yml, *.yaml) in {', '.join(map(shown, names))}")


def below(name: str) -> str | None:
    """The folder that a name stands for, as the paths of its texts begin; None for one text."""
    if os.path.isdir(name):
        return shown(Path(name).as_posix())
    if name == STDIN or os.path.exists(name) or ":" not in name:
        return None
    inside = name.partition(":")[2].strip("/")
    return None if inside.endswith(_SUFFIXES) else inside.removeprefix("./") or FLOWS


def _texts(name: str) -> Iterator[Text]:
    path = Path(name)
    if name == STDIN:
        return iter([Text(STDIN_SHOWN, sys.stdin.buffer.read(_MOST))])
    if os.path.isdir(name):
        return map(_below_folder, _below(path))
    if os.path.exists(name) or ":" not in name:
        return iter([Text(shown(path.as_posix()), content(path), file=path)])
    from service.cli.commits import commit_texts

    rev, _, inside = name.partition(":")
    return commit_texts(rev, inside)


def _below(folder: Path) -> Iterator[Path]:
    """Parts of names that begin with `_` are not live."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("_") and name != ".git")
        yield from (link for name in folders if (link := Path(root, name)).is_symlink())
        yield from (Path(root, name) for name in sorted(files) if name.endswith(_SUFFIXES) and not name.startswith("_"))


def _below_folder(path: Path) -> Text:
    """A symbolic link below a folder is refused, as a commit's are; so is a pipe, which might never end."""
    place = shown(path.as_posix())
    if path.is_symlink():
        return Text(place, refused=(_LINK, None))
    return Text(place, content(path), file=path) if os.path.isfile(path) else Text(place, refused=(_NO_FILE, None))


def content(path: Path) -> bytes:
    """A file's bytes, at most one more than a flow may have. Raises Stop."""
    if not os.path.exists(path):
        raise Stop(WRONG, f"there is no file or folder {shown(str(path))}")
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            raise Stop(WRONG, f"{shown(str(path))} is a folder, not a flow file")
        with path.open("rb") as file:
            return file.read(_MOST)
    except OSError as failure:
        raise Stop(WRONG, f"{shown(str(path))} can't be read: {failure.strerror}") from failure
