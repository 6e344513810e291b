"""Files that a task is given in its working directory, and those that it gives back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runners.fields import NamespaceFiles
from runners.protocol import Unusable
from runners.task import Work
from runners.workspace import OWN, inside, matching, write

_CHUNK = 1 << 18


def put_inputs(work: Work, files: Mapping[str, str | None]) -> None:
    """Makes `inputFiles`: path → content or URI; what is None is left out. Raises Unusable."""
    for name, content in files.items():
        if content is None:
            continue
        if content.startswith("file://"):
            raise Unusable("inputFiles: file:// is part of the language, but this version does not run it yet")
        if content.startswith(("kestra://", "nsfile://")):
            work.fetch(content.strip(), work.directory / name)
        else:
            work.write(name, content)


def take_outputs(work: Work, patterns: Iterable[str], stored: dict[str, str]) -> None:
    """Stores `outputFiles`, what matches each of the globs; path → URI, added as they come. Raises Unusable."""
    for pattern in patterns:
        found = work.upload(pattern)
        if not found:
            work.log("WARN", f"outputFiles: nothing matches {pattern!r}")
        stored.update(found)


def put_namespaces(work: Work, wanted: object) -> None:
    """Does what `namespaceFiles` says: the namespace's files are there, and get a folder of its name besides where that is wanted. Raises Unusable."""
    if not (isinstance(wanted, NamespaceFiles) and wanted.enabled and wanted.folder_per_namespace):
        return
    # An agent before us may have come further than this: what its program has made of the copies stays.
    done = f"{OWN}namespaces-{work.job.lease.key}"
    if (work.directory / done).exists():
        return
    root = work.directory
    without = {name for name, _ in matching(root, wanted.exclude or ())}
    names = [name for name, _ in matching(root, wanted.include or ("**",)) if name not in without]
    for namespace in wanted.namespaces or (work.job.namespace,):
        for name in names:
            _copy(work, name, f"{namespace}/{name}", str(wanted.if_exists))
    work.write(done, "")


def _copy(work: Work, name: str, to: str, if_exists: str) -> None:
    if if_exists != "OVERWRITE" and inside(work.directory, to).exists():
        if if_exists == "FAIL":
            raise Unusable(f"namespaceFiles: {to!r} is there already")
        if if_exists == "WARN":
            work.log("WARN", f"namespaceFiles: {to!r} is there already, and stays as it is")
        return
    with inside(work.directory, name).open("rb") as source:
        write(work.directory, to, iter(lambda: source.read(_CHUNK), b""))
