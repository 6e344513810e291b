"""Refs that moved."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from pydantic import ValidationError

from service.triggers import Head
from service.triggers.push import Push, matches


def push(**properties: Any) -> Push:
    """As YAML would give it."""
    return Push.model_validate(properties)


def head(ref: str, *paths: str) -> Head:
    """A ref that moved, with the files that differ."""
    return Head(f"refs/{ref}", "1" * 40, None, "message", "somebody", tuple(paths) if ref.startswith("heads/") else None)


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("main", ["main"], ["mainly", "a/main", "Main", ""]),
        ("*", ["main", "v1.0", "-x"], ["feature/a"]),
        ("**", ["main", "feature/a/b", ""], []),
        ("feature/*", ["feature/a"], ["feature/a/b", "feature", "x/feature/a"]),
        ("feature/**", ["feature/a", "feature/a/b"], ["feature"]),
        ("**/docs/**", ["docs/a.md", "x/docs/y/a.md"], ["mydocs/a.md", "docs"]),
        ("**/README.md", ["README.md", "js/README.md"], ["READMEAmd", "xREADME.md"]),
        ("**.js", ["a.js", "x/y/a.js"], ["a.jsx"]),
        ("*.js", ["a.js"], ["x/a.js"]),
        ("a/**/b", ["a/b", "a/x/y/b"], ["ab", "a/xb"]),
        ("v[12].[0-9]+.[0-9]+", ["v1.10.1", "v2.0.0"], ["v3.0.0", "v1..0"]),
        ("*.jsx?", ["page.js", "page.jsx"], ["page.jsxx", "page.j"]),
        ("v?", ["", "v"], ["v1"]),
        ("a+b", ["ab", "aaab"], ["b", "a+b"]),
        (r"c\+\+", ["c++"], ["cc"]),
        (r"\[x\]", ["[x]"], ["x"]),
        ("a.b", ["a.b"], ["axb"]),
        ("größe/*", ["größe/ü"], ["große/ü"]),
        ("***", ["a/b"], []),
    ],
)
def test_patterns_are_those_of_github_actions(glob, yes, no):
    assert [name for name in yes if not matches((glob,), name)] == []
    assert [name for name in no if matches((glob,), name)] == []


def test_the_last_pattern_that_matches_decides():
    globs = ("releases/**", "!releases/**-alpha", "releases/9-alpha")
    assert [name for name in ("releases/1", "releases/1-alpha", "releases/9-alpha", "main") if matches(globs, name)] == ["releases/1", "releases/9-alpha"]


def test_a_name_that_is_no_text_does_no_harm():
    assert matches(("**/*.sql",), "a/\udce9.sql")
    assert not matches(("\u00e9",), "\udce9")


def test_without_filters_every_branch_and_tag_counts():
    assert push().matches(head("heads/any/thing"))
    assert push().matches(head("tags/v1"))
    assert not push().matches(head("notes/headgate"))


def test_filters_of_one_kind_leave_the_other_out():
    assert push(branches=["main"]).matches(head("heads/main"))
    assert not push(branches=["main"]).matches(head("heads/dev"))
    assert not push(branches=["main"]).matches(head("tags/main"))
    assert push(tags="v*").matches(head("tags/v1"))
    assert not push(tags="v*").matches(head("heads/v1"))
    assert push(branches="main", tags="v*").matches(head("tags/v1"))


def test_paths_are_asked_of_branches_only():
    trigger = push(paths=["**.sql", "!legacy/**"])
    assert trigger.matches(head("heads/main", "README.md", "models/a.sql"))
    assert not trigger.matches(head("heads/main", "README.md", "legacy/a.sql"))
    assert not trigger.matches(head("heads/main"))
    assert trigger.matches(head("tags/v1"))
    assert trigger.matches(Head("refs/heads/main", "1" * 40, None, "m", "a", None))


@pytest.mark.parametrize(
    ("globs", "message"),
    [
        (["!main"], "with `!` patterns alone nothing matches"),
        ([""], "a pattern is empty"),
        (["!"], "a pattern is empty"),
        (["?"], "the pattern `?`: `?` needs a character before it"),
        (["*+"], "the pattern `*+`: `+` needs a character before it"),
        (["[z-a]"], "the pattern `[z-a]`: the range `z-a` ends before it begins"),
        (["[abc"], "the pattern `[abc`: `[` is never closed; as a character it is written `\\[`"),
        (["[^a]"], "the pattern `[^a]`: `[^a]` may hold letters, digits and ranges only"),
        (["x" * 300], "a pattern is longer than 256 characters"),
        (["x"] * 200, "more than 100 patterns"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused(globs, message):
    with pytest.raises(ValidationError) as raised:
        push(branches=globs)
    assert raised.value.errors()[0]["msg"] == message


def test_a_hostile_pattern_takes_time_in_proportion():
    began = process_time()
    for glob in ("**a" * 80 + "b", "*a*" * 80 + "b", "a?" * 100 + "a" * 50, "a+" * 100 + "b"):
        assert not matches((glob,), "a" * 4_000 + "c")
    assert process_time() - began < 0.5


def test_three_thousand_paths_are_looked_at_quickly():
    trigger = push(paths=["src/**", "!src/**/*.md", "**/*.sql", "docs/*/index.[a-z]+"])
    began = process_time()
    assert not trigger.matches(head("heads/main", *(f"somewhere/deep/in/the/tree/file_{number}.py" for number in range(3_000))))
    assert process_time() - began < 0.2
