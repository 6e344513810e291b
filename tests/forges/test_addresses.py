"""Addresses are judged by what they reach, however they are written (TRUST 4.8)."""

from __future__ import annotations

import ipaddress
import socket
from functools import partial

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.connections import GuardedTransport, bounded
from runners.egress import allowed, resolve
from service.addresses import free_port, resolve_and_check
from service.errors import Forbidden, Unavailable
from tests.support.loopback import Handler, Server

PUBLIC = ["8.8.8.8", "140.82.121.3", "2606:50c0:8000::64", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"]
PRIVATE = ["127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"]
WRAPPED = ["64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:c0a8:101::1", "2001:0:4136:e378:8000:63bf:80ff:fffe"]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "64:ff9b:1::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "100::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address):
    assert allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE + WRAPPED)
def test_private_addresses_need_a_permission(address):
    assert not allowed(ipaddress.ip_address(address))
    assert allowed(ipaddress.ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_allowed(address):
    assert not allowed(ipaddress.ip_address(address))
    assert not allowed(ipaddress.ip_address(address), allow_private=True)


@given(st.ip_addresses())
def test_a_permission_never_takes_away(ip):
    assert allowed(ip, allow_private=True) or not allowed(ip)


@given(st.ip_addresses(v=4))
def test_a_wrapped_address_is_judged_like_itself(ip):
    for wrapped in (f"::ffff:{ip}", f"64:ff9b::{ip}", str(ipaddress.IPv6Address((0x2002 << 112) | (int(ip) << 80)))):
        assert allowed(ipaddress.ip_address(wrapped)) == allowed(ip)


@pytest.mark.parametrize("host", ["127.0.0.1", "0177.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost", "::1", "::ffff:7f00:1"])
def test_every_spelling_of_loopback_is_loopback(host):
    with pytest.raises(Forbidden, match="--allow-private"):
        resolve_and_check(host, 80)
    assert set(resolve_and_check(host, 80, allow_private=True)) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@pytest.mark.parametrize("host", ["169.254.169.254", "0", "0xa9fea9fe", "::ffff:a9fe:a9fe"])
def test_what_is_never_allowed_says_so(host):
    with pytest.raises(Forbidden, match="never connected to"):
        resolve_and_check(host, 80, allow_private=True)


@pytest.mark.parametrize("host", ["a" * 300, "x..y", "a\x00b", "\udcff"])
def test_a_name_that_can_be_none_is_unavailable(host):
    with pytest.raises(Unavailable):
        resolve_and_check(host, 80)


class Hello(Handler):
    def respond(self):
        self.answer(200, (), b"hello")


@pytest.fixture
def server():
    made = Server(Hello)
    made.start()
    yield made
    made.stop()


def client(allow_private, resolve=resolve):
    return httpx2.Client(transport=GuardedTransport(partial(resolve_and_check, allow_private=allow_private, resolve=resolve)), trust_env=False)


def test_the_transport_connects_where_it_may(server):
    with client(allow_private=True) as http:
        assert http.get(server.url).text == "hello"
        assert http.get(server.url.replace("127.0.0.1", "localhost")).text == "hello"


def test_the_transport_connects_nowhere_else(server):
    with client(allow_private=False) as http:
        for host in ("127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]"):
            with pytest.raises(Forbidden):
                http.get(server.url.replace("127.0.0.1", host))


def test_a_name_that_changes_its_meaning_is_connected_as_it_was_checked(server):
    answers = ["127.0.0.1", "10.0.0.1"]
    with client(allow_private=True, resolve=lambda host, port: [answers.pop(0)]) as http:
        assert http.get(server.url.replace("127.0.0.1", "rebind.test")).text == "hello"
    assert answers == ["10.0.0.1"]


def test_the_next_address_is_tried_when_one_does_not_answer(server):
    with client(allow_private=True, resolve=lambda host, port: ["127.0.0.2", "127.0.0.1"]) as http:
        assert http.get(server.url.replace("127.0.0.1", "two.test")).text == "hello"


def test_one_wrong_address_among_several_refuses_the_name():
    with pytest.raises(Forbidden, match=r"10\.0\.0\.1"):
        resolve_and_check("both.test", 80, resolve=lambda host, port: ["8.8.8.8", "10.0.0.1"])


def test_a_passed_deadline_ends_a_call_before_it_begins(server):
    with client(allow_private=True) as http, bounded(0.0), pytest.raises(httpx2.TimeoutException):
        http.get(server.url)


def test_a_free_port_can_be_listened_on():
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert 1024 <= port <= 65535
