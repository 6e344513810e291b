"""Commands that run something here: `up`, `demo`, `doctor`, `run`, `runner`; and `init`, which comes before them. Those that keep running give the process to
`service.app`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from service.cli.loading import loading
from service.cli.options import DEFAULT_SERVER, Backend, Output, OutputOption, Pairs, Server, Token, pairs

#: Not the folder of the runner that `up` starts: each holds a lock on its own.
_BASE = Path(".headgate/standalone-runner")
_MEMORY = "MiB that a task which calls a library may take on the runner here."


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", show_default=False, file_okay=False, help="The repository. Without: this folder.")] = Path(),
) -> None:
    """Writes a flow folder, .flows/, to start from. What exists is kept."""
    from service.cli.init import begin

    begin(folder)


def up(
    host: Annotated[str | None, typer.Option(show_default="127.0.0.1", help="The address to bind. Any but loopback asks for the admin token.")] = None,
    port: Annotated[int | None, typer.Option(show_default="8080", min=0, max=65535, help="0 takes a free one.")] = None,
    data: Annotated[Path | None, typer.Option(show_default=".headgate", file_okay=False, help="Where everything is kept.")] = None,
    config: Annotated[Path | None, typer.Option(show_default=False, dir_okay=False, help="A file of settings (YAML).")] = None,
    library_memory: Annotated[int | None, typer.Option(show_default="half of the machine's", min=128, max=1 << 24, metavar="MIB", help=_MEMORY)] = None,
    no_runner: Annotated[bool, typer.Option("--no-runner", "--no-agent", help="Start no runner here; others fetch the jobs.")] = False,
) -> None:
    """Runs the service: server, runner and Git host, with SQLite."""
    with loading():
        from service.app import serve
        from service.cli.ready import announce
        from service.cli.talk import log_to_stderr
        from service.settings import read

    runner = False if no_runner else None
    settings = read(os.environ, config, host=host, port=port, data=data, runner=runner, library_memory=library_memory)
    log_to_stderr(settings.log_level)
    raise typer.Exit(serve(settings, os.environ, announce))


def demo() -> None:
    """Starts a service, pushes the example flows to it, and shows what happens. With DEMO=once it ends by itself."""
    from service.cli.demo import run_demo

    raise typer.Exit(run_demo(os.environ))


def doctor(
    data: Annotated[Path | None, typer.Option(show_default=".headgate", file_okay=False, help="The data folder to look at.")] = None,
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Looks at what Headgate needs on this machine. Exit code 0 unless something fails."""
    from service.cli.doctor import examine, report

    raise typer.Exit(report(examine(data or Path(os.environ.get("HEADGATE_DATA", ".headgate")), server, token), output is Output.JSON))


def run(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="A flow file of a working tree.")],
    inputs: Pairs = None,
    backend: Annotated[Backend, typer.Option(help="Where scripts run: auto takes docker where a daemon answers.")] = Backend.AUTO,
    output: OutputOption = Output.TABLE,
) -> None:
    """Runs one flow from the working tree, without a server. Exit code 0 after SUCCESS or WARNING, 1 otherwise."""
    with loading():
        from service.cli.local import run_file

    raise typer.Exit(run_file(file, pairs(inputs, "--input"), backend.value, output is Output.JSON))


def runner_token(output: OutputOption = Output.TABLE, server: Server = DEFAULT_SERVER, token: Token = "") -> None:
    """Makes a token with which one runner registers, within an hour: `headgate runner --token TOKEN`. The runner then has a key of its own."""
    from service.cli.client import Api
    from service.cli.screen import document, say, show

    made = Api(server, token).send("POST", "/runners/registrations")
    if output is Output.JSON:
        document(made)
        return
    show(made["token"])
    say(f"good for one runner, until {made['expires']}; it is not shown again")


def runner(  # noqa: PLR0917 - options, each by its name
    server: Annotated[
        str | None, typer.Option("--server", envvar="HEADGATE_SERVER", metavar="URL", show_default=DEFAULT_SERVER, help="Where the jobs are.")
    ] = None,
    token: Annotated[
        str,
        typer.Option(
            envvar=["HEADGATE_RUNNER_TOKEN", "HEADGATE_TOKEN"],
            metavar="TOKEN",
            show_default=False,
            help="One of `headgate runner-token`; or the server's HEADGATE_RUNNER_TOKEN, or what its data folder has in runner.token.",
        ),
    ] = "",
    slots: Annotated[int, typer.Option(envvar="HEADGATE_SLOTS", min=1, max=1000, help="How many jobs at a time.")] = 4,
    backend: Annotated[Backend, typer.Option(envvar="HEADGATE_BACKEND", help="Where scripts run: auto takes docker where a daemon answers.")] = Backend.AUTO,
    base: Annotated[Path, typer.Option(envvar="HEADGATE_RUNNER_BASE", file_okay=False, help="Where working directories are made.")] = _BASE,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", envvar="HEADGATE_RUNNER_LABELS", metavar="NAME[=VALUE]", show_default=False, help="What tasks ask for by workerGroup or workerSelector."
        ),
    ] = None,
    shared: Annotated[bool, typer.Option("--shared", envvar="HEADGATE_RUNNER_SHARED", help="With labels: take work that asks for none, too.")] = False,
    library_memory: Annotated[
        int | None,
        typer.Option(envvar="HEADGATE_LIBRARY_MEMORY", show_default="half of the machine's", min=128, max=1 << 24, metavar="MIB", help=_MEMORY),
    ] = None,
    server_file: Annotated[Path | None, typer.Option("--server-file", hidden=True, dir_okay=False)] = None,
) -> None:
    """Fetches jobs from a server and runs them here. Told to end, it leaves long ones running, for the next runner with the same --base."""
    from runners.__main__ import Choices, from_file, run
    from service.cli.talk import log_to_stderr

    log_to_stderr("INFO")
    address = from_file(server_file) if server_file is not None else server or DEFAULT_SERVER
    labels = pairs([one if "=" in one else f"{one}=" for one in label or ()], "--label")
    raise typer.Exit(run(address, token, base, Choices(slots, backend.value, library_memory, labels, shared)))
