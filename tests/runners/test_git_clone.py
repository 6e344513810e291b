"""git.Clone, with the real git against our own host over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runners.memory import MemoryService
from runners.protocol import Egress, Result, Tree
from service.git.helper import Helper
from service.git.host import Host
from service.git.repository import Git
from tests.git.world import Site, Work, run, serving, started
from tests.runners.far import HERE
from tests.runners.playing import at_work, job, play

CLONE = "io.kestra.plugin.git.Clone"


@pytest.fixture
def git(tmp_path: Path) -> Iterator[Git]:
    helper = Helper()
    yield Git(tmp_path / "repositories", helper)
    helper.close()


@pytest.fixture
def site(git: Git) -> Iterator[Site]:
    git.create("demo")
    with serving(Site().at(git.root, lambda: Host(git.root))) as site:
        yield site


@pytest.fixture
def origin(tmp_path: Path, site: Site) -> Work:
    """A person's work tree; its two commits, a branch and a tag are at the site."""
    work = started(tmp_path / "person")
    work.commit({"a.txt": "1\n", "old.txt": "x"})
    work.git("tag", "v1")
    work.commit({"a.txt": "2\n", "old.txt": None, "deep/b.txt": "b"})
    work.git("branch", "side", "HEAD~1")
    work.git("push", "-q", site.url("demo"), "main", "side", "v1")
    return work


def clone(base: Path, site: Site, service: MemoryService | None = None, egress: Egress = HERE, **spec: object):
    """Clones, and keeps the folder: another job looks into what the clone's left there by storing it."""
    return play(base, job("one", type=CLONE, spec={"url": site.url("demo"), **spec}, egress=egress), service)


def kept(base: Path, site: Site, then: str, **spec: object):
    """What a command prints in the folder that a clone was made in."""
    service = MemoryService()
    holder = job("folder", type="", spec={}, holds=True)
    service.offer(holder)

    with at_work(service, base):
        folder = service.opened("folder")
        service.offer(job("one", type=CLONE, spec={"url": site.url("demo"), **spec}, folder=folder, egress=HERE))
        first = service.ended("one")
        service.offer(job("two", then, folder=folder))
        second = service.ended("two")
        service.kill("folder")
        service.ended("folder")
    assert first.result is Result.SUCCESS, first.message
    assert second.result is Result.SUCCESS, second.message
    return first, [line.message for line in service.lines("two")], [line.message for line in service.lines("one")]


def test_a_clone_is_the_working_directory_for_the_tasks_that_follow(tmp_path, site, origin):
    outcome, lines, _ = kept(tmp_path / "agent", site, "cat a.txt deep/b.txt; echo; git rev-parse HEAD; git status --porcelain; git rev-list --count HEAD")
    assert lines == ["2", "b", origin.head(), "1"]
    assert set(outcome.outputs) == {"directory"}
    assert outcome.outputs["directory"].endswith("/work")


def test_a_clone_in_a_directory_of_its_own(tmp_path, site, origin):
    outcome, lines, _ = kept(tmp_path / "agent", site, "ls; cat repo/in/a.txt", directory="repo/in")
    assert lines == ["repo", "2"]
    assert outcome.outputs["directory"].endswith("/work/repo/in")


@pytest.mark.parametrize(("spec", "content"), [({"branch": "side"}, "1"), ({"tag": "v1"}, "1"), ({"tag": "v1", "noTags": True}, "1")])
def test_a_branch_or_a_tag_is_checked_out(tmp_path, site, origin, spec, content):
    assert kept(tmp_path / "agent", site, "cat a.txt", **spec)[1] == [content]


def test_a_commit_is_checked_out_however_deep_it_lies(tmp_path, site, origin):
    first = origin.git("rev-parse", "HEAD~1").stdout.strip()
    assert kept(tmp_path / "a", site, "cat a.txt; git rev-parse HEAD", commit=first)[1] == ["1", first]
    assert kept(tmp_path / "b", site, "cat a.txt; ls", commit=first[:10], depth=None)[1] == ["1", "a.txt", "old.txt"]


def test_depth_and_branches_come_as_asked_for(tmp_path, site, origin):
    history = "git rev-list --count HEAD; git branch -r --format '%(refname:short)'; git tag"
    assert kept(tmp_path / "a", site, history, depth=None, noTags=True)[1] == ["2", "origin/HEAD", "origin/main"]
    branches = kept(tmp_path / "b", site, history, depth=5, cloneAllBranches=True)[1]
    assert branches[0] == "2"
    assert {"origin/main", "origin/side", "v1"} <= set(branches)


def test_what_the_commit_of_the_flow_has_stays_beside_the_clone(tmp_path, site, origin):
    service, tree = MemoryService(), Tree("demo", "a" * 40)
    service.hold(tree, {"own.txt": b"mine", "a.txt": b"mine too"})
    outcome, _ = play(tmp_path / "agent", job("one", type=CLONE, spec={"url": site.url("demo")}, tree=tree, egress=HERE), service)
    assert outcome.result is Result.SUCCESS, outcome.message


@pytest.mark.parametrize("where", ["fields", "url"])
def test_credentials_are_sent_and_stand_in_no_argument_log_or_file_of_the_clone(tmp_path, site, origin, where):
    site.token = "pass-word-1"
    url = site.url("demo") if where == "fields" else site.url("demo").replace("http://", "http://ann:pass-word-1@")
    spec = {"url": url, **({"username": "ann", "password": "pass-word-1"} if where == "fields" else {})}
    _, lines, said = kept(tmp_path / "agent", site, "cat a.txt; grep -r pass-word-1 . || echo none", **spec)
    assert lines == ["2", "none"]
    assert not [line for line in said if "pass-word" in line]


def test_a_token_needs_no_user(tmp_path, site, origin):
    site.token = "token-1"
    assert kept(tmp_path / "agent", site, "cat a.txt", password="token-1")[1] == ["2"]


def test_credentials_are_not_given_to_another_host(tmp_path, site, origin, git):
    with serving(Site().at(git.root, lambda: Host(git.root))) as other:
        other.token = "pass-word-1"
        site.target = f"http://localhost:{other.port}/git"
        outcome, _ = clone(tmp_path / "agent", site, url=site.url("demo", "moved"), username="ann", password="pass-word-1")
        assert outcome.result is Result.FAILED
        assert other.seen
        assert not [seen for seen in other.seen if "authorization" in seen]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"branch": "none"}, "Remote branch none not found in upstream origin"),
        ({"commit": "0123456789"}, "the repository has no commit 0123456789"),
        ({"commit": "main"}, "commit: 'main' is not a commit's id"),
        ({"branch": "--upload-pack=x"}, "branch: '--upload-pack=x' can't be the name of a branch"),
        ({"directory": "../out"}, "directory: '../out' is not a path inside the working directory"),
        ({"directory": "/etc"}, "directory: '/etc' is not a path inside the working directory"),
        ({"url": "file:///etc"}, "file:// is not cloned from"),
        ({"url": "ext::sh -c touch% /tmp/x"}, "an address has no spaces"),
        ({"url": "/etc"}, "not the address of a repository"),
        ({"url": "ssh://-oProxyCommand=x/y"}, "the address names no host"),
        ({"url": "http://127.0.0.1:9/x.git"}, "127.0.0.1:9 can't be reached: Connection refused"),
        ({"gitConfig": {"core.sshCommand": "touch x"}}, "`core.sshCommand` can't be set here"),
        ({"gitConfig": {"alias": {"x": "!touch x"}}}, "`alias.x` can't be set here"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(tmp_path, site, origin, spec, message):
    outcome, _ = clone(tmp_path / "agent", site, **spec)
    assert outcome.result is Result.FAILED
    assert message in str(outcome.message)


def test_only_what_the_job_may_reach_is_cloned_and_what_the_service_serves_is(tmp_path, site, origin):
    pushed = list(site.seen)
    outcome, _ = clone(tmp_path / "a", site, egress=Egress())
    assert outcome.result is Result.FAILED
    assert "an address of a private network" in str(outcome.message)
    assert site.seen == pushed
    outcome, _ = clone(tmp_path / "b", site, egress=Egress(private=True, own_port=site.port))
    assert outcome.result is Result.SUCCESS, outcome.message


def test_a_wrong_password_and_none_are_told_apart(tmp_path, site, origin):
    site.token = "right"
    assert clone(tmp_path / "a", site)[0].message.startswith("the repository can't be cloned: the host wants a user name and password")
    wrong, lines = clone(tmp_path / "b", site, username="ann", password="not-right-1")
    assert wrong.message == "the repository can't be cloned: the host does not take this user name and password"
    assert not [line for line in lines if "not-right" in line[1]]


def test_settings_of_git_are_taken(tmp_path, site, origin):
    assert kept(tmp_path / "agent", site, "od -c a.txt | head -1", gitConfig={"core": {"autocrlf": True}})[1] == ["0000000   2  \\r  \\n"]


def test_submodules_come_with_their_own_address(tmp_path, site, origin, git):
    git.create("whole")
    whole = started(tmp_path / "whole")
    run("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", site.url("demo"), "part", cwd=whole.path)
    whole.commit({"top.txt": "t"})
    whole.git("push", "-q", site.url("whole"), "main")
    assert kept(tmp_path / "a", site, "cat part/a.txt", url=site.url("whole"), cloneSubmodules=True)[1] == ["2"]
    assert kept(tmp_path / "b", site, "ls part", url=site.url("whole"))[1] == []


def test_a_second_clone_into_the_same_directory_fails(tmp_path, site, origin):
    service = MemoryService()
    tree = Tree("demo", "b" * 40)
    service.hold(tree, {".git/config": b""})
    outcome, _ = play(tmp_path / "agent", job("one", type=CLONE, spec={"url": site.url("demo")}, tree=tree, egress=HERE), service)
    assert outcome.message == "the repository can't be cloned: there is a clone in this directory already; name another one in directory"
