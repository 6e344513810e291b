"""The `options` of HTTP tasks: how a call is made, beside what is sent."""

from __future__ import annotations

import codecs
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from runners.fields import Dynamic, Integer, Interval, Model, Text, is_template, wrong

CONNECT, IDLE = timedelta(seconds=30), timedelta(minutes=5)


def _is_charset(name: str) -> str:
    try:
        codecs.lookup(name)
    except (LookupError, ValueError):
        raise wrong("charset", "not a charset that is known", "for example UTF-8 or ISO-8859-1") from None
    return name


_Charset = Annotated[Text, AfterValidator(_is_charset)]
_Code = Annotated[Integer, Field(ge=100, le=599)]
_Port = Annotated[Integer, Field(ge=1, le=65535)]


class Timeouts(Model):
    """How long is waited."""

    connect_timeout: Dynamic[Interval] | None = Field(None, description="For a connection; PT30S by default.")
    read_idle_timeout: Dynamic[Interval] = Field(IDLE, description="For the next bytes of the answer.")


class Proxy(Model):
    """A server that makes the call for us."""

    type: Dynamic[Literal["DIRECT", "HTTP", "SOCKS"]] = Field("DIRECT", description="DIRECT uses none. SOCKS is not run yet.")
    address: Dynamic[Text] | None = Field(None, description="Its name or address.")
    port: Dynamic[_Port] | None = Field(None, description="Its port.")
    username: Dynamic[Text] | None = Field(None, description="Who logs in to it.")
    password: Dynamic[Text] | None = Field(None, description="The password; best a secret.")

    @model_validator(mode="after")
    def _is_whole(self) -> Proxy:  # noqa: N804  # "after" validates an instance
        if self.type == "SOCKS":
            raise wrong("not_yet", "a proxy of the type SOCKS is part of the language, but this version does not run it yet", "use one of the type HTTP")
        if self.type == "HTTP" and (self.address is None or self.port is None):
            raise wrong("proxy", "a proxy of the type HTTP needs an address and a port")
        return self


class Auth(Model):
    """How the caller says who it is."""

    type: Dynamic[Literal["BASIC", "BEARER", "DIGEST"]] = Field(description="BASIC and DIGEST take a username and a password, BEARER a token.")
    username: Dynamic[Text] | None = Field(None, description="The name.")
    password: Dynamic[Text] | None = Field(None, description="The password; best a secret.")
    token: Dynamic[Text] | None = Field(None, description="The token; best a secret.")

    @model_validator(mode="after")
    def _is_whole(self) -> Auth:  # noqa: N804  # "after" validates an instance
        if self.type == "BEARER" and (self.token is None or self.username is not None or self.password is not None):
            raise wrong("auth", "BEARER takes a token, and no username or password")
        if self.type in ("BASIC", "DIGEST") and self.token is not None:
            raise wrong("auth", f"{self.type} takes a username and a password, and no token")
        return self


class Ssl(Model):
    """How far the other side's certificate is trusted."""

    insecure_trust_all_certificates: Dynamic[bool] | None = Field(None, description="Take any certificate. Who is in between can then read and change all.")


class HttpOptions(Model):
    """How the call is made."""

    timeout: Timeouts | None = Field(None, description="How long is waited.")
    proxy: Proxy | None = Field(None, description="A server that makes the call for us.")
    auth: Auth | None = Field(None, description="Who calls.")
    ssl: Ssl | None = Field(None, description="How far the other side's certificate is trusted.")
    follow_redirects: Dynamic[bool] = Field(True, description="Follow redirects, three at most.")
    allow_failed: Dynamic[bool] = Field(False, description="An answer of 400 or more is no failure.")
    allowed_response_codes: Dynamic[list[Dynamic[_Code]]] | None = Field(None, description="Codes of 400 and more that are no failure.")
    default_charset: Dynamic[_Charset] = Field("UTF-8", description="Of the text that is sent, and of answers that do not name theirs.")
    logs: Dynamic[list[Literal["REQUEST_HEADERS", "REQUEST_BODY", "RESPONSE_HEADERS", "RESPONSE_BODY"]]] | None = Field(
        None, description="Parts of the call to log. What authorizes is shown as stars."
    )
    connect_timeout: Dynamic[Interval] | None = Field(None, description="Old: `timeout.connectTimeout`.")
    read_timeout: Dynamic[Interval] | None = Field(None, description="Old: `timeout.readIdleTimeout`.")
    read_idle_timeout: Dynamic[Interval] | None = Field(None, description="Old: `timeout.readIdleTimeout`.")
    connection_pool_idle_timeout: Any = Field(None, description="Old, without effect.")
    max_content_length: Any = Field(None, description="Old, without effect.")
    log_level: Any = Field(None, description="Old, without effect: `logs` says what is logged.")
    proxy_type: Dynamic[Literal["DIRECT", "HTTP", "SOCKS"]] | None = Field(None, description="Old: `proxy.type`.")
    proxy_address: Dynamic[Text] | None = Field(None, description="Old: `proxy.address`.")
    proxy_port: Dynamic[_Port] | None = Field(None, description="Old: `proxy.port`.")
    proxy_username: Dynamic[Text] | None = Field(None, description="Old: `proxy.username`.")
    proxy_password: Dynamic[Text] | None = Field(None, description="Old: `proxy.password`.")
    basic_auth_user: Dynamic[Text] | None = Field(None, description="Old: `auth.username` of the type BASIC.")
    basic_auth_password: Dynamic[Text] | None = Field(None, description="Old: `auth.password` of the type BASIC.")

    @property
    def caller(self) -> Auth | None:
        """Who calls, in whichever spelling."""
        if self.auth is None and (self.basic_auth_user is not None or self.basic_auth_password is not None):
            return Auth(type="BASIC", username=self.basic_auth_user, password=self.basic_auth_password)
        return self.auth

    @property
    def via(self) -> Proxy | None:
        """The proxy, in whichever spelling; None without one."""
        found = self.proxy
        if found is None and self.proxy_address is not None:
            kind = self.proxy_type or "HTTP"
            found = Proxy(type=kind, address=self.proxy_address, port=self.proxy_port, username=self.proxy_username, password=self.proxy_password)
        return None if found is None or found.type == "DIRECT" else found

    @property
    def waits(self) -> tuple[float, float]:
        """Seconds that are waited for a connection, and for the next bytes."""
        connect = (self.timeout.connect_timeout if self.timeout else None) or self.connect_timeout or CONNECT
        idle = (self.timeout.read_idle_timeout if self.timeout else None) or self.read_idle_timeout or self.read_timeout or IDLE
        return connect.total_seconds(), idle.total_seconds()

    def takes(self, code: int) -> bool:
        """Whether an answer with this code is no failure."""
        return code < 400 or self.allow_failed or code in (self.allowed_response_codes or ())

    @model_validator(mode="after")
    def _old_proxy_is_whole(self) -> HttpOptions:  # noqa: N804  # "after" validates an instance
        if not any(is_template(value) for value in (self.proxy_type, self.proxy_address, self.proxy_port)):
            _ = self.via
        return self
