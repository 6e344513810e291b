"""YAML as values with places."""

from __future__ import annotations

from time import perf_counter

import pytest

from service.flows.findings import Findings
from service.flows.loading import read_source, read_value
from service.flows.places import inside
from service.flows.scalars import plain, reads_differently
from service.flows.source import Source


def source(text: str) -> Source:
    """A text that can be read."""
    findings = Findings("x.yaml")
    _, found = read_source(text.encode(), findings)
    assert found is not None, findings.problems
    return found


def first_problem(text: str | bytes) -> tuple[str, int, int]:
    """Code and place of the first thing that is wrong."""
    findings = Findings("x.yaml")
    read_source(text.encode() if isinstance(text, str) else text, findings)
    problem = findings.problems[0]
    return problem.code, problem.line, problem.column


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("no", "no"), ("NO", "NO"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("22:22", "22:22"), ("1_000", "1_000"), ("0b1", "0b1")),
        *(("010", 10), ("0o17", 15), ("0x1F", 31), ("+12", 12), ("-0", 0), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), ("1.5e-3", 0.0015)),
        *(("true", True), ("False", False), ("TRUE", True), ("tRUE", "tRUE"), ("", None), ("~", None), ("null", None), ("NULL", None), ("nULL", "nULL")),
        *(("2024-01-01", "2024-01-01"), ("1.2.3", "1.2.3"), ("0o9", "0o9"), ("-", "-"), ("+", "+"), (".", "."), ("text", "text"), ("=", "=")),
    ],
)
def test_plain_scalars_are_read_as_the_core_schema_says(text, value):
    read = plain(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("text", ["no", "Yes", "OFF", "22:22", "010", "0o17", "1_000", "1e3", "0b11", "-0x1F", "1.5e3", "190:20:30.15"])
def test_what_an_old_reader_would_take_for_something_else_is_known(text):
    assert reads_differently(text)


@pytest.mark.parametrize("text", ["0", "00", "10", "-7", "1.5", "1.5e+3", "true", "null", "~", "", "06:30", "2024-01-01", "nothing", "y", "0x1F", "08-15"])
def test_what_every_reader_takes_alike_is_left_alone(text):
    assert not reads_differently(text)


def test_every_key_and_value_knows_its_place():
    read = source("id: x\ntasks:\n  - id: a\n    commands: [one, 'two']\n")
    assert read.value == {"id": "x", "tasks": [{"id": "a", "commands": ["one", "two"]}]}
    place = read.place(("tasks", 0, "commands", 1))
    assert (place.line, place.column, place.end_column) == (4, 21, 26)
    assert (read.key_place(("tasks", 0, "commands")).line, read.key_place(("tasks", 0, "commands")).column) == (4, 5)
    assert read.place(("tasks", 0, "nothing", "here")).line == 3


def test_columns_count_characters_not_bytes():
    read = source("städte: {größe: 1, 😀: zwei}\n")
    assert read.key_place(("städte", "😀")).column == 20


@pytest.mark.parametrize("text", ["a: 1\r\nb: 2", "a: 1\nb: 2\n", "\ufeffa: 1\nb: 2", "a: 1\rb: 2"])
def test_line_ends_and_a_utf8_mark_make_no_difference(text):
    read = source(text)
    assert read.value == {"a": 1, "b": 2}
    assert (read.place(("b",)).line, read.place(("b",)).column) == (2, 4)


def test_a_line_of_ten_thousand_columns_is_fine():
    read = source("a: '" + "x" * 10_000 + "'\n")
    assert read.place(("a",)).end_column == 10_006


def test_anchors_and_merge_keys_are_written_out():
    read = source("base: &b {x: 1, y: 2}\nother: &o {z: 3, x: 9}\none:\n  <<: *b\n  y: 5\nall: {<<: [*b, *o], w: *b}\n")
    assert read.value["one"] == {"x": 1, "y": 5}
    assert read.value["all"] == {"x": 1, "y": 2, "z": 3, "w": {"x": 1, "y": 2}}
    assert read.place(("one", "x")).line == 1
    assert read.place(("all", "w", "y")).line == 1


def test_a_merged_map_may_itself_have_been_merged():
    assert source("a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}\n").value["c"] == {"x": 1, "y": 2}


def test_everything_that_can_be_is_reported_at_once():
    findings = Findings("x.yaml")
    read_source(b"a: !x 1\na: 2\n1: 3\nb: *c\nd: 1e999\n", findings)
    assert sorted(problem.code for problem in findings.problems) == ["HG-0104", "HG-0105", "HG-0109", "HG-0110", "HG-0112"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1\n", ("HG-0106", 2, 1)),
        ("a: 1\n\tb: 1\n", ("HG-0106", 2, 1)),
        ("a:\n  - b:\n \t   c: 1\n", ("HG-0106", 3, 2)),
        ("id:x\n", ("HG-0107", 1, 4)),
        ("a:\n  - id:x\n    type: y\n", ("HG-0107", 2, 7)),
        ("a: b: c\n", ("HG-0108", 1, 5)),
        ("a: {{ b }}\n", ("HG-0108", 1, 4)),
        ("a: x {{ b }}\nc: {{ d }} e\n", ("HG-0108", 2, 4)),
        ("- {{ b }}\n", ("HG-0108", 1, 3)),
        ("a: %b\n", ("HG-0108", 1, 4)),
        ("a: @b\n", ("HG-0108", 1, 4)),
        ("a: */5 * * * *\n", ("HG-0108", 1, 4)),
        ("a: }\n", ("HG-0108", 1, 4)),
        ("a: 'b\n", ("HG-0100", 1, 4)),
        ("a: [1, 2\n", ("HG-0100", 1, 4)),
        (b"a: \xff", ("HG-0003", 1, 4)),
        (b"a: 1\nb: \xc3\xa9\xe9", ("HG-0003", 2, 5)),
        ("a: \x00", ("HG-0005", 1, 4)),
        ("a: 1".encode("utf-32"), ("HG-0004", 1, 1)),
        ("a: 1".encode("utf-16-be"), ("HG-0005", 1, 1)),
        ("a: &x [*x]", ("HG-0112", 1, 8)),
        ('a: "x\\0y"', ("HG-0005", 1, 4)),
    ],
)
def test_each_trap_of_yaml_is_named_with_its_place(text, expected):
    assert first_problem(text) == expected


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{this}: &{this} [{','.join(['*' + last] * 9)}]\n" for last, this in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BOMB, ("HG-0101", 5, 8)),
        ("[" * 3_000, ("HG-0102", 1, 65)),
        ("a: " + "[" * 3_000, ("HG-0102", 1, 67)),
        ("".join(f"{' ' * depth}a:\n" for depth in range(1_200)), ("HG-0102", 65, 65)),
        ("a: &a " + "[" * 60 + "]" * 60 + "\nb: " + "[" * 30 + "*a" + "]" * 30, ("HG-0102", 2, 34)),
        ("n: " + "9" * 5_000, ("HG-0110", 1, 4)),
    ],
)
def test_hostile_files_are_refused_in_no_time(text, expected):
    began = perf_counter()
    assert first_problem(text) == expected
    assert perf_counter() - began < 0.05


def test_a_complaint_inside_of_a_refused_key_is_not_made():
    findings = Findings("x.yaml")
    read_source(b"? {a: 1, a: 2, b: !x 3}\n: 1\n", findings)
    assert [problem.code for problem in findings.problems] == ["HG-0109"]


def test_a_value_of_its_own_may_be_anything():
    assert read_value("- 1\n- no\n") == ([1, "no"], None)
    assert read_value("") == (None, None)
    value, problem = read_value("a: [")
    assert problem is not None
    assert problem.code == "HG-0100"
    assert value is None


@pytest.mark.parametrize(
    "text",
    [
        "a: one @two\n",
        "a: 'it''s one\n\n  and @two'\n",
        'a: "tab\\t \\u00e9 \\"one\\" and\n   more @two"\n',
        "a: |\n  one\n\n    two @two\n",
        "a: |4-\n      one\n      @two\n",
        "a: >\n  one\n  two\n\n  three @two\n",
        "a: >-\n\n  one\n   kept\n  @two\n",
        "a: &anchor one\n  more\n  @two\n",
        "a: &anchor 'one @two'\n",
        "a:\n  - one\n    more @two\n",
        'a: "one \\\n    @two"\n',
        "a: 'é 😀\n\n\n  @two'\n",
        "a: 'one   \n  @two'\n",
    ],
)
def test_a_place_inside_a_text_is_a_place_in_the_file(text):
    read = source(text)
    path = ("a",) if isinstance(read.value["a"], str) else ("a", 0)
    event = read.scalar(path)
    before = event.value[: event.value.index("@two")]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    found = inside(read, event, line, column, 4)
    assert text.splitlines()[found.line - 1][found.column - 1 : found.end_column - 1] == "@two"
