from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.egress import allowed
from service.errors import Forbidden, Malformed, ServiceError, Unavailable
from service.git import addresses


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("file:///etc", "file"),
        ("/etc", "path"),
        ("ext::sh -c id", "spaces"),
        ("ext::id", "not in this version|ext"),
        ("ssh://git@example.org/x.git", "ssh is not in this version"),
        ("ssh://-oProxyCommand=x/y", "ssh is not in this version"),
        ("git@example.org:me/x.git", "ssh is not in this version"),
        ("git://example.org/x.git", "git"),
        ("https://me:secret@example.org/x.git", "user name or password"),
        ("https://token@example.org/x.git", "user name or password"),
        ("https://example.org/x.git\nHost: evil", "line breaks"),
        ("https://example.org/\x00", "control"),
        ("https://good.org\\@evil.org/x", "backslashes"),
        ("https:///x.git", "no host"),
        ("https://", "no host"),
        ("https://-x/y", "no host"),
        ("https://example.org:99999/x", "can't be read"),
        ("https://example.org:0/x", "no host"),
        ("https://example.org/x?y", "'\\?'"),
        ("https://[::1/x", "can't be read"),
        ("https://" + "x" * 3000, "longer"),
        ("", "path"),
        ("--upload-pack=id", "path"),
    ],
)
def test_only_plain_https_urls_are_called(url: str, word: str) -> None:
    for private in (False, True):
        with pytest.raises(Malformed, match=word) as refused:
            addresses.remote(url, private)
        assert "secret" not in refused.value.message


def test_http_needs_consent() -> None:
    with pytest.raises(Forbidden, match="in clear"):
        addresses.remote("http://127.0.0.1/x.git", allow_private=False)
    assert addresses.remote("http://127.0.0.1/x.git", allow_private=True) == "http://127.0.0.1/x.git"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.9", "100.64.0.1", "[::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]"],
)
def test_addresses_of_the_house_need_consent(host: str) -> None:
    with pytest.raises(Forbidden, match="--allow-private"):
        addresses.remote(f"https://{host}/x.git", allow_private=False)
    assert addresses.remote(f"https://{host}/x.git", allow_private=True)


@pytest.mark.parametrize("host", ["0x7f.1", "0177.0.0.1", "2130706433", "127.1", "localhost"])
def test_spellings_of_the_loopback_are_the_loopback(host: str) -> None:
    with pytest.raises(Forbidden, match="--allow-private"):
        addresses.remote(f"https://{host}/x.git", allow_private=False)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[2002:a9fe:a9fe::]",
        "[64:ff9b::a9fe:a9fe]",
        "[::a9fe:a9fe]",
        "0.0.0.0",
        "[::]",
        "224.0.0.1",
        "[ff02::1]",
    ]
    + ["255.255.255.255", "240.0.0.1", "100.100.100.200", "168.63.129.16", "[fd00:ec2::254]", "[fec0::1]", "192.0.2.1", "[2001:0:a9fe:a9fe::1]"],
)
def test_some_addresses_are_never_called(host: str) -> None:
    for private in (False, True):
        with pytest.raises(Forbidden, match="never connected to"):
            addresses.remote(f"https://{host}/x.git", private)


@pytest.mark.parametrize("address", ["140.82.121.4", "2606:4700::1111", "::ffff:140.82.121.4", "64:ff9b::8c52:7904"])
def test_public_addresses_are_called(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    assert addresses.remote(f"https://{host}/x.git", allow_private=False) == f"https://{host}/x.git"


def test_a_name_that_does_not_resolve_is_worth_another_try() -> None:
    with pytest.raises(Unavailable, match="can't be resolved"):
        addresses.remote("https://no-such-host.invalid/x.git", allow_private=False)


@pytest.mark.parametrize("host", ["１２７.０.０.１", "ｌｏｃａｌｈｏｓｔ", "a" * 70 + ".org", "x..y", "名前.invalid"])
def test_other_alphabets_end_in_an_answer(host: str) -> None:
    with pytest.raises(ServiceError):
        addresses.remote(f"https://{host}/x.git", allow_private=False)


@given(st.ip_addresses(), st.booleans())
def test_git_may_call_what_everything_else_may_call(address: ipaddress.IPv4Address | ipaddress.IPv6Address, private: bool) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    try:
        addresses.remote(f"https://{host}/x.git", private)
    except Forbidden:
        called = False
    else:
        called = True
    assert called == allowed(address, private)
