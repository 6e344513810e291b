"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from service.cli.stop import WRONG, Stop

DEFAULT_SERVER = "http://127.0.0.1:8080"


class Output(StrEnum):
    """How data is printed."""

    TABLE = "table"
    JSON = "json"


class Backend(StrEnum):
    """Where runner tasks run."""

    AUTO = "auto"
    PROCESS = "process"
    DOCKER = "docker"


_SERVER = typer.Option("--server", envvar="HEADGATE_SERVER", metavar="URL", help="Where Headgate answers.")
Server = Annotated[str, _SERVER]
Token = Annotated[str, typer.Option("--token", envvar="HEADGATE_TOKEN", metavar="TOKEN", show_default=False, help="Asked for where it is not on loopback.")]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="table for people, json for programs.")]
Pairs = Annotated[list[str] | None, typer.Option("--input", "-i", metavar="KEY=VALUE", show_default=False, help="An input's value; may be repeated.")]


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """`k=v` texts as a mapping; the last of a key wins."""
    found: dict[str, str] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise Stop(WRONG, f"{option} `{text}` is not of the form KEY=VALUE")
        found[key.strip()] = value
    return found
