"""JDBC's URLs, taken apart. A message never repeats a URL: it may hold a password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from runners.protocol import Unusable


@dataclass(frozen=True, slots=True)
class Server:
    """A database on a server; several hosts are tried one after the other. `database` is None where the URL names none."""

    hosts: tuple[tuple[str, int | None], ...]
    database: str | None
    options: Mapping[str, str]

    @property
    def shown(self) -> str:
        """For messages."""
        return ", ".join(f"{host}:{port}" if port else host for host, port in self.hosts)


def after(url: str, prefix: str) -> str:
    """What follows `jdbc:<prefix>:`; raises Unusable for the URL of another database."""
    text = url.strip()
    wanted = f"jdbc:{prefix}:"
    if text[: len(wanted)].lower() == wanted:
        return text[len(wanted) :]
    found = text.split(":", 2)
    shown = f"it begins with jdbc:{found[1][:40]}:" if found[0].lower() == "jdbc" and len(found) > 2 and found[1].isalnum() else "it is no JDBC URL"
    raise Unusable(f"url: {shown}; this task wants one that begins with {wanted}")


def server(url: str, prefix: str, port: int) -> Server:
    """`jdbc:<prefix>://host:port,host/database?name=value`, or `jdbc:<prefix>:database` for this host. Raises Unusable."""
    rest, _, query = after(url, prefix).partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if not rest.startswith("//"):
        return Server((("localhost", port),), unquote(rest.strip("/")) or None, options)
    hosts, _, database = rest[2:].partition("/")
    if "@" in hosts:
        raise Unusable("url: a JDBC URL has no place for a name and a password before the host; use username and password")
    return Server(tuple(_host(one, port) for one in hosts.split(",")), unquote(database) or None, options)


def _host(text: str, usual: int) -> tuple[str, int | None]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if port and not (port.isdigit() and 0 < int(port) < 1 << 16):
        raise Unusable(f"url: {port[:20]!r} is no port")
    return unquote(host) or "localhost", int(port or usual)


def file(url: str, prefix: str, separator: str) -> tuple[str, Mapping[str, str]]:
    """`jdbc:<prefix>:path` and the options after its first separator, which are `name=value` with `&` or `;` between them. Raises Unusable."""
    path, _, query = after(url, prefix).partition(separator)
    options = dict(parse_qsl(query.replace(";", "&"), keep_blank_values=True))
    return path, options
