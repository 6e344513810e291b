"""Logins of image registries, as the Docker daemon wants them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from runners.options.docker import Credentials


def login(image: str, given: Credentials | None, config: Mapping[str, Any] | str | None) -> dict[str, Any] | None:
    """The login for an image's registry, from `credentials`, else from `config`; None where there is none. Raises ValueError."""
    registry = registry_of(image)
    if given:
        named = {"username": given.username, "password": given.password, "identitytoken": given.identity_token, "registrytoken": given.registry_token}
        return _decoded({**named, "auth": given.auth}, given.registry or registry)
    try:
        read = json.loads(config) if isinstance(config, str) else config
        logins: Mapping[str, Any] = (read or {}).get("auths") or {}
        found = next((logins[name] for name in (registry, f"https://{registry}", f"https://{registry}/v1/", f"{registry}/v1/") if name in logins), None)
        return None if found is None else _decoded(found, registry)
    except (ValueError, AttributeError, TypeError) as problem:
        raise ValueError(f"config is no Docker configuration: {problem}") from problem


def registry_of(image: str) -> str:
    """The registry's host; an image that names none is of the hub."""
    head, slash, _ = image.partition("/")
    return head if slash and (head == "localhost" or "." in head or ":" in head) else "index.docker.io"


def _decoded(login: Mapping[str, Any], registry: str) -> dict[str, Any]:
    """A login as the daemon wants it: `auth` is user:password in base64."""
    found = {name: value for name, value in login.items() if value and name != "auth"}
    if login.get("auth"):
        try:
            user, _, password = base64.b64decode(login["auth"], validate=True).decode().partition(":")
        except ValueError as problem:
            raise ValueError(f"credentials: the login for {registry} has an `auth` that is not base64") from problem
        found = {"username": user, "password": password.rstrip("\0"), **found}
    return {**found, "serveraddress": registry}
