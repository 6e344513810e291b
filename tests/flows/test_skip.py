"""Commits that ask for nothing to run."""

from __future__ import annotations

import pytest

from service.flows.skip import skips


@pytest.mark.parametrize(
    "message",
    [
        "fix typo [skip ci]",
        "[CI SKIP] docs",
        "docs\n\nlong text\n[no ci]\n",
        "docs [Skip Headgate]",
        "subject\n\nbody\n\nskip-checks: true",
        "subject\n\nSigned-off-by: A <a@b.c>\nSkip-Checks:true\n\n",
    ],
)
def test_a_mark_is_seen(message):
    assert skips(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "skip ci",
        "[skip]",
        "[skip  ci]",
        "skip-checks: true",
        "subject\n\nskip-checks: true\n\nlater text",
        "subject\n\nskip-checks: false",
        "x" * 10_000_000,
    ],
)
def test_anything_else_is_no_mark(message):
    assert not skips(message)
