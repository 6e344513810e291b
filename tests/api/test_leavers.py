"""Who leaves in the middle of something has done nothing wrong, and neither have we."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.serving import served
from tests.support.station import RUNNER_TOKEN, Station

REQUESTS = ["POST /api/v1/runner/beat", "POST /api/v1/main/flows/search", "POST /hooks/nobody", "PUT /api/v1/runner/jobs/a/1/1/file?name=x"]


@pytest.mark.parametrize("request_line", REQUESTS)
def test_a_client_that_dies_in_its_request_leaves_no_fault_in_the_log(station: Station, caplog: pytest.LogCaptureFixture, request_line: str):
    station.allow()
    with served(station) as url:
        place = urlsplit(url)
        with socket.create_connection((place.hostname, place.port)) as client:
            head = [f"{request_line} HTTP/1.1", f"Host: {place.netloc}", f"Authorization: Bearer {RUNNER_TOKEN}", "Content-Type: application/json"]
            client.sendall("\r\n".join([*head, "Content-Length: 100", "", '{"half']).encode())
        assert httpx2.get(f"{url}/healthz").status_code == 200
    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []
