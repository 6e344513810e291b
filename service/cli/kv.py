"""`headgate kv …`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from service.cli.options import DEFAULT_SERVER, Output, OutputOption, Server, Token
from service.cli.screen import document, say, show
from service.cli.stop import WRONG, Stop

commands = typer.Typer(help="Keys of the KV store: list, get, set, delete.", no_args_is_help=True, rich_markup_mode=None)

Namespace = Annotated[str, typer.Argument(metavar="NAMESPACE", help="The namespace.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The key.")]


@commands.command("list")
def list_keys(namespace: Namespace, output: OutputOption = Output.TABLE, server: Server = DEFAULT_SERVER, token: Token = "") -> None:
    """Lists the keys of a namespace."""
    from service.cli.client import Api, path
    from service.cli.screen import table

    found = Api(server, token).get(f"/namespaces{path(namespace)}/kv")
    if output is Output.JSON:
        document(found)
    elif not found:
        say(f"no keys in {namespace}; set one with `headgate kv set {namespace} KEY VALUE`")
    else:
        table(("KEY", "VERSION", "UPDATED", "EXPIRES", "DESCRIPTION"), map(_row, found), right=("VERSION",))


def _row(key: dict[str, Any]) -> tuple[Any, ...]:
    from service.cli.times import date_and_time

    return key["key"], key["version"], date_and_time(key["updateDate"]), date_and_time(key["expirationDate"]), key["description"] or ""


@commands.command()
def get(namespace: Namespace, key: Key, output: OutputOption = Output.TABLE, server: Server = DEFAULT_SERVER, token: Token = "") -> None:
    """Prints the value of a key: a text as it is, anything else as JSON."""
    import json

    from service.cli.client import Api, path

    found = Api(server, token).get(f"/namespaces{path(namespace)}/kv{path(key)}")
    if output is Output.JSON:
        document(found)
    else:
        show(found["value"] if isinstance(found["value"], str) else json.dumps(found["value"], ensure_ascii=False))


@commands.command("set")
def set_key(  # noqa: PLR0913, PLR0917 - one parameter for each option
    namespace: Namespace,
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="JSON, a date, a duration, or a word; `-` reads it from stdin.")],
    kind: Annotated[
        str, typer.Option("--type", "-t", show_default=False, help="What it is read as: STRING, NUMBER, BOOLEAN, DATETIME, DATE, DURATION or JSON.")
    ] = "",
    ttl: Annotated[str, typer.Option("--ttl", "-e", metavar="DURATION", show_default=False, help="How long it is there, such as PT1H; else for ever.")] = "",
    description: Annotated[str, typer.Option("--description", show_default=False, help="What the key is for.")] = "",
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Stores a value under a key."""
    import sys

    from service.cli.client import Api, path

    text = sys.stdin.read() if value == "-" else value
    headers = {"Content-Type": "text/plain"} | {name: given for name, given in (("ttl", ttl), ("description", description)) if given}
    if not all(given.isascii() and given.isprintable() for given in headers.values()):
        raise Stop(WRONG, "--description and --ttl are sent as HTTP headers, which hold plain ASCII text in one line")
    api, address = Api(server, token), f"/namespaces{path(namespace)}/kv{path(key)}"
    api.send("PUT", address, content=text.encode(), headers=headers, params={"type": kind} if kind else {})
    if output is Output.JSON:
        document(api.get(address))
    else:
        show(f"{namespace} {key} is set")


@commands.command()
def delete(namespace: Namespace, key: Key, output: OutputOption = Output.TABLE, server: Server = DEFAULT_SERVER, token: Token = "") -> None:
    """Deletes a key."""
    from service.cli.client import Api, path

    there = bool(Api(server, token).send("DELETE", f"/namespaces{path(namespace)}/kv{path(key)}"))
    if output is Output.JSON:
        document({"namespace": namespace, "key": key, "deleted": there})
        return
    if not there:
        raise Stop(WRONG, f"there is no key `{key}` in the namespace `{namespace}`")
    show(f"{namespace} {key} is deleted")
