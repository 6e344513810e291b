"""The language's functions, filters and tests: found by discovery in `functions/` and `filters/`, one file per family.

A plugin file decorates plain Python functions. The first parameter of a filter is the filtered value; a parameter named `call` gets the run (ports, budget,
scope). Parameters are named as Pebble and Kestra name them in their code, in snake case; `also` has the names that their pages use where those differ.
Examples stand in the docstring, one a line, and run as tests:

    {{ 'a' | upper }} -> A
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from service.discovery import modules
from service.expressions.errors import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])

_FOLDERS = ("service.expressions.functions", "service.expressions.filters")
#: Parameters that the language spells with an underscore.
_SNAKE = frozenset(["replace_pairs"])
_EXAMPLE = re.compile(r"^\s*(\{[{%].*[}%]\}) -> ?(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One function, filter or test. `parameters` maps each name that a template may use to the Python one; `required` counts those without a default."""

    kind: str
    name: str
    run: Callable[..., Any]
    wants_call: bool
    parameters: Mapping[str, str]
    order: tuple[str, ...]
    required: int
    variadic: bool
    document: str

    @property
    def signature(self) -> str:
        """`date(format, timeZone, …)`, as messages and the reference page show it."""
        names = ", ".join([*map(parameter_name, self.order), *(["…"] if self.variadic else [])])
        return f"{self.name}({names})"

    @property
    def usage(self) -> str:
        """The same with what may be left out in brackets."""
        shown = [parameter_name(name) if number < self.required else f"[{parameter_name(name)}]" for number, name in enumerate(self.order)]
        return f"{self.name}({', '.join([*shown, *(['…'] if self.variadic else [])])})"

    @property
    def words(self) -> list[str]:
        """The paragraphs in front of the examples, each on one line."""
        example = _EXAMPLE.search(self.document)
        return [" ".join(each.split()) for each in self.document[: example.start() if example else None].split("\n\n") if each.strip()]

    @property
    def examples(self) -> tuple[tuple[str, str], ...]:
        """Template and what it renders to."""
        return examples_in(self.document)


def examples_in(document: str) -> tuple[tuple[str, str], ...]:
    """The templates of a docstring, each with what it renders to."""
    return tuple((match[1], match[2]) for match in _EXAMPLE.finditer(document))


_NONE: Mapping[str, str] = {}
_found: dict[tuple[str, str], Entry] = {}


def parameter_name(name: str) -> str:
    """A Python parameter's name as templates write it."""
    if name in _SNAKE:
        return name
    return _camel(name)


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name.rstrip("_"))


def _register(kind: str, names: tuple[str, ...], also: Mapping[str, str], run: F) -> F:
    parameters = list(inspect.signature(run).parameters.values())
    wants_call = bool(parameters) and parameters[0].name == "call"
    own = parameters[wants_call + (kind != "function") :]
    positional = [each for each in own if each.kind is not inspect.Parameter.VAR_POSITIONAL]
    entry_names = {alias: each.name for each in positional for alias in (each.name.rstrip("_"), parameter_name(each.name), _camel(each.name))} | dict(also)
    for name in names:
        _found[kind, name] = Entry(
            kind=kind,
            name=name,
            run=run,
            wants_call=wants_call,
            parameters=entry_names,
            order=tuple(each.name for each in positional),
            required=sum(each.default is inspect.Parameter.empty for each in positional),
            variadic=len(positional) < len(own),
            document=inspect.getdoc(run) or "",
        )
    return run


def function(*names: str, also: Mapping[str, str] = _NONE) -> Callable[[F], F]:
    """Makes a Python function a function of the language, under these names. `also`: further names of parameters."""
    return lambda run: _register("function", names, also, run)


def filter_(*names: str, also: Mapping[str, str] = _NONE) -> Callable[[F], F]:
    """Makes a Python function a filter: `value | name`. `also`: further names of parameters."""
    return lambda run: _register("filter", names, also, run)


def test(*names: str) -> Callable[[F], F]:
    """Makes a Python function a test: `value is name`."""
    return lambda run: _register("test", names, _NONE, run)


@cache
def entries() -> Mapping[tuple[str, str], Entry]:
    """All of them by kind and name; the plugin files are imported at the first call."""
    for folder in _FOLDERS:
        for module in modules(folder):
            importlib.import_module(module)
    return _found


def names(kind: str) -> list[str]:
    """What this version has of a kind."""
    return sorted(name for each, name in entries() if each == kind)


def is_function(name: str) -> bool:
    """Whether the language has a function of this name."""
    return ("function", name) in entries()


def unknown(kind: str, name: str) -> str:
    """Why there is no such function, filter or test."""
    for other in ("function", "filter", "test"):
        if other != kind and (other, name) in entries():
            usage = {"function": f"{name}(…)", "filter": f"… | {name}", "test": f"… is {name}"}[other]
            return f"`{name}` is a {other}, not a {kind}: write `{usage}`"
    return f"there is no {kind} `{name}`{did_you_mean(name, names(kind))}"
