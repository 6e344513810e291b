"""`flow graph`: a picture of a flow, offline."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from service.cli.screen import coloured, document, say, show
from service.cli.stop import WRONG, Stop
from service.cli.texts import Text


class Form(StrEnum):
    """How a graph is printed."""

    MERMAID = "mermaid"
    DOT = "dot"
    JSON = "json"


def graph(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A flow file, - for standard input, or REV:PATH for a commit's.")],
    output: Annotated[Form, typer.Option("--output", "-o", help="A Mermaid flowchart, a graph for Graphviz, or nodes, edges and clusters.")] = Form.MERMAID,
) -> None:
    """Draws a flow: its tasks, what follows what, its triggers. Exit code 0, or 2 with the problems when the flow is wrong."""
    from service.cli.lint import read_text
    from service.flows.dot import dot
    from service.flows.excerpt import excerpt
    from service.flows.graph import graph_of
    from service.flows.graph_json import as_json
    from service.flows.mermaid import mermaid

    text = _only(file)
    reading = read_text(text, allow_unknown_types=True)
    if reading.flow is None:
        for problem in reading.problems:
            # Beside the picture, which is what stdout is for.
            say(excerpt(problem, text.content.decode("utf-8", "replace"), coloured(sys.stderr)) + "\n")
        raise Stop(WRONG, f"{text.path} has errors, so there is nothing to draw")
    drawn = graph_of(reading.flow)
    if output is Form.JSON:
        document(as_json(drawn))
    else:
        show((mermaid if output is Form.MERMAID else dot)(drawn).rstrip("\n"))


def _only(name: str) -> Text:
    """The one text that is meant. Raises Stop."""
    from service.cli.sources import texts_of

    texts = texts_of([name])
    text = next(texts)
    if next(texts, None) is not None:
        raise Stop(WRONG, f"{name} has several flow files; name one of them")
    if text.refused is not None:
        raise Stop(WRONG, f"{text.path}: {text.refused[0]}")
    return text
