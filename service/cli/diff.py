"""`headgate flow diff`: the plan of two files or folders, offline."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from service.cli.screen import document, say, show
from service.cli.stop import WRONG, Stop


class Form(StrEnum):
    """How a plan is printed."""

    MARKDOWN = "markdown"
    JSON = "json"


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A flow file, a folder of them, or REV: for a commit's.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same, as it is to become.")],
    output: Annotated[Form, typer.Option("--output", "-o", help="markdown is a comment for a pull request; json has everything.")] = Form.MARKDOWN,
) -> None:
    """Says what differs between flows, in meaning. Exit code 0, or 2 when a file can't be read."""
    from service.cli.sides import read_side
    from service.cli.sources import below
    from service.flows.plan import plan
    from service.flows.plan_json import as_json
    from service.flows.plan_markdown import as_markdown

    if (below(old) is None) != (below(new) is None):
        raise Stop(WRONG, "two files or two folders are compared, not one of each")
    (before, wrong_before), (after, wrong_after) = read_side(old), read_side(new)
    found = plan(before, after, datetime.now(UTC))
    if output is Form.JSON:
        document(as_json(found))
    else:
        show(as_markdown(found).rstrip("\n"))
    for line in (*wrong_before, *wrong_after):
        say(line)
    if wrong_before or wrong_after:
        raise typer.Exit(WRONG)
