"""Which addresses a job's own calls may reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Egress:
    """Which addresses a job's own calls of other servers may reach: public ones always. `private`: loopback and private networks, too.

    Nothing reaches the service itself in this way: `own_port` of `own_host`, and of the machine that calls.
    """

    private: bool = False
    own_port: int | None = None
    own_host: str = ""
