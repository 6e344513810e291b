"""How mistakes are said."""

from __future__ import annotations

from typing import Any

import pytest

from service.flows.codes import CODES
from service.flows.excerpt import excerpt
from service.flows.nearest import nearest, nearest_type
from service.flows.problems import MOST, Problem, Severity, capped, escaped


def problem(line: int = 9, column: int = 11, severity: Severity = Severity.ERROR, **more: Any) -> Problem:
    """A problem somewhere."""
    return Problem("HG-0220", severity, ".flows/etl.yaml", line, column, "unknown task type `core.lgo`", **{"hint": "did you mean `core.log`?", **more})


SOURCE = "\n" * 8 + "    type: core.lgo\n"


def test_an_excerpt_looks_like_this():
    assert excerpt(problem(), SOURCE).splitlines() == [
        "error[HG-0220]: unknown task type `core.lgo`",
        "  --> .flows/etl.yaml:9:11",
        "   |",
        "  9|     type: core.lgo",
        "   |           ^^^^^^^^",
        "   = help: did you mean `core.log`?",
    ]


def test_colour_changes_no_letter():
    painted = excerpt(problem(), SOURCE, color=True)
    assert "\x1b[1;31m" in painted
    assert painted.replace("\x1b[1;31m", "").replace("\x1b[0m", "") == excerpt(problem(), SOURCE)


def test_a_long_line_is_shown_around_the_place():
    shown = excerpt(problem(1, 5_001, end_line=1, end_column=5_004), "x" * 5_000 + "bad" + "y" * 5_000).splitlines()
    assert len(shown[3]) < 120
    assert shown[3][shown[4].index("^") : shown[4].rindex("^") + 1] == "bad"


def test_marks_stand_under_wide_characters_and_behind_tabs():
    shown = excerpt(problem(1, 4, end_line=1, end_column=6), "\t日本語").splitlines()
    assert shown[3].endswith("→日本語")
    assert shown[4] == "   |      ^^"


@pytest.mark.parametrize(("line", "column"), [(1, 1), (99, 1), (1, 999)])
def test_a_place_past_the_text_does_no_harm(line, column):
    assert excerpt(problem(line, column), "a: 1")


def test_the_source_can_not_write_to_the_terminal():
    assert "\x1b" not in excerpt(problem(1, 1), "\x1b[2Jid: x\u202e")


def test_one_line_says_it_all():
    assert problem().line_text() == ".flows/etl.yaml:9:11: error HG-0220: unknown task type `core.lgo` (did you mean `core.log`?)"


def test_json_has_the_fields_of_the_api():
    assert problem().as_json() == {
        "code": "HG-0220",
        "severity": "error",
        "path": ".flows/etl.yaml",
        "line": 9,
        "column": 11,
        "message": "unknown task type `core.lgo`",
        "hint": "did you mean `core.log`?",
    }


def test_over_the_cap_errors_are_kept_and_the_rest_is_counted():
    many = [problem(number, severity=Severity.WARNING) for number in range(1, 60)] + [problem(number) for number in range(100, 110)]
    kept = capped(many)
    assert len(kept) == MOST
    assert sum(found.severity is Severity.ERROR for found in kept) == 11
    assert kept[-1].message == "at least 20 more problems of this file are not shown"


def test_problems_come_in_the_order_of_the_file_and_once():
    assert [found.line for found in capped([problem(3), problem(1), problem(3), problem(2)])] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é", "plain é"),
        ("a\x1b[0m\nb", "a\\x1b[0m\\x0ab"),
        ("ok\u202egnp", "ok\\u202egnp"),
        ("a\u200bb", "a\\u200bb"),
        ("a\u00a0b", "a\\xa0b"),
        ("x" * 100, "x" * 80 + "…"),
    ],
)
def test_echoed_text_is_short_and_visible(text, shown):
    assert escaped(text) == shown


@pytest.mark.parametrize(("word", "meant"), [("dependson", "dependsOn"), ("run_if", "runIf"), ("mesage", "message"), ("zzz", None)])
def test_the_nearest_name_is_the_one_that_was_meant(word, meant):
    assert nearest(word, ["dependsOn", "runIf", "message", "type"]) == meant


def test_a_type_is_found_by_its_last_part():
    types = [
        "io.kestra.plugin.core.log.Log",
        "io.kestra.plugin.core.flow.Sleep",
        "io.kestra.plugin.scripts.shell.Script",
        "io.kestra.plugin.scripts.python.Script",
    ]
    assert nearest_type("core.log.log", types) == types[0]
    assert nearest_type("io.kestra.plugin.scripts.pyton.Script", types) == types[3]
    assert nearest_type("io.kestra.plugin.core.flow.If", types) is None
    assert nearest_type(types[0][:-3] + "Lgo", types) == types[0]


def test_every_code_is_explained():
    assert all(code.startswith("HG-") and len(code) == 7 and meaning.title and meaning.explanation for code, meaning in CODES.items())
