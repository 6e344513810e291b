"""`headgate eval`: what a template renders to, without a server."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.options import Output
from service.cli.screen import coloured, say, show
from service.cli.sources import STDIN, STDIN_SHOWN
from service.cli.stop import WRONG, Stop

_MOST = 16 << 20  #: bytes of a file of variables
_ARGUMENT = "<template>"

Template = Annotated[str | None, typer.Argument(show_default=False, help="For example '{{ inputs.name | upper }}'; - reads it from standard input.")]
File = Annotated[str, typer.Option("--file", "-f", metavar="FILE", show_default=False, help="Take the template from a file.")]
Variables = Annotated[
    str, typer.Option("--vars", metavar="FILE", show_default=False, help="YAML or JSON whose keys are inputs, outputs, …; - is standard input.")
]
Typed = Annotated[bool, typer.Option("--typed", help="Keep types: one expression gives its own value, shown as JSON where it is no text.")]
Batch = Annotated[
    str,
    typer.Option("--batch", metavar="FILE", show_default=False, help='JSON lines {"name", "template", "vars", "typed"}, each answered by one; - is stdin.'),
]
Zone = Annotated[
    str | None, typer.Option("--timezone", envvar="HEADGATE_TIMEZONE", metavar="ZONE", show_default=False, help="The default time zone; else UTC.")
]
Form = Annotated[Output, typer.Option("--output", "-o", help="table is the text itself, json one document for programs.")]


def evaluate(
    template: Template = None,
    file: File = "",
    variables: Variables = "",
    typed: Typed = False,
    batch: Batch = "",
    timezone: Zone = None,
    output: Form = Output.TABLE,
) -> None:
    """Renders a template, offline. Exit code 0, or 2 where it fails; with --batch 0 when each line has its answer, be it an error."""
    from service.cli.world import World, variables_of

    with closing(World(os.environ, timezone)) as world:
        if batch:
            if template is not None or file or variables or typed:
                raise Stop(WRONG, "with --batch the template, its variables and its mode stand in the lines of the file")
            from service.cli.batch import answer_all

            answer_all(world, batch)
            return
        if variables == STDIN and STDIN in (template, file):
            raise Stop(WRONG, "standard input can be the template or its variables, not both")
        text, place = _template(template, file)
        try:
            given = variables_of(_read(variables)) if variables else {}
        except ValueError as wrong:
            raise Stop(WRONG, f"{_shown(variables)} is neither JSON nor YAML with variables: {wrong}") from None
        _answer(world, (text, place), given, typed, output)


def _template(template: str | None, file: str) -> tuple[str, str]:
    """The template's text, and what it is called where something is wrong in it."""
    if (template is None) == (file == ""):
        raise Stop(WRONG, "give one TEMPLATE, or --file FILE, or --batch FILE")
    if template is None or template == STDIN:
        return _read(file or STDIN), _shown(file or STDIN)
    return template, _ARGUMENT


def _shown(name: str) -> str:
    return STDIN_SHOWN if name == STDIN else name


def _read(name: str) -> str:
    """A whole file as text. Raises Stop."""
    try:
        if name == STDIN:
            content = sys.stdin.buffer.read(_MOST + 1)
        else:
            with Path(name).open("rb") as stream:
                content = stream.read(_MOST + 1)
        if len(content) > _MOST:
            raise Stop(WRONG, f"{_shown(name)} has more than {_MOST:,} bytes")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise Stop(WRONG, f"{_shown(name)} is not UTF-8: byte {wrong.start + 1}") from None
    except OSError as failure:
        raise Stop(WRONG, f"{_shown(name)} can't be read: {failure.strerror}") from failure


def _answer(world: Any, template: tuple[str, str], variables: Mapping[str, Any], typed: bool, output: Output) -> None:
    from service.cli.world import json_of
    from service.expressions import ExpressionError

    text, place = template
    try:
        value = world.value(text, variables, typed=typed)
        shown = value if isinstance(value, str) and output is not Output.JSON else json_of(value)
    except ExpressionError as error:
        if output is Output.JSON:
            show(json_of({"ok": False, "error": error.message, "line": error.line, "column": error.column}))
        else:
            from service.flows.template_excerpt import of_template

            say(of_template(error, text, place, coloured(sys.stderr)))
        raise typer.Exit(WRONG) from None
    show(f'{{"ok":true,"value":{shown}}}' if output is Output.JSON else shown)
