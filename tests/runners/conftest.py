"""What the runners' tests share."""

from __future__ import annotations

import pytest

from runners.memory import MemoryService
from tests.runners.images import Images, docker_images

__all__ = ["Images", "docker_images", "service"]


@pytest.fixture
def service() -> MemoryService:
    """The service's side of the protocol."""
    return MemoryService()
