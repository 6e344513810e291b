"""The checked walk over trees: what differs under a folder, and which entries are not followed, and why.

Every entry is judged by its bytes, on its own side of the comparison, by rules that see one folder at a time. So the
walk may skip equal subtrees (it costs what the difference costs) and still gives, step by step, what a fresh read gives.
Bad entries are values: they are named, left out, never followed and never raised.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from pygit2.enums import ObjectType

from service.errors import Invalid, Malformed, TooLarge, Unavailable
from service.git.objects import Damaged, Objects, Row
from service.git.values import BadEntry, Change, TreeDiff

#: Folders below the flow folder.
DEEPEST = 32
#: Entries looked at in one comparison: a few small trees can spell out billions of paths.
MOST_ENTRIES = 300_000
LARGEST_FLOW = 1024 * 1024
LONGEST_NAME = 255

FOLDER, FILE, LINK, SUBMODULE = b"40000", frozenset({b"100644", b"100755", b"100664"}), b"120000", b"160000"

# What HFS+ ignores inside a name, so that `.g<zero width>it` opens as `.git` there.
_IGNORED = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SAFE = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,250}")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something is not followed, and what to do about it."""

    reason: str
    hint: str

    def at(self, path: str) -> BadEntry:
        """The fault of one entry."""
        return BadEntry(path, self.reason, self.hint)


_ANEW = "a broken tool wrote this; commit the folder again with Git"
_NO_FOLDER = Fault("expected a folder, found a file", "put a folder in its place, with the flows in it")


@dataclass(frozen=True, slots=True)
class Folder:
    """One tree, read: its rows by name, the names that stand there twice, or what is wrong with it as a whole."""

    rows: dict[bytes, Row] = field(default_factory=dict)
    doubled: frozenset[bytes] = frozenset()
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What a path leads to: an entry, nothing, or an entry on the way that is not followed."""

    row: Row | None = None
    refused: BadEntry | None = None

    @property
    def folder(self) -> str | None:
        """The tree's id when the path leads to a folder."""
        return self.row.oid if self.row is not None and is_folder(self.row) else None


def is_folder(row: Row) -> bool:
    """By its mode; old tools wrote it with a leading zero."""
    return row.mode.lstrip(b"0") == FOLDER


def printable(name: bytes) -> str:
    """A name as people may see it: bytes that are no text, control and direction characters come out as escapes."""
    text = name.decode("utf-8", "backslashreplace")
    return _ODD.sub(lambda found: "".join(f"\\x{byte:02x}" for byte in found[0].encode()), text)


def name_fault(name: bytes) -> str | None:
    """Why an entry of this name is not followed; None for a good name."""
    if _SAFE.fullmatch(name) and name.lower() != b"git~1":
        return None
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return "its name is not UTF-8"
    if text in ("", ".", ".."):
        return "its name is empty or made of dots"
    if "/" in text:
        return "its name has a slash"
    if _ODD.search(text):
        return "its name has control characters or a line break"
    if len(name) > LONGEST_NAME:
        return f"its name is longer than {LONGEST_NAME} bytes"
    bare = _IGNORED.sub("", unicodedata.normalize("NFC", text)).casefold().rstrip(". ")
    if bare in (".git", "git~1"):
        return "its name stands for Git's own folder"
    return None


def row_fault(row: Row, doubled: bool) -> Fault | None:
    """Why this entry is not followed; None for a folder or a regular file with a good name."""
    wrong = name_fault(row.name)
    if wrong is not None:
        return Fault(f"refused: {wrong}", "rename it")
    if doubled:
        return Fault("refused: the tree holds this name twice", _ANEW)
    mode = row.mode.lstrip(b"0")
    if mode == LINK:
        return Fault("symbolic links are not followed; put the file itself there", "replace the link by the file or folder that it leads to")
    if mode == SUBMODULE:
        return Fault("submodules are not followed; put the files themselves there", "replace the submodule by the files in it")
    if mode != FOLDER and mode not in FILE:
        return Fault(f"refused: its mode {row.mode.decode()} is unknown", "add it again as a regular file")
    return None


def read(objects: Objects, tree: str | None) -> Folder:
    """One folder; None is an absent one."""
    if tree is None:
        return Folder()
    try:
        rows = objects.tree(tree)
    except Damaged:
        return Folder(fault=Fault("refused: the folder is damaged", _ANEW))
    except TooLarge:
        return Folder(fault=Fault("refused: the folder has too many entries", "spread its files over several folders"))
    keys = [row.name + b"/" if is_folder(row) else row.name for row in rows]
    if keys != sorted(keys):
        return Folder(fault=Fault("refused: the folder's entries are not in Git's order", _ANEW))
    by_name = {row.name: row for row in rows}
    if len(by_name) == len(rows):
        return Folder(by_name)
    seen: set[bytes] = set()
    return Folder(by_name, frozenset(row.name for row in rows if row.name in seen or seen.add(row.name)))  # type: ignore[func-returns-value]


def parts(path: str) -> tuple[bytes, ...]:
    """A path of ours, cut at its slashes; "" and "." are the root. Raises Malformed for a name that no tree may hold."""
    names = tuple(part.encode("utf-8", "surrogatepass") for part in path.split("/")) if path not in ("", ".") else ()
    for name in names:
        wrong = name_fault(name)
        if wrong is not None:
            raise Malformed(f"{printable(path.encode('utf-8', 'surrogatepass'))!r} is no path in a repository: {wrong}.")
    return names


def find(objects: Objects, tree: str, path: str) -> Place:
    """Goes down from a root tree, checking every step."""
    row = Row(FOLDER, b"", tree)
    so_far = "."
    for name in parts(path):
        if not is_folder(row):
            return Place(refused=_NO_FOLDER.at(so_far))
        here = read(objects, row.oid)
        if here.fault is not None:
            return Place(refused=here.fault.at(so_far))
        so_far = _joined("" if so_far == "." else so_far, name)
        found = here.rows.get(name)
        if found is None:
            return Place()
        wrong = row_fault(found, name in here.doubled)
        if wrong is not None:
            return Place(refused=wrong.at(so_far))
        row = found
    return Place(row)


def find_folder(objects: Objects, tree: str | None, path: str) -> Place:
    """Like `find`, for a path that has to be a folder: a file there is refused. No tree is an absent folder."""
    if tree is None:
        return Place()
    place = find(objects, tree, path)
    if place.row is not None and not is_folder(place.row):
        return Place(refused=_NO_FOLDER.at(path))
    return place


def find_file(objects: Objects, tree: str, path: str) -> str | None:
    """The blob at a path, None where nothing is. Raises Invalid for what is not followed."""
    place = find(objects, tree, path)
    if place.refused is not None:
        raise Invalid(f"{place.refused.path}: {place.refused.reason}.")
    if place.row is not None and is_folder(place.row):
        raise Invalid(f"{path}: expected a file, found a folder.")
    return place.row.oid if place.row is not None else None


def diff(objects: Objects, old: str | None, new: str | None, folder: str) -> TreeDiff:
    """Compares two root trees under a folder; None is an empty tree."""
    if old == new:
        return TreeDiff()
    before, after = find_folder(objects, old, folder), find_folder(objects, new, folder)
    walk = Comparison(objects)
    if before.refused is not None:
        walk.cleared.append(before.refused.path)
    if after.refused is not None:
        walk.refused.append(after.refused)
    walk.folders(before.folder, after.folder, "" if folder in ("", ".") else folder, 0)
    return walk.result()


class Comparison:
    """One walk over two sides; collects as it goes."""

    def __init__(self, objects: Objects) -> None:
        self.changes: list[Change] = []
        self.refused: list[BadEntry] = []
        self.cleared: list[str] = []
        self._objects = objects
        self._left = MOST_ENTRIES

    def result(self) -> TreeDiff:
        """What was found, in the order of paths."""
        changes = sorted(self.changes, key=lambda change: change.path)
        return TreeDiff(tuple(changes), tuple(sorted(self.refused, key=lambda bad: bad.path)), tuple(sorted(self.cleared)))

    def folders(self, old: str | None, new: str | None, path: str, depth: int) -> None:
        """Two folders of one path; None is an absent one."""
        if old == new:
            return
        before, after = self._side(old, depth), self._side(new, depth)
        if before.fault is not None:
            self.cleared.append(path or ".")
        if after.fault is not None:
            self.refused.append(after.fault.at(path or "."))
        for name in _differing(before, after):
            self._entry(before, after, name, _joined(path, name), depth)

    def _side(self, tree: str | None, depth: int) -> Folder:
        if tree is not None and depth > DEEPEST:
            return Folder(fault=Fault(f"refused: folders nest deeper than {DEEPEST}", "move it further up"))
        return read(self._objects, tree)

    def _entry(self, before: Folder, after: Folder, name: bytes, path: str, depth: int) -> None:
        if name.startswith(b"_"):
            return
        self._left -= 1
        if self._left < 0:
            raise TooLarge(f"More than {MOST_ENTRIES} files and folders differ at once; keep the flow folder smaller.")
        old, new = self._good(before, name, path), self._good(after, name, path)
        if isinstance(old, Fault):
            self.cleared.append(path)
        if isinstance(new, Fault):
            self.refused.append(new.at(path))
        left, right = _row(old), _row(new)
        if (left is not None and is_folder(left)) or (right is not None and is_folder(right)):
            self.folders(_tree(left), _tree(right), path, depth + 1)
        left_blob, right_blob = _blob(left), _blob(right)
        if left_blob != right_blob and is_flow(name):
            self.changes.append(Change(path, left_blob, right_blob))

    def _good(self, side: Folder, name: bytes, path: str) -> Row | Fault | None:
        """The entry when it is good, the fault when it is not, None when there is none."""
        row = side.rows.get(name)
        if row is None:
            return None
        wrong = row_fault(row, name in side.doubled)
        if wrong is None and not is_folder(row) and is_flow(name):
            wrong = self._blob_fault(row.oid, path)
        return wrong or row

    def _blob_fault(self, oid: str, path: str) -> Fault | None:
        header = self._objects.header(oid)
        if header is None:
            raise Unavailable(f"The repository is incomplete: the content of {path} ({oid}) is missing.")
        kind, size = header
        if kind is not ObjectType.BLOB:
            return Fault("refused: the tree calls it a file, but it is none", _ANEW)
        return size_fault(size)


def size_fault(size: int) -> Fault | None:
    """Why a file of so many bytes is not read; None for one that is."""
    if size <= LARGEST_FLOW:
        return None
    advice = "put long scripts and data into files of their own, and name them in the flow"
    return Fault(f"refused: the file has {size} bytes; a flow has at most {LARGEST_FLOW}", advice)


def is_flow(name: bytes) -> bool:
    """Whether a file of this name holds a flow; names with a leading underscore never get here."""
    return name.endswith((b".yml", b".yaml"))


def changed_paths(objects: Objects, old: str | None, new: str | None, limit: int) -> Iterator[str]:
    """Every path that differs between two root trees, unchecked and printable, at most `limit` of them, folder by folder."""
    budget = MOST_ENTRIES
    todo: list[tuple[str | None, str | None, str, int]] = [(old, new, "", 0)]
    while todo:
        left, right, path, depth = todo.pop()
        if left == right or depth > 2 * DEEPEST:
            continue
        before, after = read(objects, left), read(objects, right)
        for name in _differing(before, after):
            ours, theirs = before.rows.get(name), after.rows.get(name)
            here = _joined(path, name)
            budget -= 1
            if _tree(ours) is not None or _tree(theirs) is not None:
                todo.append((_tree(ours), _tree(theirs), here, depth + 1))
            if _leaf(ours) != _leaf(theirs):
                limit -= 1
                yield here
            if limit <= 0 or budget <= 0:
                return


def _differing(before: Folder, after: Folder) -> list[bytes]:
    """Names whose entries are not the same on both sides, and doubled ones: their verdict hangs on the whole folder."""
    names = {name for name, _ in before.rows.items() ^ after.rows.items()}
    return sorted(names | before.doubled | after.doubled)


def _row(found: Row | Fault | None) -> Row | None:
    return found if isinstance(found, Row) else None


def _tree(row: Row | None) -> str | None:
    return row.oid if row is not None and is_folder(row) else None


def _blob(row: Row | None) -> str | None:
    return row.oid if row is not None and not is_folder(row) else None


def _leaf(row: Row | None) -> Row | None:
    return row if row is not None and not is_folder(row) else None


def _joined(path: str, name: bytes) -> str:
    return f"{path}/{printable(name)}" if path else printable(name)
