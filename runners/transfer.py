"""Files that a task is given in its working directory, and those that it gives back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runners.protocol import Unusable
from runners.task import Work


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
