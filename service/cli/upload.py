"""Writes a flow through the API: a commit, whatever it was before."""

from __future__ import annotations

from typing import Any

from service.cli.client import Api, Refused, path


def upload(api: Api, text: bytes, identity: tuple[str, str], message: str = "") -> tuple[bool, dict[str, Any]]:
    """Creates the flow, or updates it when it exists. Returns whether it is new, and the flow."""
    options = {"content": text, "headers": {"Content-Type": "application/x-yaml"}, "params": {"message": message} if message else {}}
    try:
        return True, api.send("POST", "/flows", **options)
    except Refused as refusal:
        if refusal.status != 409:
            raise
        taken = refusal
    try:
        return False, api.send("PUT", f"/flows{path(*identity)}", **options)
    except Refused as refusal:
        # Then the conflict was another one than that the flow exists.
        raise taken if refusal.status == 404 else refusal from None
