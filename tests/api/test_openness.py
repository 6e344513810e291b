"""Who is let in without a token: nobody, as soon as somebody from elsewhere may get here."""

from __future__ import annotations

import pytest

from service.settings import Settings
from tests.api.calling import calling
from tests.api.routes import declared
from tests.support.serving import app_of
from tests.support.station import ADMIN_TOKEN, Station

LOOPBACK_HOSTS = ["127.0.0.1", "127.8.8.8", "::1", "localhost"]
OTHER_HOSTS = ["0.0.0.0", "::", "10.0.0.1", "flows.example.com", "127.0.0.1.example.com", ""]
LOOPBACK_URLS = ["", "http://localhost:8080", "http://127.0.0.1", "https://[::1]:9/", "http://flows.localhost", "http://LOCALHOST"]
OTHER_URLS = [
    "https://flows.example.com",
    "https://flows.example.com:8080/",
    "http://10.0.0.1",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://localhost@example.com",
    "http://[",
    "flows.example.com",
    "//",
]


@pytest.mark.parametrize("host", LOOPBACK_HOSTS + OTHER_HOSTS)
@pytest.mark.parametrize("url", LOOPBACK_URLS + OTHER_URLS)
def test_only_who_is_bound_to_loopback_and_known_by_it_alone_is_open(host: str, url: str):
    assert Settings(host=host, url=url).open is (host in LOOPBACK_HOSTS and url in LOOPBACK_URLS)


@pytest.mark.parametrize("url", ["https://flows.example.com", "http://10.0.0.1:80"])
def test_behind_a_proxy_every_route_asks_for_a_token(station: Station, url: str):
    station.allow()
    with calling(station, url=url) as client:
        for route in declared(app_of(station)):
            if route.permissions != ("public",):
                assert client.request(route.method, route.address).status_code == 401, route
        assert client.get("/api/v1/configs", headers={"authorization": f"Bearer {ADMIN_TOKEN}"}).status_code == 200
