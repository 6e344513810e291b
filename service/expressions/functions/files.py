"""Files: those of a namespace, and those that executions make."""

from __future__ import annotations

from typing import Any

from service.expressions.arguments import optional_text, text_of
from service.expressions.errors import Refused
from service.expressions.registry import function
from service.expressions.run import Run

#: Steps that a look at a file costs: Git is asked, or a disk.
_PRICE = 10_000


@function("read")
def read(call: Run, path: Any, namespace: Any = None, revision: Any = None) -> str:
    """The text of a file: a path in the namespace's files, or a `kestra:///` or `nsfile:///` URI. UTF-8, of up to 1 MB. `revision` is a commit.

    {{ read('greeting.txt') }} -> hello
    {{ read('nsfile:///greeting.txt') | upper }} -> HELLO
    """
    call.budget.spend(_PRICE)
    return call.ports.read(text_of("read", path), optional_text("read", namespace), _revision("read", revision))


@function("fileURI")
def file_uri(call: Run, path: Any, namespace: Any = None, revision: Any = None) -> str:
    """The URI of a file of the namespace, which `read()` and the input files of tasks take.

    {{ fileURI('greeting.txt') }} -> kestra:///company/team/_files/greeting.txt
    """
    call.budget.spend(_PRICE)
    return call.ports.file_uri(text_of("fileURI", path), optional_text("fileURI", namespace), _revision("fileURI", revision))


@function("fileExists")
def file_exists(call: Run, path: Any, namespace: Any = None, revision: Any = None) -> bool:
    """Whether there is a file at a path or URI.

    {{ fileExists('greeting.txt') }} -> true
    {{ fileExists('nothing.txt') }} -> false
    """
    return _size(call, "fileExists", path, namespace, revision) is not None


@function("fileSize")
def file_size(call: Run, path: Any, namespace: Any = None, revision: Any = None) -> int:
    """A file's size in bytes.

    {{ fileSize('greeting.txt') }} -> 5
    """
    return _there(path, _size(call, "fileSize", path, namespace, revision))


@function("isFileEmpty", "fileEmpty")
def is_file_empty(call: Run, path: Any, namespace: Any = None, revision: Any = None) -> bool:
    """Whether a file has no content.

    {{ isFileEmpty('empty.txt') }} -> true
    {{ isFileEmpty('greeting.txt') }} -> false
    """
    return _there(path, _size(call, "isFileEmpty", path, namespace, revision)) == 0


def _size(call: Run, name: str, path: Any, namespace: Any, revision: Any) -> int | None:
    call.budget.spend(_PRICE)
    return call.ports.file_size(text_of(name, path), optional_text(name, namespace), _revision(name, revision))


def _there(path: str, size: int | None) -> int:
    if size is None:
        raise Refused(f"there is no file `{path[:200]}`")
    return size


def _revision(name: str, value: Any) -> str | None:
    """A commit. Kestra counts the revisions of a file; a number that counts commits would mean nothing."""
    if isinstance(value, int):
        raise Refused(f"`{name}` takes a commit as its revision, not a number: the files of a namespace are those of a commit")
    return optional_text(name, value)
