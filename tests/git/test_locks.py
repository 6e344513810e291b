"""Lock files that killed writers left are in nobody's way for long."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from service.errors import Unavailable
from service.git import layout
from service.git.helper import Helper
from service.git.repository import Git

AUTHOR = ("Ann", "ann@example.org")


def left(path: Path, seconds: float) -> Path:
    """A lock file of this age."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time.time() - seconds, time.time() - seconds))
    return path


def test_a_start_removes_every_lock_that_a_kill_left(git: Git, bare: Path, helper: Helper):
    locks = [left(bare / name, 60) for name in ("HEAD.lock", "packed-refs.lock", "refs/heads/main.lock", "refs/headgate/keep/deep/x.lock")]
    other = left(bare / "refs" / "heads" / "lock", 60)
    Git(git.root, helper)
    assert [lock.exists() for lock in locks] == [False] * 4
    assert other.exists()


def test_a_young_lock_gets_a_moment_to_be_given_back(git: Git, bare: Path):
    young = left(bare / "refs/heads/main.lock", 0)
    began = time.monotonic()
    layout.unlock(git.root)
    assert layout.LOCK_HELD * 0.8 < time.monotonic() - began < layout.LOCK_HELD + 1
    assert not young.exists()
    began = time.monotonic()
    layout.unlock(git.root)
    assert time.monotonic() - began < 0.5


def test_a_helper_that_was_killed_while_it_wrote_a_ref_stops_the_next_one_only_for_a_while(git: Git, bare: Path):
    sha = git.write("demo", "main", {"a": b"1"}, "one", AUTHOR, None)
    lock = left(bare / layout.KEEP / f"{sha}.lock", 0)
    with pytest.raises(Unavailable, match="lock"):
        git.keep("demo", sha)
    assert left(lock, 60).exists()
    git.keep("demo", sha)
    assert (bare / layout.KEEP / sha).exists()
    left(bare / "refs/heads/main.lock", 60)
    assert git.write("demo", "main", {"a": b"2"}, "two", AUTHOR, sha) == git.refs("demo")["refs/heads/main"]
