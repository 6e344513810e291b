"""The expression language without a server: what it is given by this machine, and its values as JSON."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from service.addresses import free_port
from service.errors import Invalid, ServiceError
from service.expressions import Expressions, Ports
from service.expressions.errors import ExpressionError, Refused
from service.expressions.limits import Budget, Limits
from service.expressions.values import json_text, kind, parse_json
from service.expressions.zones import zone_of
from service.jq.programs import Programs
from service.secrets.cipher import seal, unseal
from service.secrets.environment import EnvironmentSecrets
from service.settings import read

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class World:
    """Renders templates with this process's environment: secrets, `envs`, globals and the time zone are those of a service that is started in it."""

    def __init__(self, environ: Mapping[str, str], timezone: str | None = None) -> None:
        settings = read(environ, timezone=timezone)
        try:
            zone_of(settings.timezone)
        except Refused as refused:
            raise Invalid(f"--timezone (HEADGATE_TIMEZONE): {refused}") from None
        envs = settings.variables(environ)
        self._expressions = Expressions()
        self._secrets = EnvironmentSecrets(environ)
        self._jq = Programs()
        self._roots = {name: value for name, value in (("envs", envs), ("globals", settings.globals)) if value}
        self._ports = Ports(
            now=lambda: datetime.now(UTC),
            secret=self._secret,
            zone=settings.timezone,
            envs=envs,
            token=secrets.token_bytes,
            free_port=free_port,
            seal=seal,
            unseal=unseal,
            jq=self._jq,
        )

    def value(self, template: Any, variables: Mapping[str, Any], *, typed: bool) -> Any:
        """What a template renders to. A map or list has every text in it rendered, keys too; in text mode it stays a map or list, of texts. Raises
        ExpressionError. The variable `kv` is what the KV store holds."""
        scope, ports = {**self._roots, **variables}, replace(self._ports, kv=partial(_kv, variables))
        if typed:
            return self._expressions.typed(template, scope, ports)
        if isinstance(template, dict | list):
            return self._expressions.nested_text(template, scope, ports)
        return self._expressions.text(template, scope, ports)

    def close(self) -> None:
        """Ends what was started for it."""
        self._jq.close()

    def _secret(self, name: str, _namespace: str | None) -> str:
        try:
            value = self._secrets.get(name)
        except ServiceError as failure:
            raise Refused(failure.message) from failure
        if value is None:
            raise KeyError(name)
        return value


def _kv(variables: Mapping[str, Any], key: str, namespace: str | None) -> Any:
    held, flow = variables.get("kv"), variables.get("flow")
    if namespace is not None and namespace != (flow.get("namespace") if isinstance(flow, Mapping) else None):
        raise Refused("without a server there are the keys of one namespace only: those of the variable `kv`")
    if not isinstance(held, Mapping):
        raise KeyError(key)
    return held[key]


def json_of(value: Any) -> str:
    """A value as the product writes it into JSON, on one line and in ASCII: so it is valid in every encoding, half a surrogate pair included. What is no
    number in JSON (NaN, Infinity) is text. Raises ExpressionError for what can't be printed."""
    try:
        return _NOT_ASCII.sub(_escape, json_text(value, Budget(Limits()), nulls=True))
    except Refused as refused:
        raise ExpressionError(str(refused)) from None


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def variables_of(text: str) -> Mapping[str, Any]:
    """The roots that a JSON or YAML text gives. Raises ValueError with what is wrong."""
    try:
        found = parse_json(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        found = _yaml(text)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"it must hold a map of variables such as `inputs: …`, not {kind(found)}")
    return found


def _yaml(text: str) -> Any:
    from service.flows.loading import read_value

    found, problem = read_value(text.removeprefix("\ufeff"))
    if problem is not None:
        raise ValueError(f"line {problem.line}, column {problem.column}: {problem.words}")
    return found
