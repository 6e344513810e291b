"""The tree of commands, and the one place where a failure becomes an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from service.cli import acts, evaluate, flows, kv, repositories, serving
from service.cli.screen import say, show
from service.cli.stop import INTERRUPTED, UNREACHABLE, WRONG, Stop
from service.errors import ServiceError

program = typer.Typer(
    help="A Git-native pipeline service: what is at the tip of a branch is what runs.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (serving.init, serving.up, serving.demo, serving.doctor, serving.run, serving.runner):
    program.command()(command)
program.command("runner-token")(serving.runner_token)
program.command("eval")(evaluate.evaluate)
program.add_typer(flows.commands, name="flow")
program.add_typer(acts.commands, name="execution")
program.add_typer(repositories.commands, name="repo")
program.add_typer(kv.commands, name="kv")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        show(f"headgate {version('headgate')}")
        raise typer.Exit


@program.callback()
def headgate(_wanted: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False) -> None:
    """Options of the program itself."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command; returns its exit code."""
    try:
        program(args=list(arguments), prog_name="headgate")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except Stop as stop:
        say(stop.message)
        return stop.code
    except ServiceError as error:
        for line in (error.message, *(str(entry.get("message", entry)) for entry in error.errors)):
            say(line)
        return WRONG if error.status < 500 else UNREACHABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
