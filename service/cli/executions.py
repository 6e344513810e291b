"""`headgate execution …`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from service.cli.options import DEFAULT_SERVER, Output, OutputOption, Pairs, Server, Token, pairs
from service.cli.screen import document, say, show
from service.cli.stop import WRONG, Stop

commands = typer.Typer(help="Executions: list, show, follow, and all that can be done with them.", no_args_is_help=True, rich_markup_mode=None)

Id = Annotated[str, typer.Argument(metavar="ID", help="The execution's id, or as much of its beginning as no other has (at least 4 characters).")]
_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")


@commands.command("list")
def list_executions(
    namespace: Annotated[str, typer.Option("--namespace", "-n", show_default=False, help="Of this namespace and those below it.")] = "",
    flow: Annotated[str, typer.Option("--flow", show_default=False, help="Of this flow.")] = "",
    state: Annotated[list[str] | None, typer.Option("--state", show_default=False, help="In this state; may be repeated.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 25,
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Lists executions, newest first."""
    from service.cli.client import Api
    from service.cli.screen import table

    wanted = [name.upper() for name in state or ()]
    found = Api(server, token).pages("/executions/search", most=limit, namespace=namespace, flowId=flow, state=_states(wanted))
    if output is Output.JSON:
        document(found)
    elif not found:
        say("no executions")
    else:
        table(("ID", "FLOW", "REVISION", "STATE", "STARTED", "DURATION"), map(_row, found), right=("REVISION", "DURATION"))


def _states(names: list[str]) -> list[str]:
    from service.engine.state import State

    unknown = [name for name in names if name not in State.__members__]
    if unknown:
        raise Stop(WRONG, f"there is no state `{unknown[0]}`; there are {', '.join(State.__members__)}")
    return names


def _row(execution: dict[str, Any]) -> tuple[Any, ...]:
    from service.cli.times import date_and_time, duration, length

    state = execution["state"]
    flow = f"{execution['namespace']}.{execution['flowId']}"
    return execution["id"], flow, execution.get("flowRevision"), state["current"], date_and_time(state.get("startDate")), length(duration(state))


@commands.command("show")
def show_execution(execution: Id, output: OutputOption = Output.TABLE, server: Server = DEFAULT_SERVER, token: Token = "") -> None:
    """Shows an execution with its tasks and their outputs."""
    from service.cli.client import Api, path
    from service.cli.detail import print_detail

    found = Api(server, token).get(f"/executions{path(execution)}")
    if output is Output.JSON:
        document(found)
    else:
        print_detail(found)


@commands.command()
def logs(
    execution: Id,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the execution has ended; the exit code is that of the final state.")] = False,
    level: Annotated[str, typer.Option("--level", show_default=False, help="The lowest level to show: TRACE, DEBUG, INFO, WARN or ERROR.")] = "",
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Prints the log of an execution."""
    from service.cli.client import Api, path
    from service.cli.follow import print_entry
    from service.cli.watch import stream_logs

    lowest = level.upper()
    if lowest and lowest not in _LEVELS:
        raise Stop(WRONG, f"there is no level `{level}`; there are {', '.join(_LEVELS)}")
    api = Api(server, token)
    id = str(api.get(f"/executions{path(execution)}")["id"])
    if follow:
        raise typer.Exit(stream_logs(api, id, lowest, output))
    found = api.get(f"/logs{path(id)}", minLevel=lowest)
    if output is Output.JSON:
        document(found)
        return
    for entry in found:
        print_entry(entry, sys.stdout)


@commands.command()
def resume(  # noqa: PLR0913, PLR0917 - one parameter for each option
    execution: Id,
    inputs: Pairs = None,
    task_run: Annotated[str, typer.Option("--task-run", metavar="ID", show_default=False, help="Of several pauses this one; else the oldest.")] = "",
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Lets a paused execution go on, with what its pause asks for."""
    from service.cli.client import Api, path

    api = Api(server, token)
    id = str(api.get(f"/executions{path(execution)}")["id"])
    params = {"taskRunId": task_run} if task_run else {}
    found = api.send("POST", f"/executions{path(id)}/resume", params=params, json={"inputs": pairs(inputs, "--input")})
    if output is Output.JSON:
        document(found)
    else:
        show(f"{id} goes on")


@commands.command()
def review(  # noqa: PLR0913, PLR0917 - one parameter for each option
    execution: Id,
    approve: Annotated[bool | None, typer.Option("--approve/--deny", show_default=False, help="What is decided.")] = None,
    comment: Annotated[str, typer.Option("--comment", "-m", metavar="TEXT", show_default=False, help="Why.")] = "",
    inputs: Pairs = None,
    task_run: Annotated[str, typer.Option("--task-run", metavar="ID", show_default=False, help="Of several approvals this one; else the oldest.")] = "",
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Approves or denies what an execution waits for."""
    from service.cli.client import Api, path

    if approve is None:
        raise Stop(WRONG, "say what you decide: --approve or --deny")
    api = Api(server, token)
    id = str(api.get(f"/executions{path(execution)}")["id"])
    decided: dict[str, Any] = {"decision": "APPROVED" if approve else "DENIED", "inputs": pairs(inputs, "--input")}
    params = {"taskRunId": task_run} if task_run else {}
    found = api.send("POST", f"/executions{path(id)}/actions/review", params=params, json=decided | ({"comment": comment} if comment else {}))
    if output is Output.JSON:
        document(found)
    else:
        show(f"{id} is {'approved' if approve else 'denied'}")


@commands.command()
def kill(
    execution: Id,
    cascade: Annotated[bool, typer.Option("--cascade/--no-cascade", help="Whether those that it has started are stopped, too.")] = True,
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Asks an execution to stop."""
    from service.cli.client import Api, path

    api = Api(server, token)
    id = str(api.get(f"/executions{path(execution)}")["id"])
    api.send("DELETE", f"/executions{path(id)}/kill", params={"isOnKillCascade": cascade})
    if output is Output.JSON:
        document({"id": id, "accepted": True})
    else:
        show(f"{id} is asked to stop")
