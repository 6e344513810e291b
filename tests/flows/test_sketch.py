"""Half-written text has a shape, and whole text the shape that YAML gives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from service.flows.editing.sketch import Node, sketch

HERE = Path(__file__).parent
FILES = sorted([*(HERE / "language").glob("*.yaml"), *(HERE / "seeds").glob("*.yaml"), *(HERE.parents[1] / ".flows").rglob("*.yml")])


def shape(value: Any) -> Any:
    """Keys and lengths; what scalars say is not compared."""
    if isinstance(value, Node):
        if value.kind == "scalar":
            return "."
        below = [(entry.key, shape(entry.value)) for entry in value.entries]
        return dict(below) if value.kind == "map" else [one for _, one in below]
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else "."


def filled(value: Any) -> Any:
    return {key: filled(one) for key, one in value.items()} if isinstance(value, dict) else [filled(one) for one in value] if isinstance(value, list) else "."


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_whole_text_has_the_shape_that_yaml_gives_it(path: Path):
    text = path.read_text("utf-8")
    assert filled(shape(sketch(text.split("\n")).root)) == shape(yaml.load(text, yaml.BaseLoader))


def keys(text: str) -> Any:
    return shape(sketch(text.split("\n")).root)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: {b: [c, d", {"a": {"b": [".", "."]}}),
        ("a:\n  - b: 1\n    c:\n   d: 2", {"a": [{"b": ".", "c": ".", "d": "."}]}),
        ("  a: 1\n  b:\n      c: 1\n    d: 2", {"a": ".", "b": {"c": ".", "d": "."}}),
        ("- a: 1\n- b", {"": [{"a": "."}, "."]}),
        ("a:\n- b\n- c\nd: 1", {"a": [".", "."], "d": "."}),
        ("a: |\n  b: 1\nc: 2", {"a": ".", "c": "."}),
        ("a: 'b: c\nd: 1", {"a": ".", "d": "."}),
        ("a: [1,\n  2]\nb: 1", {"a": [".", "."], "b": "."}),
        ("a: {\n  b: 1\n}\nc: 1", {"a": {"b": "."}, "c": "."}),
        ("a: {b\nc: 1", {"a": {"b": "."}, "c": "."}),
        ("", {}),
        ("\t\n:\n- - - x", {"": [[["."]]]}),
    ],
)
def test_half_written_text_has_the_shape_that_is_meant(text, found):
    assert filled(keys(text)) == filled(found)


@given(st.text(alphabet="ab:-{}[],'\"|># \n\t&*!", max_size=200))
def test_any_text_has_some_shape(text):
    found = sketch(text.split("\n"))
    for entry in found.entries:
        assert len(entry.path) >= 1


def test_brackets_that_never_close_cost_no_more_than_others():
    text = "\n".join(f"{' ' * (number % 40)}x: [{{" for number in range(20_000))
    assert len(sketch(text.split("\n")).entries) < 100_000
