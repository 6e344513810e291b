"""Which URLs the service may fetch from and push to: plain https, without a login in it. Whether the address behind one may be called is said by
`service.addresses`, for Git as for everything else.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from service.addresses import resolve_and_check
from service.errors import Forbidden, Malformed

LONGEST_URL = 2048
_SCP = re.compile(r"[^/:]+@?[^/:]*:(?!//)")


def remote(url: str, allow_private: bool) -> str:
    """The URL as it may be used: scheme, host and every address behind the host checked.

    Raises Malformed (no such URL here), Forbidden (not this address), Unavailable (the name does not resolve).
    """
    place = _split(url)
    if place.scheme == "http" and not allow_private:
        raise Forbidden("Plain http sends the token in clear: use https, or add the repository with --allow-private.")
    host = place.hostname or ""
    port = place.port or (443 if place.scheme == "https" else 80)
    resolve_and_check(host, port, allow_private)
    return place.geturl()


def _split(url: str) -> SplitResult:
    """Parsed, or refused with a reason that never repeats a password."""
    if len(url) > LONGEST_URL:
        raise Malformed(f"The URL is longer than {LONGEST_URL} characters.")
    if not url.isprintable() or " " in url or "\\" in url:
        raise Malformed("The URL holds spaces, backslashes, line breaks or control characters.")
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError as fault:
        raise Malformed(f"The URL can't be read: {fault}.") from fault
    if place.scheme in ("ssh", "git+ssh", "ssh+git") or (not place.netloc and _SCP.match(url)):
        raise Malformed("Git over ssh is not in this version: use the https URL, with a token.")
    if place.scheme not in ("https", "http"):
        raise Malformed(f"{place.scheme or 'A path'!r} can't be fetched from: an https URL is needed.")
    if "@" in place.netloc:
        raise Malformed("The URL holds a user name or password: leave it out and give the token by --token-from.")
    if not place.hostname or port == 0 or place.hostname.startswith("-"):
        raise Malformed("The URL has no host that could be called.")
    if place.query or place.fragment:
        raise Malformed("The URL of a repository has no '?' and no '#'.")
    return place
