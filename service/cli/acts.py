"""`headgate execution …`: what people do with executions that are there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from service.cli.executions import Id, commands
from service.cli.options import DEFAULT_SERVER, Output, OutputOption, Pairs, Server, Token, pairs
from service.cli.screen import document, show
from service.cli.stop import WRONG, Stop

Revision = Annotated[int, typer.Option("--revision", min=0, show_default=False, help="In this revision of the flow.")]
Breakpoints = Annotated[
    list[str] | None,
    typer.Option("--breakpoint", metavar="TASK", show_default=False, help="Stop before this task (or TASK.VALUE in a loop); may be repeated."),
]
State = Annotated[str, typer.Argument(metavar="STATE", help="SUCCESS, WARNING, FAILED or CANCELLED.")]


__all__ = ["commands"]


class _Execution:
    """One execution of a server, and what is asked of it."""

    def __init__(self, server: str, token: str, execution: str) -> None:
        from service.cli.client import Api, path

        self._api, self._path = Api(server, token), path
        self.shown: dict[str, Any] = self._api.get(f"/executions{path(execution)}")
        self.id = str(self.shown["id"])

    def ask(self, action: str, **options: Any) -> dict[str, Any]:
        """Has it done; gives what the server answers."""
        found: dict[str, Any] = self._api.send("POST", f"/executions{self._path(self.id)}/actions/{action}", **options)
        return found

    def delete(self, **params: Any) -> None:
        self._api.send("DELETE", f"/executions{self._path(self.id)}", params=params)

    def run_of(self, task: str) -> str:
        """The id of a task run; of a task the last one. Raises Stop."""
        runs = [run["id"] for run in self.shown["taskRunList"] if task in (run["id"], run["taskId"])]
        if not runs:
            raise Stop(WRONG, f"{self.id} has no task run of `{task}`; it has {', '.join(run['taskId'] for run in self.shown['taskRunList']) or 'none'}")
        return str(runs[-1])


def _print(output: Output, answer: dict[str, Any], said: str) -> None:
    """What has been done; what is taken and not done yet, in the server's words."""
    if output is Output.JSON:
        document(answer)
    else:
        show(answer.get("message") or said)


@commands.command()
def restart(execution: Id, revision: Revision = 0, output: OutputOption = Output.TABLE, server: Server = DEFAULT_SERVER, token: Token = "") -> None:
    """Does what failed once more. In another revision a new execution does."""
    of = _Execution(server, token, execution)
    answer = of.ask("restart", params={"revision": revision} if revision else {})
    _print(output, answer, f"{of.id} is restarted" if answer["id"] == of.id else f"{answer['id']} goes on for {of.id} in revision {revision}")


@commands.command()
def replay(  # noqa: PLR0917 - one parameter for each option
    execution: Id,
    task: Annotated[str, typer.Option("--from", metavar="TASK", show_default=False, help="From this task (or task run), with what those before it gave.")] = "",
    inputs: Pairs = None,
    revision: Revision = 0,
    latest: Annotated[bool, typer.Option("--latest", help="In the revision that runs now.")] = False,
    breakpoints: Breakpoints = None,
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Does an execution again, as a new one; with --input with other inputs."""
    of = _Execution(server, token, execution)
    params = {"taskRunId": of.run_of(task) if task else None, "revision": revision or None, "latestRevision": latest or None, "breakpoints": breakpoints}
    params = {name: value for name, value in params.items() if value is not None}
    if inputs is None:
        answer = of.ask("replay", params=params)
    else:
        answer = of.ask("replay-with-inputs", params=params, json={"inputs": pairs(inputs, "--input")})
    _print(output, answer, f"{answer['id']} is a replay of {of.id}")


@commands.command()
def pause(execution: Id, output: OutputOption = Output.TABLE, server: Server = DEFAULT_SERVER, token: Token = "") -> None:
    """Lets what runs go on to its end, and begins nothing new until it is resumed."""
    of = _Execution(server, token, execution)
    _print(output, of.ask("pause"), f"{of.id} pauses; go on with: headgate execution resume {of.id}")


@commands.command("continue")
def go_on(execution: Id, breakpoints: Breakpoints = None, output: OutputOption = Output.TABLE, server: Server = DEFAULT_SERVER, token: Token = "") -> None:
    """Lets an execution go on from its breakpoint to the next one."""
    of = _Execution(server, token, execution)
    _print(output, of.ask("resume-from-breakpoint", params={"breakpoints": breakpoints} if breakpoints else {}), f"{of.id} goes on")


@commands.command("set-state")
def set_state(
    execution: Id,
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task, or the id of a task run.")],
    state: State,
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Says how a task ended; the execution goes on from there."""
    of = _Execution(server, token, execution)
    _print(output, of.ask("state", json={"taskRunId": of.run_of(task), "state": state}), f"{of.id} goes on after `{task}`")


@commands.command("set-status")
def set_status(execution: Id, state: State, output: OutputOption = Output.TABLE, server: Server = DEFAULT_SERVER, token: Token = "") -> None:
    """Says how an execution ended; nothing follows from it."""
    of = _Execution(server, token, execution)
    _print(output, of.ask("change-status", params={"status": state}), f"{of.id} is {state.upper()}")


@commands.command()
def labels(
    execution: Id,
    given: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", show_default=False, help="The labels that it shall have; none: no labels.")] = None,
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Gives an execution that has ended other labels."""
    of = _Execution(server, token, execution)
    sent = [{"key": key, "value": value} for key, value in pairs(given, "label").items()]
    answer = of.ask("labels", json=sent)
    _print(output, answer, f"{of.id} has {', '.join(sorted(pairs(given, 'label'))) or 'no labels'}")


@commands.command()
def delete(
    execution: Id,
    keep_logs: Annotated[bool, typer.Option("--keep-logs", help="Keep its log.")] = False,
    keep_files: Annotated[bool, typer.Option("--keep-files", help="Keep the files that its tasks made.")] = False,
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Deletes an execution that has ended, with its log and files."""
    of = _Execution(server, token, execution)
    of.delete(deleteLogs=not keep_logs, deleteStorage=not keep_files)
    _print(output, {"id": of.id, "deleted": True}, f"{of.id} is deleted")
