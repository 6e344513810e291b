from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.api.calling import calling
from tests.support.station import Station, helper, station

__all__ = ["helper", "station"]


@pytest.fixture
def client(station: Station) -> Iterator[TestClient]:
    """The service on loopback, as a person without a token sees it."""
    with calling(station) as client:
        yield client
