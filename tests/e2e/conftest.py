"""What the end-to-end tests share: the log of their services in the report of a failure, and images for containers."""

from __future__ import annotations

from tests.e2e.service import pytest_runtest_makereport
from tests.runners.images import docker_images

__all__ = ["docker_images", "pytest_runtest_makereport"]
