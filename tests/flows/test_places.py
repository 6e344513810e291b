"""A mistake in an expression is pointed at where it stands in the file, however YAML wraps the text around it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yaml import YAMLError
from yaml._yaml import CParser
from yaml.events import ScalarEvent, StreamEndEvent

from service.flows.problems import lines_of
from service.flows.unfolding import Unfolded
from tests.flows.world import LOG, SHELL, read

HEAD = f"id: x\nnamespace: dev\ntasks:\n  - id: a\n    type: {LOG}\n    message: "
VALUES = {
    "literal": "|\n      one\n      two {{ nope() }}\n",
    "literal, stripped": "|-\n      one\n      two {{ nope() }}",
    "literal, kept": "|+\n      one\n\n      two {{ nope() }}\n\n",
    "literal, indented by number": "|2\n        one\n       two {{ nope() }}\n",
    "literal with a comment": "| # {{ nope }}\n      one\n      two {{ nope() }}\n",
    "literal with an anchor": "&a |\n      one\n      two {{ nope() }}\n",
    "literal, deeper lines": "|\n      one\n          two {{ nope() }}\n      three\n",
    "literal, blank lines first": "|\n\n\n      one\n      two {{ nope() }}\n",
    "literal, inside of an expression": "|\n      one {{ 1 }}\n      two {{\n        nope()\n      }}\n",
    "literal with tabs": "|\n      one\n      \ttwo\t{{ nope() }}\n",
    "literal with other line ends": "|\n      one\u2028      two {{ nope() }}\n",
    "literal with spaces at ends": "|\n      one   \n      two {{ nope() }}   \n",
    "literal with wide characters": "|\n      😀é\n      😀é {{ nope() }}\n",
    "folded": ">\n      one\n      two {{ nope() }}\n",
    "folded, stripped": ">-\n      one\n      two {{ nope() }}",
    "folded, blank lines": ">\n      one\n\n\n      two\n      three {{ nope() }}\n",
    "folded, deeper lines": ">\n      one\n        more\n        more {{ nope() }}\n      back\n",
    "folded, after deeper lines": ">\n      one\n        more\n      back\n      again {{ nope() }}\n",
    "folded with a comment": "> # {{ nope }}\n      one\n      two {{ nope() }}\n",
    "folded, indented by number": ">2\n         one\n       two {{ nope() }}\n",
    "folded with an anchor": "&a >-\n      one\n      two {{ nope() }}\n",
    "folded, blank line first": ">\n\n      one\n      two {{ nope() }}\n",
    "folded with spaces at ends": ">\n      one   \n      two {{ nope() }}\n",
    "folded inside of an expression": ">\n      one {{\n      1 +\n      nope() }}\n",
    "single quotes": "'one {{ nope() }}'\n",
    "single quotes, folded": "'one\n      two {{ nope() }}'\n",
    "single quotes, doubled": "'it''s\n      ''two'' {{ ''a'' ~ nope() }}'\n",
    "single quotes, blank lines": "'one\n\n\n      two {{ nope() }}'\n",
    "single quotes, spaces": "'one   \n           two {{ nope() }}'\n",
    "single quotes with an anchor": "&a 'one\n      two {{ nope() }}'\n",
    "double quotes": '"one {{ nope() }}"\n',
    "double quotes, escapes": '"o\\"ne \\u00e9 \\x41 \\U0001F600 {{ nope() }}"\n',
    "double quotes, line feed": '"one\\ntwo {{ nope() }}"\n',
    "double quotes, both line ends": '"one\\r\\ntwo {{ nope() }}"\n',
    "double quotes, carriage return": '"one\\rtwo {{ nope() }}"\n',
    "double quotes, other line ends": '"one\\Ltwo\\Nthree\\_{{ nope() }}"\n',
    "double quotes, folded": '"one\n      two {{ nope() }}"\n',
    "double quotes, continued": '"one \\\n      two {{ nope() }}"\n',
    "double quotes, continued with spaces": '"one\\\n      \\  two {{ nope() }}"\n',
    "double quotes, blank line": '"one\n\n      two {{ nope() }}"\n',
    "double quotes, escaped space at the end": '"one\\ \n      two {{ nope() }}"\n',
    "double quotes inside": '"{{ \\"a\\" ~ nope() }}"\n',
    "double quotes with an anchor": '&a "one\n      two {{ nope() }}"\n',
    "plain": "one {{ nope() }}\n",
    "plain, folded": "one\n      two {{ nope() }}\n",
    "plain, blank lines": "one\n\n\n      two\n        three {{ nope() }}\n",
    "plain with an anchor": "&a one\n      two {{ nope() }}\n",
    "plain below its key": "\n      one\n      two {{ nope() }}\n",
    "plain with a comment": "one\n      two {{ nope() }} # three\n",
    "in a list": '[one, "two {{ nope() }}"]\n',
    "literal in a list": "\n      - one\n      - |\n        two\n        three {{ nope() }}\n",
    "folded in a list": "\n      - >-\n        two\n        three {{ nope() }}\n",
}
FILES: dict[str, Callable[[str], str]] = {
    "line feeds": lambda text: text,
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "a mark and a document": lambda text: "\ufeff---\n" + text,
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("value", VALUES)
def test_the_place_is_exact(value: str, file: str) -> None:
    text = FILES[file](HEAD + VALUES[value])
    before = lines_of(text.removeprefix("\ufeff").partition("nope()")[0])
    (found,) = [problem for problem in read(text).problems if "nope" in problem.message]
    assert (found.line, found.column) == (len(before), len(before[-1]) + 1)


def test_a_key_is_pointed_at_too() -> None:
    text = f"id: x\nnamespace: dev\ntasks:\n  - id: a\n    type: {SHELL}\n    commands: [x]\n    env:\n      'it''s {{{{ nope() }}}}': '{{{{ 1 }}}}'\n"
    (found,) = [problem for problem in read(text).problems if "nope" in problem.message]
    assert (found.line, found.column) == (8, 17)


def scalars(text: str) -> list[ScalarEvent]:
    """The scalars of a text; none of one that can't be read."""
    parser, found = CParser(text), []
    try:
        while not isinstance(event := parser.get_event(), StreamEndEvent):
            found += [event] if isinstance(event, ScalarEvent) else []
    except YAMLError:
        return []
    return found


BODY = st.text("ab \n\t'\\nx41\u2028\x85", min_size=1, max_size=30)


@settings(max_examples=400, deadline=None)
@given(BODY, st.sampled_from(['"', "'", "", "|\n", "|+\n", ">\n", ">- # c\n"]), st.sampled_from(["", "&x "]), st.sampled_from(["\n", "\r\n", "\r"]))
def test_every_scalar_is_found_again_character_by_character(body: str, style: str, anchor: str, ending: str) -> None:
    close = style if style in ('"', "'") else ""
    indented = re.sub("\n", "\n    ", ("\n" if not close and style else "") + body).removeprefix("\n")
    text = f"k:\n  j: {anchor}{style}{indented}{close}\nz: 1\n".replace("\n", ending)
    for event in scalars(text):
        unfolded = Unfolded(text, event)
        if event.value.strip():
            assert unfolded.true
            assert all(text[unfolded.index(at)] == sign for at, sign in enumerate(event.value) if sign in "ab" and style != '"')
