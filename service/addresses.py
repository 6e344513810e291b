"""Which network addresses the service itself may connect to: the guard against being used to reach what only we can reach.

A URL comes from somebody who may add a repository, a flow or a hook; the address behind it must be public, unless private networks
are allowed for that repository. Addresses are checked, never names: `0x7f.1`, full-width digits and a DNS answer are all just
other spellings. What an IPv6 address only wraps (IPv4-mapped, 6to4, Teredo, NAT64) is unwrapped first. Link-local addresses and the
metadata services of clouds hand out credentials and are refused always.

The check is worth something only for the address that is then connected to, so `resolve_and_check` gives back addresses to connect to.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

from service.errors import Forbidden, Unavailable

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Gives the addresses of a host and port as text. Raises `errors.Unavailable`.
Resolve = Callable[[str, int], Sequence[str]]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
# Metadata services (Azure, Alibaba, Oracle, AWS, Google, Scaleway): some of these count as public or as private.
_NEVER = tuple(
    ipaddress.ip_network(network) for network in ("168.63.129.16", "100.100.100.200", "192.0.0.0/24", "fd00:ec2::254", "fd20:ce::254", "fd00:42::42")
)
_PRIVATE = tuple(
    ipaddress.ip_network(network) for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")
)


def allowed(ip: IP, allow_private: bool = False) -> bool:
    """Whether the service may connect to this address. `allow_private` adds loopback, private and carrier networks, nothing else."""
    return all(_allowed(inner, allow_private) for inner in unwrapped(ip))


def unwrapped(ip: IP) -> tuple[IP, ...]:
    """The addresses that packets to this one really reach or pass."""
    if isinstance(ip, ipaddress.IPv4Address):
        return (ip,)
    if ip.ipv4_mapped:
        return (ip.ipv4_mapped,)
    if ip.sixtofour:
        return (ip.sixtofour,)
    if ip.teredo:
        return ip.teredo
    if ip in _NAT64:
        return (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF),)
    return (ip,)


def free_port() -> int:
    """A port of this machine on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def resolve(host: str, port: int) -> Sequence[str]:
    """The system's resolver."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as wrong:
        raise Unavailable(f"the name {host} can't be resolved: {wrong}") from None
    return [str(address[4][0]) for address in found]


def resolve_and_check(host: str, port: int, allow_private: bool = False, resolve: Resolve = resolve) -> tuple[str, ...]:
    """The addresses of a host, in the resolver's order, each of them allowed: connect to these and no others.

    One address that isn't allowed refuses the host: a name that means both is a trap. Raises Forbidden, or Unavailable when the name
    can't be resolved now.
    """
    addresses = tuple(dict.fromkeys(resolve(host, port)))
    for address in addresses:
        if not allowed(ipaddress.ip_address(address), allow_private):
            raise Forbidden(_refusal(host, ipaddress.ip_address(address), allow_private))
    return addresses


def _allowed(ip: IP, allow_private: bool) -> bool:
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or any(ip in network for network in _NEVER):
        return False
    if any(ip in network for network in _PRIVATE):
        return allow_private
    return ip.is_global and not ip.is_reserved and (ip.version == 4 or ip in _PUBLIC_V6)  # noqa: PLR2004  (IPv4 is a name)


def _refusal(host: str, ip: IP, allow_private: bool) -> str:
    if not allow_private and allowed(ip, allow_private=True):
        return f"{host} is {ip}, an address of a private network; allow private networks for this repository (--allow-private) if that is meant"
    return f"{host} is {ip}, an address that is never connected to"
