"""`headgate repo …`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from service.cli.options import DEFAULT_SERVER, Output, OutputOption, Server, Token
from service.cli.screen import document, say, show

commands = typer.Typer(help="Repositories: add, list, look again.", no_args_is_help=True, rich_markup_mode=None)


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="The name in Headgate.")],
    *,
    url: Annotated[str, typer.Option(show_default=False, help="Where it is fetched from. Without: Headgate hosts it.")] = "",
    api_url: Annotated[str, typer.Option("--api-url", show_default=False, help="The forge's API, where it does not follow from the URL.")] = "",
    forge: Annotated[str, typer.Option(show_default=False, help="The kind of forge, where it does not follow from the URL: github, plain.")] = "",
    token_from: Annotated[
        str, typer.Option("--token-from", metavar="env:NAME", show_default=False, help="Where the service finds the forge's token, which is not stored.")
    ] = "",
    branch: Annotated[str, typer.Option(show_default=False, help="The branch to follow. Without: the repository's default branch.")] = "",
    allow_private: Annotated[bool, typer.Option("--allow-private", help="The URL may be on a private network.")] = False,
    output: OutputOption = Output.TABLE,
    server: Server = DEFAULT_SERVER,
    token: Token = "",
) -> None:
    """Adds a repository: one that Headgate hosts itself, or one of a forge."""
    from service.cli.client import Api

    asked = {"url": url, "api_url": api_url, "forge": forge, "token_from": token_from, "branch": branch, "allow_private": allow_private}
    created = Api(server, token).send("POST", "/repositories", json={"name": name, **{key: value for key, value in asked.items() if value}})
    if output is Output.JSON:
        document(created)
    else:
        _explain(created)


def _explain(created: dict[str, Any]) -> None:
    hook = created.get("hook") or {}
    if not hook.get("url"):
        show(f"{created['name']}: push to {created['git_url']}")
        say(f"git push {created['git_url']} HEAD:main")
        return
    show(f"{created['name']}: follows {created.get('url')}")
    show(f"webhook  {hook.get('url')}")
    if hook.get("secret"):
        show(f"secret   {hook['secret']}")
        say("Enter both at the forge (content type application/json, pushes and tags). The secret is not shown again.")


@commands.command("list")
def list_repositories(output: OutputOption = Output.TABLE, server: Server = DEFAULT_SERVER, token: Token = "") -> None:
    """Lists the repositories."""
    from service.cli.client import Api
    from service.cli.screen import table

    found = Api(server, token).get("/repositories")["results"]
    if output is Output.JSON:
        document(found)
    elif not found:
        say("no repositories; add one with `headgate repo add NAME`")
    else:
        table(("NAME", "FORGE", "BRANCH", "TIP", "URL"), map(_row, found))


def _row(repository: dict[str, Any]) -> tuple[Any, ...]:
    branch = repository.get("default_branch")
    tip = (repository.get("refs") or {}).get(f"refs/heads/{branch}", "")
    return repository["name"], repository.get("forge"), branch, tip[:10], repository.get("url") or repository.get("git_url")


@commands.command()
def sync(name: Annotated[str, typer.Argument()], output: OutputOption = Output.TABLE, server: Server = DEFAULT_SERVER, token: Token = "") -> None:
    """Looks at a repository's refs now, as a webhook would make it."""
    from service.cli.client import Api, path

    answer = Api(server, token).send("POST", f"/repositories{path(name)}/sync")
    if output is Output.JSON:
        document(answer)
    else:
        show(f"{name} will be looked at")
