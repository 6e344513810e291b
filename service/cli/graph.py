"""`flow graph`: a picture of a flow, offline."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from service.cli.screen import coloured, document, say, show
from service.cli.stop import WRONG, Stop

#: A flow file has at most 1 MB; what is over it is not read, only refused.
_MOST = 1_000_001


class Form(StrEnum):
    """How a graph is printed."""

    MERMAID = "mermaid"
    DOT = "dot"
    JSON = "json"


def graph(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A flow file, or - for standard input.")],
    output: Annotated[Form, typer.Option("--output", "-o", help="A Mermaid flowchart, a graph for Graphviz, or nodes, edges and clusters.")] = Form.MERMAID,
) -> None:
    """Draws a flow: its tasks, what follows what, its triggers. Exit code 0, or 2 with the problems when the flow is wrong."""
    from service import discovery
    from service.flows.catalogue import Catalogue
    from service.flows.dot import dot
    from service.flows.graph import graph_of
    from service.flows.graph_json import as_json
    from service.flows.mermaid import mermaid
    from service.flows.problems import excerpt
    from service.flows.reading import read_flow

    name, text = ("<stdin>", sys.stdin.buffer.read(_MOST)) if file == "-" else (file, _content(Path(file)))
    reading = read_flow(text, name, Catalogue(discovery.index(), discovery.load))
    if reading.flow is None:
        for problem in reading.problems:
            # Beside the picture, which is what stdout is for.
            say(excerpt(problem, text.decode("utf-8", "replace"), coloured(sys.stderr)) + "\n")
        raise Stop(WRONG, f"{name} has errors, so there is nothing to draw")
    drawn = graph_of(reading.flow)
    if output is Form.JSON:
        document(as_json(drawn))
    else:
        show((mermaid if output is Form.MERMAID else dot)(drawn).rstrip("\n"))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(_MOST)
    except FileNotFoundError:
        raise Stop(WRONG, f"there is no file {path}") from None
    except IsADirectoryError:
        raise Stop(WRONG, f"{path} is a folder, not a flow file") from None
    except OSError as failure:
        raise Stop(WRONG, f"{path} can't be read: {failure.strerror}") from failure
