"""Which network addresses may be connected to: the guard against being used to reach what only we can reach.

A URL comes from somebody who may add a repository, a flow or a hook; the address behind it must be public, unless private networks
are allowed there. Addresses are checked, never names: `0x7f.1`, full-width digits and a DNS answer are all just
other spellings. What an IPv6 address only wraps (IPv4-mapped, 6to4, Teredo, NAT64) is unwrapped first. Link-local addresses and the
metadata services of clouds hand out credentials and are refused always.

The check is worth something only for the address that is then connected to, so `checked` gives back addresses to connect to.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

from runners.allowance import Egress

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Gives the addresses of a host and port as text. Raises Unknown.
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


class Barred(Exception):
    """An address that may not be connected to. `private`: it might be, where private networks are allowed. The message names it."""

    def __init__(self, message: str, private: bool = False) -> None:
        super().__init__(message)
        self.private = private


class Unknown(Exception):
    """A name that has no address, or whose address can't be asked for now."""


def allowed(ip: IP, allow_private: bool = False) -> bool:
    """Whether this address may be connected to. `allow_private` adds loopback, private and carrier networks, nothing else."""
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


def resolve(host: str, port: int) -> Sequence[str]:
    """The system's resolver."""
    if not 0 < port < 1 << 16:
        raise Unknown(f"{host}:{port} has no port that there is")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as wrong:
        why = (wrong.strerror if isinstance(wrong, OSError) else None) or wrong
        raise Unknown(f"the name {host} can't be resolved: {why}") from None
    return [str(address[4][0]) for address in found]


def checked(host: str, port: int, egress: Egress, resolve: Resolve = resolve) -> tuple[str, ...]:
    """The addresses of a host, in the resolver's order, each of them allowed: connect to these and no others.

    One address that isn't allowed refuses the host: a name that means both is a trap. Raises Barred, or Unknown when the name
    can't be resolved now.
    """
    addresses = tuple(dict.fromkeys(resolve(host, port)))
    if port == egress.own_port and any(_is_this_machine(address) or address in _of(egress.own_host, port, resolve) for address in addresses):
        # Whoever calls from this machine is the admin of a service that listens on loopback: a flow must not be.
        raise Barred(f"{host}:{port} is this service itself; its own API is not called from a flow")
    for address in addresses:
        ip = ipaddress.ip_address(address)
        if not allowed(ip, egress.private):
            raise _refusal(host, ip, egress.private)
    return addresses


def _allowed(ip: IP, allow_private: bool) -> bool:
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or any(ip in network for network in _NEVER):
        return False
    if any(ip in network for network in _PRIVATE):
        return allow_private
    return ip.is_global and not ip.is_reserved and (ip.version == 4 or ip in _PUBLIC_V6)


def _refusal(host: str, ip: IP, allow_private: bool) -> Barred:
    if not allow_private and allowed(ip, allow_private=True):
        return Barred(f"{host} is {ip}, an address of a private network", private=True)
    return Barred(f"{host} is {ip}, an address that is never connected to")


def _of(host: str, port: int, resolve: Resolve) -> Sequence[str]:
    try:
        return resolve(host, port) if host else ()
    except Unknown:
        return ()


def _is_this_machine(address: str) -> bool:
    """Whether packets to an address stay here: then the system sends them from that very address, or they go to loopback."""
    for ip in unwrapped(ipaddress.ip_address(address)):
        if ip.is_loopback:
            return True
        try:
            with socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.connect((str(ip), 9))  # sends nothing
                if ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == ip:
                    return True
        except OSError:
            continue  # no way to it, so it is not here
    return False
