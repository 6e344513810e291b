"""What goes wrong with a call of another server, in words for whoever wrote the flow."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from runners.connections import TooMany, Unpackable
from runners.egress import Barred, Unknown
from runners.http_options import HttpOptions
from runners.protocol import Unusable


@contextmanager
def told(host: str, options: HttpOptions, redirects: int) -> Iterator[None]:
    """Around a call of that host, which follows so many redirects. Raises Unusable."""
    via = options.via
    where = f"{host} through the proxy {via.address}:{via.port}" if via else host
    try:
        yield
    except Barred as barred:
        raise Unusable(f"{barred}; it is not for this flow (see the setting `private_addresses`)" if barred.private else str(barred)) from None
    except (Unknown, Unpackable, TooMany) as problem:
        raise Unusable(str(problem)) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
        raise Unusable(_words(problem, host, where, options, redirects)) from None


def _words(problem: httpx2.HTTPError | httpx2.InvalidURL, host: str, where: str, options: HttpOptions, redirects: int) -> str:
    match problem:
        case httpx2.ConnectTimeout():
            return f"no connection to {where} within {options.waits[0]:g} s (`options.timeout.connectTimeout`)"
        case httpx2.TimeoutException():
            return f"nothing came from {where} for {options.waits[1]:g} s (`options.timeout.readIdleTimeout`)"
        case httpx2.TooManyRedirects():
            return f"{host} redirects more than {redirects} times"
        case httpx2.ProxyError():
            return f"the proxy does not connect to {host}: {problem}"
        case httpx2.ConnectError():
            return _no_connection(where, problem)
        case httpx2.UnsupportedProtocol():
            return f"{host} redirects to something that is neither http:// nor https://"
    return f"the call of {where} broke off: {str(problem)[:300] or type(problem).__name__}"


def _no_connection(where: str, problem: httpx2.ConnectError) -> str:
    cause: BaseException | None = problem
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate of {where} is not trusted: {cause.verify_message} (`options.ssl.insecureTrustAllCertificates` would take it)"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS connection to {where}: {cause.reason or cause}"
    return f"no connection to {where}: {problem}"
