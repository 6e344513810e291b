"""The work-tree helper does what its names say, and sees nothing of the machine's configuration."""

from __future__ import annotations

import pytest

from tests.support.repo import GitFailed, Repo, git, remote_refs


@pytest.fixture
def bare(tmp_path):
    git("init", "--quiet", "--bare", "--initial-branch=main", "bare.git", cwd=tmp_path)
    return tmp_path / "bare.git"


def test_a_chain_of_steps_ends_in_a_push(tmp_path, bare):
    repo = Repo(tmp_path / "tree")
    assert repo.write("a/b.txt", "one\n").commit("first").push(str(bare)).ok
    assert remote_refs(str(bare), tmp_path)["refs/heads/main"] == repo.head


def test_what_the_other_side_prints_comes_back_as_lines(tmp_path, bare):
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho '.flows/x.yaml:9:11 wrong'\nexit 1\n")
    hook.chmod(0o755)
    pushed = Repo(tmp_path / "tree").commit().push(str(bare))
    assert not pushed.ok
    assert ".flows/x.yaml:9:11 wrong" in pushed.remote


def test_a_rewritten_branch_needs_force(tmp_path, bare):
    repo = Repo(tmp_path / "tree").write("a", "1").commit()
    repo.push(str(bare))
    repo.write("a", "2").commit(amend=True)
    assert not repo.push(str(bare)).ok
    assert repo.push(str(bare), force=True).ok


def test_commits_are_by_a_known_author_at_a_known_time(tmp_path):
    repo = Repo(tmp_path / "tree").commit("why", date="2026-01-02T03:04:05Z")
    assert repo.git("log", "-1", "--format=%an <%ae> %cI %s") == "Ada <ada@example.com> 2026-01-02T03:04:05+00:00 why"


def test_a_failing_step_says_what_git_said(tmp_path):
    with pytest.raises(GitFailed, match="pathspec"):
        Repo(tmp_path / "tree").commit().checkout("nowhere")
