"""Whether the service is well, and what it is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from service.api.access import Anyone, Reader
from service.api.parts import Use
from service.errors import Unavailable

router = APIRouter(tags=["service"])


@router.get("/healthz")
@router.get("/ping")
async def health(_: Anyone, parts: Use) -> dict[str, str]:
    """200 while the service takes work. Anybody may ask, so nothing is read or written for it."""
    if parts.stopping.is_set():
        raise Unavailable("stopping")
    ill = parts.ill()
    if ill:
        raise Unavailable(f"not working: {', '.join(ill)}")
    return {"status": "ok"}


@router.get("/api/v1/configs")
async def configs(_: Reader, parts: Use) -> dict[str, Any]:
    """What clients want to know of the installation."""
    kit = parts.kit
    return {"version": kit.version, "url": kit.url, "edition": "OSS", "isAnonymousUsageEnabled": False, "environment": {"name": "main"}}
