"""Which network addresses the service itself may connect to: `runners.egress`, in the service's own words."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from runners import egress
from runners.allowance import Egress
from runners.egress import Barred, Resolve, Unknown
from service.errors import Forbidden, Unavailable


def free_port() -> int:
    """A port of this machine on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def resolve_and_check(host: str, port: int, allow_private: bool = False, resolve: Resolve = egress.resolve) -> tuple[str, ...]:
    """See `runners.egress.checked`, for a repository. Raises Forbidden, or Unavailable when the name can't be resolved now."""
    try:
        return egress.checked(host, port, Egress(allow_private), resolve)
    except Barred as barred:
        hint = "; allow private networks for this repository (--allow-private) if that is meant" if barred.private else ""
        raise Forbidden(f"{barred}{hint}") from None
    except Unknown as unknown:
        raise Unavailable(str(unknown)) from None


def reachable(host: str, port: int, allowed: Egress, resolve: Resolve = egress.resolve) -> Sequence[str]:
    """The same for what a flow asks for. Raises Forbidden, Unavailable."""
    try:
        return egress.checked(host, port, allowed, resolve)
    except Barred as barred:
        raise Forbidden(f"{barred} (see the setting `private_addresses`)" if barred.private else str(barred)) from None
    except Unknown as unknown:
        raise Unavailable(str(unknown)) from None
