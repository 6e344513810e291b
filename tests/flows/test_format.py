"""`flow format`: another layout, the same values, every comment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yaml.tokens import (
    BlockEndToken,
    BlockEntryToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
)

from service.flows.findings import Findings
from service.flows.format import format_flow, same
from service.flows.layout import comments, tokens
from service.flows.loading import read_source
from tests.flows.crooked import Crooked

ROOT = Path(__file__).parents[2]
_COMMENT = re.compile(r"#(?: c|c|! x: y| - a)\d+")
CROOKED = """\
# head
id:   etl      # the id
namespace: dev   \t
inputs: [ {id : a,type: STRING},
      {id: b, type: INT} ,   # second
]
variables:
        one:   1    # one
        three: 3    # three
        nothing:
             # not yet: 1
tasks:
- id: a
  type: x
  # inside a
  commands:
  - echo 1
  - |
        if x; then
          y
        fi
    # after the block

# before b
-   id: b     # bb
    type: y   # yy
    script: >-
        folded text
        here

    # end of b
-
    # own line
    id: c
    quoted: "double \\
       text"
# the end


"""
STRAIGHT = """\
# head
id: etl        # the id
namespace: dev
inputs: [{id: a, type: STRING},
      {id: b, type: INT},    # second
]
variables:
  one: 1      # one
  three: 3    # three
  nothing:
       # not yet: 1
tasks:
  - id: a
    type: x
    # inside a
    commands:
      - echo 1
      - |
        if x; then
          y
        fi
      # after the block

  # before b
  - id: b     # bb
    type: y   # yy
    script: >-
      folded text
      here

    # end of b
  -
    # own line
    id: c
    quoted: "double \\
       text"
# the end
"""


def formatted(text: str | bytes) -> str:
    """The text as it is laid out; a second time changes nothing."""
    data = text.encode() if isinstance(text, str) else text
    content = format_flow(data, "x.yaml").content
    assert content is not None
    assert format_flow(content, "x.yaml").content == content
    return content.decode()


def value(text: str) -> object:
    _, source = read_source(text.encode(), Findings("x.yaml"))
    assert source is not None
    return source.value


def test_everything_goes_to_its_place_with_its_comments():
    assert formatted(CROOKED) == STRAIGHT


@pytest.mark.parametrize("path", sorted((ROOT / ".flows").rglob("*.yml")), ids=lambda path: path.name)
def test_the_project_s_own_flows_are_laid_out_so(path):
    assert formatted(path.read_bytes()) == path.read_text("utf-8")


@pytest.mark.parametrize("text", ["010", "1_000", "0o7", "+12", ".5", "1e3", "no", "on", "22:22", "2001-01-01 1:00:00", '"\\x41\\u00e9"', "'it''s'", "~"])
def test_a_value_keeps_its_spelling(text):
    assert formatted(f"a:   {text}\n") == f"a: {text}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:\n- b\n- c", "a:\n  - b\n  - c\n"),
        ("a:\n    -   b: 1\n        c: 2\n", "a:\n  - b: 1\n    c: 2\n"),
        ("a:\n-  - b\n   - c\n", "a:\n  - - b\n    - c\n"),
        ("  a: 1\n  b:\n   c: 2\n", "a: 1\nb:\n  c: 2\n"),
        ("a:\n      long text\n", "a:\n  long text\n"),
        ("? a\n:   b\n", "? a\n: b\n"),
        ("a : {b : 1,c: [ x ,y ] }\n", "a: {b: 1, c: [x, y]}\n"),
        ('a: {"b":1}\n', 'a: {"b": 1}\n'),
        ("a: [\nb,\n]\n", "a: [\n  b,\n]\n"),
        ("base: &b\n    x: 1\nall:\n    <<:   *b\n", "base: &b\n  x: 1\nall:\n  <<: *b\n"),
        ("---   # first\na: 1\n...\n", "---   # first\na: 1\n...\n"),
        ("%YAML 1.1\n---\na:  1\n", "%YAML 1.1\n---\na: 1\n"),
        ("a:\t1\t# tabs\t\n", "a: 1 # tabs\n"),
    ],
)
def test_indentation_and_room_are_canonical(before, after):
    assert formatted(before) == after


def test_long_lines_are_never_folded():
    line = f"a: {'word ' * 4_000}end\n"
    assert formatted(line) == line


def test_blank_lines_stay_within_and_go_at_the_end():
    assert formatted("\n\na: 1\n\n\n\nb: 2   \n\n\n") == "\n\na: 1\n\n\n\nb: 2\n"


def test_line_ends_are_those_of_the_file():
    assert formatted(b"a:   1\r\nb:\r\n- |\r\n   x\r\n   y\r\n") == "a: 1\r\nb:\r\n  - |\r\n    x\r\n    y\r\n"
    assert formatted(b"a:   1\nb: 2\r\n") == "a: 1\nb: 2\n"


def test_a_utf_8_mark_is_left_out():
    assert formatted("\ufeffa: é\n") == "a: é\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: |\n      x\n        y\n", "a: |\n  x\n    y\n"),
        ("a: |4\n      x\n    y\n", "a: |4\n      x\n    y\n"),
        ("a:\n    b: |1\n       x\n", "a:\n  b: |1\n     x\n"),
        ("a:\n- |\n x\n", "a:\n  - |\n    x\n"),
        ("a: |+\n x\n\n\n", "a: |+\n  x\n\n\n"),
        ("a: |+\n x\n\n\n# end\n", "a: |+\n  x\n\n\n# end\n"),
        ("a: |\n x\n\n\n", "a: |\n  x\n"),
        ("a: >- # why\n  x  \n\n  y\n", "a: >- # why\n  x  \n\n  y\n"),
        ("a: |\n      x\n    # too deep\nb: 1\n", "a: |\n  x\n# too deep\nb: 1\n"),
        ("a: |\n   # text\n   \n   x\n", "a: |\n  # text\n\n  x\n"),
        ("a: |\n", "a: |\n"),
    ],
)
def test_block_scalars_move_as_a_whole(before, after):
    assert formatted(before) == after


@pytest.mark.parametrize(("before", "after"), [("|", "|-"), (">", ">-"), ("|+", "|-"), ("|-", "|-"), ("|2+", "|2-"), (">+2", ">2-")])
def test_a_block_scalar_without_a_last_line_end_does_not_get_one(before, after):
    assert formatted(f"a: {before}\n  x") == f"a: {after}\n  x\n"
    assert value(f"a: {before}\n  x") == {"a": "x"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:\n# one\n- b\n# two\n- c\n# three\nd: 1\n", "a:\n  # one\n  - b\n  # two\n  - c\n# three\nd: 1\n"),
        ("a:\n    b: 1\n    # end of a\nc: 2\n", "a:\n  b: 1\n  # end of a\nc: 2\n"),
        ("a:\n    b: 1\n# of c\nc: 2\n", "a:\n  b: 1\n# of c\nc: 2\n"),
        ("a:\n   # of b\n    b: 1\n", "a:\n  # of b\n  b: 1\n"),
        ("a:\n    b: 1\n#c\n    d: 2\n", "a:\n  b: 1\n#c\n  d: 2\n"),
        ("a: # why\n    - b\n", "a: # why\n  - b\n"),
        ('a: "b"#c\n', 'a: "b" #c\n'),
        ("a: [x, # one\n    # two\n    y]\n", "a: [x, # one\n    # two\n    y]\n"),
        ("l:\n-   # c\n    a: 1\n", "l:\n  -   # c\n    a: 1\n"),
    ],
)
def test_a_comment_goes_with_what_it_stands_at(before, after):
    assert formatted(before) == after


@pytest.mark.parametrize("data", [b"a: [", b"a: 1\na: 2\n", b"\xff", b"a:\n\t- b\n", b"a: !x 1\n", b"", b"- a\n", b"a: 1\n---\nb: 2\n", b"#" * 1_048_577])
def test_what_cannot_be_read_is_not_laid_out_but_explained(data):
    found = format_flow(data, "x.yaml")
    assert found.content is None
    assert found.problems


def test_a_large_file_is_laid_out_in_a_moment():
    text = "tasks:\n" + "".join(f"- id: t{number} # c\n  script: |\n      echo {number}\n" for number in range(8_000))
    assert formatted(text).count("# c") == 8_000


def test_the_proof_tells_kinds_and_orders_apart():
    assert same({"a": [1, "x", None]}, {"a": [1, "x", None]})
    for one, other in [(1, 1.0), (1, True), ("1", 1), ([1], [1, 2]), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({}, []), (None, "")]:
        assert not same(one, other)


def indented(text: str) -> bool:
    """Whether every map and list stands two columns right of the one around it, and no list in the column of its key."""
    open_ones: list[type] = []
    brackets = 0
    for token in tokens(text):
        kind = type(token)
        brackets += kind in (FlowSequenceStartToken, FlowMappingStartToken)
        brackets -= kind in (FlowSequenceEndToken, FlowMappingEndToken)
        if kind in (BlockMappingStartToken, BlockSequenceStartToken):
            if token.start_mark.column != 2 * len(open_ones):
                return False
            open_ones.append(kind)
        elif kind is BlockEndToken:
            open_ones.pop()
        elif kind is BlockEntryToken and not brackets and open_ones[-1] is not BlockSequenceStartToken:
            return False
    return True


@given(st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.large_base_example])
def test_a_crooked_file_says_the_same_when_it_is_straight(random):
    data = Crooked(random).document()
    findings = Findings("x.yaml")
    text, source = read_source(data, findings)
    assert text is not None
    assert source is not None, findings.problems
    straight = formatted(data)
    assert same(source.value, value(straight))
    # By the reader of comments, and by what they look like: some of them became texts of block scalars above them.
    assert comments(straight) == comments(text)
    assert _COMMENT.findall(straight) == _COMMENT.findall(text)
    assert indented(straight)
    assert ("\r\n" in straight) == ("\r\n" in text)


@given(st.text(alphabet="ab:-[]{}'\"#&*!|>? \n\t0\\\r\u2028", max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_text_is_laid_out_or_left_alone(text):
    data = ("k: 1\n" + text).encode()
    content = format_flow(data, "x.yaml").content
    if content is not None:
        assert format_flow(content, "x.yaml").content == content
