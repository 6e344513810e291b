"""Which paths the globs of tasks mean."""

from __future__ import annotations

import pytest

from service.globs import matcher


@pytest.mark.parametrize(
    ("pattern", "meant", "not_meant"),
    [
        ("*.sql", ["a.sql", ".sql"], ["d/a.sql", "a.sqlx"]),
        ("**.sql", ["a.sql", "d/e/a.sql"], ["a.py"]),
        ("**/*.sql", ["a.sql", "d/e/a.sql"], ["a.py"]),
        ("d/**", ["d/a", "d/e/b"], ["a", "dd/a"]),
        ("glob:d/?.txt", ["d/a.txt"], ["d/ab.txt", "d//.txt"]),
        ("/d/a.txt", ["d/a.txt"], ["a.txt"]),
        ("./a.{csv,json}", ["a.csv", "a.json"], ["a.xml"]),
        ("[a-c].txt", ["b.txt"], ["d.txt"]),
        ("[!a-c].txt", ["d.txt"], ["b.txt"]),
        (".hidden", [".hidden"], ["hidden", "xhidden"]),
        ("a+(b).txt", ["a+(b).txt"], ["aab.txt"]),
        ("regex:.*/[0-9]+[.]csv", ["d/12.csv"], ["12.csv", "d/x.csv"]),
    ],
)
def test_a_pattern_means_some_paths_and_not_others(pattern: str, meant: list[str], not_meant: list[str]):
    means = matcher([pattern])
    assert [path for path in (*meant, *not_meant) if means(path)] == meant


def test_any_of_several_is_enough_and_none_means_nothing():
    assert matcher(["a", "b"])("b")
    assert not matcher([])("a")


@pytest.mark.parametrize("pattern", ["regex:(", "[z-a]", "a" * 1001])
def test_what_is_no_pattern_is_refused(pattern: str):
    with pytest.raises(ValueError, match="pattern"):
        matcher([pattern])


def test_a_pattern_with_many_stars_is_answered_as_any_other():
    # With a matcher that goes back and tries again, this has no end.
    assert not matcher(["*a" * 60 + "b"])("a" * 4000)
