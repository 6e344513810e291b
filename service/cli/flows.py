"""`headgate flow …`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.diff import diff
from service.cli.graph import graph
from service.cli.options import DEFAULT_SERVER, Output, OutputOption, Pairs, Server, Token, pairs
from service.cli.schema import schema
from service.cli.screen import document, say, show
from service.cli.stop import WRONG, Stop
from service.cli.triggers import triggers

commands = typer.Typer(help="Flows: check, create, list, start.", no_args_is_help=True, rich_markup_mode=None)
commands.command()(graph)
commands.command()(triggers)
commands.command()(schema)


class Report(StrEnum):
    """How `validate` prints problems."""

    FULL = "full"
    CONCISE = "concise"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"
    SARIF = "sarif"


class Digests(StrEnum):
    """What an image without a digest is."""

    OFF = "off"
    WARNING = "warning"
    ERROR = "error"


@commands.command()
def validate(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Flow files, folders to look through for them, - for standard input, REV: or REV:PATH for a commit's."),
    ],
    output: Annotated[
        Report,
        typer.Option("--output", "-o", help="full shows the lines; github prints annotations, gitlab a Code Quality report, sarif a log in SARIF 2.1.0."),
    ] = Report.FULL,
    strict: Annotated[bool, typer.Option("--strict", help="A warning counts as an error.")] = False,
    allow_unknown_types: Annotated[bool, typer.Option("--allow-unknown-types", help="A type that is not installed is only a warning.")] = False,
    image_digests: Annotated[Digests, typer.Option("--image-digests", help="What an image without a digest is.")] = Digests.OFF,
) -> None:
    """Checks flow files, offline. Exit code 0, or 2 when there is an error."""
    from service.cli.loading import loading
    from service.flows.problems import Severity

    with loading():
        from service.cli.lint import check_all, render

    checked = check_all(paths, allow_unknown_types, strict, None if image_digests is Digests.OFF else Severity(image_digests))
    render(checked, output.value)
    if not all(found.valid for found in checked):
        raise typer.Exit(WRONG)


@commands.command("format")
def format_files(
    paths: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Flow files, folders to look through for them, - for standard input to standard output.")
    ],
    check: Annotated[bool, typer.Option("--check", help="Write nothing; name the files that would change, and exit with 2 if there are any.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; show what would change.")] = False,
) -> None:
    """Lays flow files out anew; comments, order, quotes and values stay. Exit code 0, or 2 where a file can't be read."""
    from service.cli.rewriting import format_all

    if not format_all(paths, check, diff):
        raise typer.Exit(WRONG)


@commands.command()
def explain(
    code: Annotated[str, typer.Argument(show_default=False, help="A problem's code, for example HG-0104 or 104. Without: all of them.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Says what a problem's code means."""
    from service.cli.explain import explain_all, explain_one

    if code:
        explain_one(code, output)
    else:
        explain_all(output)


@commands.command()
def create(
    arguments: Annotated[list[str], typer.Argument(metavar="[NAMESPACE] FILE", help="The flow's file; a namespace before it must be the flow's own.")],
    message: Annotated[str, typer.Option("--message", "-m", show_default=False, help="The commit's message.")] = "",
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Creates a flow, or updates it when it exists, by a commit."""
    from service.cli.client import Api
    from service.cli.lint import checked_file
    from service.cli.upload import upload

    if len(arguments) > 2:
        raise Stop(WRONG, f"one FILE is taken, after an optional NAMESPACE; got {len(arguments)} arguments")
    file = Path(arguments[-1])
    text, identity = checked_file(file, arguments[0] if len(arguments) == 2 else None)
    created, flow = upload(Api(server, token), text, identity, message, file)
    if output is Output.JSON:
        document(flow)
        return
    show(f"{'created' if created else 'updated'} {flow['namespace']}.{flow['id']} revision {flow['revision']}")
    if flow.get("path"):
        say(f"{flow['path']} in {flow.get('repository')}, commit {str(flow.get('commit'))[:10]}")


@commands.command("list")
def list_flows(
    namespace: Annotated[str, typer.Argument(show_default=False, help="Only flows of this namespace.")] = "",
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Lists the live flows."""
    from service.cli.client import Api, path
    from service.cli.screen import table

    api = Api(server, token)
    found: list[dict[str, Any]] = api.get(f"/flows{path(namespace)}") if namespace else api.pages("/flows/search")
    if output is Output.JSON:
        document(found)
        return
    if not found:
        say(f"no flows in `{namespace}`" if namespace else "no flows yet: push some, or `headgate flow create FILE`")
        return
    table(("NAMESPACE", "FLOW", "REVISION", "STATE", "PATH", "COMMIT"), map(_row, found), right=("REVISION",))


def _row(flow: dict[str, Any]) -> tuple[Any, ...]:
    state = "disabled" if flow.get("disabled") else "live"
    return flow["namespace"], flow["id"], flow.get("revision"), state, flow.get("path"), str(flow.get("commit") or "")[:10]


@commands.command()
def execute(
    namespace: Annotated[str, typer.Argument()],
    flow: Annotated[str, typer.Argument()],
    *,
    inputs: Pairs = None,
    label: Annotated[list[str] | None, typer.Option("--label", "-l", metavar="KEY=VALUE", show_default=False, help="A label; may be repeated.")] = None,
    revision: Annotated[int | None, typer.Option(show_default=False, min=1, help="An older revision.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show the log until the end; the exit code is that of the final state.")] = False,
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Starts a flow. With --follow: exit code 0 after SUCCESS or WARNING, 1 otherwise."""
    from service.cli.client import Api
    from service.cli.watch import start, watch

    api = Api(server, token)
    execution = start(api, (namespace, flow), pairs(inputs, "--input"), pairs(label, "--label"), revision)
    if follow:
        raise typer.Exit(watch(api, execution["id"], output))
    if output is Output.JSON:
        document(execution)
    else:
        show(execution["id"])


commands.command()(diff)
