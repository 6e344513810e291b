"""Writes a flow through the API: a commit, whatever it was before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from service.cli.client import Api, Refused, path

#: What the server, to which only the text was sent, calls the file.
_UNNAMED = "flow.yaml"


def upload(api: Api, text: bytes, identity: tuple[str, str], message: str = "", file: Path | None = None) -> tuple[bool, dict[str, Any]]:
    """Creates the flow, or updates it when it exists. Returns whether it is new, and the flow. Raises Stop, with places in `file` where that is given."""
    try:
        return _upload(api, text, identity, message)
    except Refused as refusal:
        named = re.sub(rf"^(\s*){re.escape(_UNNAMED)}:(?=\d)", lambda found: f"{found[1]}{file or _UNNAMED}:", refusal.message, flags=re.MULTILINE)
        raise Refused(refusal.status, named) from None


def _upload(api: Api, text: bytes, identity: tuple[str, str], message: str) -> tuple[bool, dict[str, Any]]:
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
