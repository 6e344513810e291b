"""Enterprise. What Kestra's enterprise edition has, and this service has not: each says so."""

from __future__ import annotations

from typing import Any

from service.expressions.arguments import optional_text
from service.expressions.registry import function
from service.expressions.run import Run


@function("assets")
def assets(call: Run) -> list[Any]:
    """The assets of this instance. Kestra's enterprise edition has these; here it is refused.

    {{ assets() | length }} -> 1
    """
    return call.ports.assets()


@function("appLink")
def app_link(call: Run, app_id: Any = None, base_url: Any = False) -> str:
    """The address of an app that starts this flow. Kestra's enterprise edition has these; here it is refused.

    {{ appLink('form') }} -> /apps/form
    """
    return call.ports.app_link(optional_text("appLink", app_id), base_url is True)
