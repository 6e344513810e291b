"""Text to data, and templates to text."""

from __future__ import annotations

import json
from typing import Any

from service.expressions.errors import Refused
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import kind, parse_json
from service.expressions.yaml_reading import parse_yaml


@function("fromJson", "json", "jsonDecode", also={"text": "json_"})
def from_json(call: Run, json_: Any) -> Any:
    """The data in a JSON text; null stays null.

    {{ fromJson('{"a": [1, 2]}').a[1] }} -> 2
    {{ fromJson('"x"') }} -> x
    """
    if json_ is None:
        return None
    if not isinstance(json_, str):
        raise Refused(f"`fromJson` reads text, not {kind(json_)}")
    call.budget.spend(len(json_) >> 2)  # data takes more room than its text
    try:
        return parse_json(json_)
    except ValueError as error:
        where = f": {error.msg} at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise Refused(f"this text is not JSON{where}") from None
    except RecursionError:
        raise Refused("this JSON is nested too deeply") from None


@function("yaml", also={"text": "yaml_"})
def yaml(call: Run, yaml_: Any) -> Any:
    """The data in a YAML text; null stays null. Dates stay text, and so do all keys; aliases stand for what they name.

    {{ yaml('foo: [666, 1, 2]').foo[0] }} -> 666
    {{ yaml('{a: yes, b: 010, c: 2024-03-05, 1: ~}') }} -> {"a":true,"b":8,"c":"2024-03-05","1":null}
    """
    if yaml_ is None:
        return None
    if not isinstance(yaml_, str):
        raise Refused(f"`yaml` reads text, not {kind(yaml_)}")
    return parse_yaml(yaml_, call.budget)


@function("render")
def render(call: Run, to_render: Any, recursive: Any = True) -> Any:
    """Renders a text, or all texts of a map or list, again and again until nothing is left to render.

    {{ render('a{{ 1 + 1 }}') }} -> a2
    """
    return call.render(call, to_render, bool(recursive))


@function("renderOnce")
def render_once(call: Run, to_render: Any) -> Any:
    """Renders a text, or all texts of a map or list, once.

    {{ renderOnce('a{{ 1 + 1 }}') }} -> a2
    """
    return call.render(call, to_render, False)
