"""Reads the address that a repository is cloned from: a URL, or Git's short form `git@host:owner/name.git`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_SHORT = re.compile(r"(?!-)(?:[\w.-]+@)?(?P<host>(?!-)[\w.-]+):(?P<path>[^/:].*)", re.ASCII)
# A name that begins with a dash would be an option of the ssh program.
_HOST = re.compile(r"(?!-)[\w.-]+|[0-9a-f:.]+", re.ASCII)
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_PART = re.compile(r"[\w.-]{1,255}", re.ASCII)
_SCHEMES = ("https", "http", "ssh")


@dataclass(frozen=True, slots=True)
class Address:
    """A clone URL in parts. `web` is where the same host serves its pages and API: `https` and its own port unless the URL is a web address."""

    host: str
    web: str
    path: str


def split(url: str) -> Address:
    """Raises ValueError with what is wrong, for the person who wrote the URL. A password in the URL is never repeated."""
    if _UNSAFE.search(url):
        raise ValueError("an address of a repository has no spaces, control characters or backslashes")
    if "://" not in url and (short := _SHORT.fullmatch(url)):
        return Address(short["host"].lower(), f"https://{short['host'].lower()}", short["path"])
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not an address of a repository: write it as https://host/owner/name.git") from None
    if parts.scheme not in _SCHEMES or not host or not _HOST.fullmatch(host):
        raise ValueError("not an address of a repository: write it as https://host/owner/name.git, ssh://… or git@host:owner/name.git")
    return Address(host, _web(parts.scheme, host, port), parts.path)


def _web(scheme: str, host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    if scheme == "ssh":
        return f"https://{name}"
    return f"{scheme}://{name}:{port}" if port else f"{scheme}://{name}"


def repository_path(path: str, parts: int | None = 2) -> str:
    """`/owner/name.git` → `owner/name`. Raises ValueError unless it has so many parts, each a plain name."""
    found = path.strip("/").removesuffix(".git").split("/")
    if (parts and len(found) != parts) or any(not _PART.fullmatch(part) or part.strip(".") == "" for part in found):
        raise ValueError("the address does not end with owner/name" if parts else "the address does not end with a repository's name")
    return "/".join(found)
