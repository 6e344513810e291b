"""Secrets in places that people read: logs, labels, outputs, messages. They are masked there, but nothing is masked that was changed on the way."""

from __future__ import annotations

from service.expressions import Call
from service.flows.outline import Step
from service.flows.problems import Severity
from service.flows.site import Site

#: Properties of the flow itself that people read.
_SHOWN = {"outputs": "an output of the flow", "checks": "a message"}


def check_secret(site: Site, call: Call) -> None:
    """`secret(…)`."""
    where = _shown_in(site)
    if where is not None:
        message = f"a secret in {where}: it will be masked there, but should not be there at all"
        site.note("HG-0311", call, message, "use it where it is needed: in `env`, in a header, in a password", Severity.WARNING)


def _shown_in(site: Site) -> str | None:
    """What people will read the secret in; None where it is not shown."""
    owner, key = site.owner, str(site.key)
    if key == "labels":
        return "a label"
    if owner is None:
        return _SHOWN.get(str(site.path[0]))
    if isinstance(owner, Step) and owner.info:
        renamed = owner.info.spelling.renamed if owner.info.spelling else {}
        return "the log" if renamed.get(key, key) in owner.info.cls.LOGGED else None
    return None
