"""Where the template stands in a flow's file that failed when it was rendered. Looked for only then: the file is read once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from service.expressions import ExpressionError
from service.flows.findings import Findings
from service.flows.loading import read_source
from service.flows.places import of_template
from service.flows.site import templates
from service.flows.source import Path, Place, Source, held

#: What a task's properties may come from besides itself.
_DEFAULTS = ("pluginDefaults", "taskDefaults")


def traced(text: str, failure: ExpressionError, task: tuple[int, int] | None = None, sections: Sequence[str] = ()) -> Place | None:
    """The place in a flow's text that an error is about; None where the template is not a part of it, as with the instance's plugin defaults.

    It is looked for in the task at a line and column and in the flow's plugin defaults, or in these sections of the flow. Of several templates with the same
    text the one is meant that has the error's path, then the one that is nearest to its task.
    """
    source = _source(text)
    if source is None:
        return None
    for root in _roots(source, task, sections):
        path = _found(source, root, failure)
        if path is not None:
            return of_template(source, path, failure.template, failure.line, failure.column)
    return None


@lru_cache(maxsize=2)
def _source(text: str) -> Source | None:
    return read_source(text.encode("utf-8", "surrogatepass"), Findings(""))[1]


def _roots(source: Source, task: tuple[int, int] | None, sections: Sequence[str]) -> Iterator[Path]:
    if task is not None:
        yield source.paths().get(task, ())
    yield from ((section,) for section in (*sections, *(_DEFAULTS if task is not None else ())))


def _found(source: Source, root: Path, failure: ExpressionError) -> Path | None:
    """The path of the failed template below another one."""
    ending = tuple(map(str, failure.path))
    same = [path for path, template in templates(held(source.value, root), root) if template == failure.template]
    return min(same, key=lambda path: (tuple(map(str, path))[len(path) - len(ending) :] != ending, len(path)), default=None)
