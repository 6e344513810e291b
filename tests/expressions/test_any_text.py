"""Whatever is written, the answer is a value or an ExpressionError with a place inside the text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.expressions import ExpressionError, Expressions, Ports, references
from service.expressions.registry import names

PIECES = [
    *["{{ ", " }}", "{% ", " %}", "{#", "#}", "{{-", "-}}", "{% raw %}", "{% endraw %}", "if ", "else", "elseif ", "endif", "for x in ", "endfor", "set y = "],
    *[
        "a",
        ".b",
        ".c",
        "['d']",
        "[0]",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        ":",
        "?",
        "??",
        "???",
        "|",
        "~",
        "..",
        "+",
        "-",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        ">=",
    ],
    *[
        " and ",
        " or ",
        "not ",
        " is ",
        " is not ",
        " contains ",
        " isIn ",
        " equals ",
        "null",
        "true",
        "1",
        "2.5",
        "10L",
        "'t'",
        '"#{',
        '}"',
        '"',
        "'",
        "\\",
        "\n",
    ],
    *[" empty", " defined", "loop", "x", "y", "=", "é", "\u2028", "\x00", "\ud800"],
]
CALLS = [f" | {name}" for name in names("filter")] + [f" | {name}(1, 'b')" for name in names("filter")] + [f"{name}(a)" for name in names("function")]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("bcd", max_size=2), inner, max_size=3),
    max_leaves=6,
)
PORTS = Ports(now=lambda: datetime(2024, 3, 5, tzinfo=UTC), secret=lambda key, _namespace: {"t": "s"}[key], token=bytes, free_port=lambda: 40123)
EXPRESSIONS = Expressions()


def check(template: str, value: Any) -> None:
    for render in (EXPRESSIONS.text, EXPRESSIONS.typed):
        failure = None
        try:
            render(template, {"a": value}, PORTS)
            references(template)
        except ExpressionError as error:
            failure = error
        if failure is not None:
            assert 1 <= failure.line <= template.count("\n") + 1
            assert failure.column >= 1
            assert failure.message


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES + CALLS), max_size=14).map("".join), VALUES)
def test_any_pieces_in_any_order(template: str, value: Any) -> None:
    check(template, value)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES + CALLS), max_size=8).map(lambda pieces: "{{ a" + "".join(pieces) + " }}"), VALUES)
def test_any_expression_on_any_value(template: str, value: Any) -> None:
    check(template, value)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CALLS), st.sampled_from(["", "(a)", "(a, a)", "(a, a, a)"]), VALUES)
def test_every_filter_and_function_on_any_value(call: str, arguments: str, value: Any) -> None:
    name = call.strip(" |").split("(")[0]
    check("{{ a | " + name + arguments + " }}", value)
    check("{{ " + name + (arguments or "()") + " }}", value)
