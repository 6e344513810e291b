"""Addresses that could also mean the start of a flow: `POST /executions/{id}/resume` is the flow `resume` of the namespace `{id}`, too."""

from __future__ import annotations

import re

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

#: What an id of an execution looks like.
_ID = re.compile(r"[0-9A-Za-z]{22}")

#: Bodies that start nothing.
TEXT = ("text/plain",)


class ExecutionRoute(APIRoute):
    """Meant for an execution where the address names one, or where the body is a text, which starts nothing."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As all routes do."""
        match, child = super().matches(scope)
        if match is Match.FULL and not (_ID.fullmatch(child["path_params"]["id"]) or _is_text(scope)):
            return Match.NONE, {}
        return match, child


def _is_text(scope: Scope) -> bool:
    return Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower() in TEXT
