from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from service.errors import Conflict, Forbidden, Malformed, ServiceError, Unavailable
from service.git.repository import Git
from tests.git.world import Raw, Site, Work, run, serving, started


@pytest.fixture
def origin(tmp_path: Path, site: Site) -> Work:
    """Somebody's clone of the repository that is mirrored: `demo` on the site."""
    work = started(tmp_path / "origin")
    work.git("remote", "add", "origin", site.url("demo"))
    return work


@pytest.fixture
def mirror(git: Git) -> str:
    git.create("mirror")
    return "mirror"


def test_a_mirror_follows_its_remote(git: Git, mirror: str, origin: Work, site: Site) -> None:
    first = origin.commit({".flows/x.yml": "1"})
    origin.git("tag", "-m", "one", "v1")
    origin.git("push", "-q", "origin", "main", "main:a", "v1")
    assert git.fetch(mirror, site.url("demo"), None, True) == {"refs/heads/main": first, "refs/heads/a": first, "refs/tags/v1": first}
    assert git.default_branch(mirror) == "main"
    origin.git("commit", "-q", "--amend", "-m", "other")
    second = origin.head()
    origin.git("push", "-q", "-f", "origin", "main", ":a", ":v1")
    origin.git("push", "-q", "-f", "origin", "main:a/b")
    assert git.fetch(mirror, site.url("demo"), None, True) == {"refs/heads/main": second, "refs/heads/a/b": second}


def test_a_remote_that_has_not_moved_costs_one_question(git: Git, mirror: str, origin: Work, site: Site) -> None:
    origin.commit({"a": "1"})
    origin.git("push", "-q", "origin", "main")
    refs = git.fetch(mirror, site.url("demo"), None, True)
    site.seen.clear()
    assert git.fetch(mirror, site.url("demo"), None, True) == refs
    assert [seen["path"] for seen in site.seen] == ["/git/demo.git/info/refs"]


def test_an_empty_remote_is_an_empty_mirror(git: Git, mirror: str, site: Site) -> None:
    assert git.fetch(mirror, site.url("demo"), None, True) == {}


def test_the_default_branch_is_the_remote_s(git: Git, mirror: str, origin: Work, site: Site) -> None:
    origin.commit({"a": "1"})
    origin.git("push", "-q", "origin", "main:trunk", "main")
    git.set_default_branch("demo", "trunk")
    git.fetch(mirror, site.url("demo"), None, True)
    assert git.default_branch(mirror) == "trunk"


def test_pinned_commits_outlive_their_branch(git: Git, mirror: str, origin: Work, site: Site) -> None:
    commit = origin.commit({"a": "1"})
    origin.git("push", "-q", "origin", "main", "main:side")
    git.fetch(mirror, site.url("demo"), None, True)
    git.keep(mirror, commit)
    git.note(mirror, commit, "kept")
    origin.git("commit", "-q", "--amend", "-m", "other")
    origin.git("push", "-q", "-f", "origin", "main", ":side")
    git.fetch(mirror, site.url("demo"), None, True)
    run("reflog", "expire", "--expire=now", "--all", cwd=git.path(mirror))
    run("gc", "--quiet", "--prune=now", cwd=git.path(mirror))
    assert git.commit(mirror, commit).sha == commit


def test_the_token_is_sent_and_a_wrong_one_is_told(git: Git, mirror: str, origin: Work, site: Site) -> None:
    commit = origin.commit({"a": "1"})
    origin.git("push", "-q", "origin", "main")
    site.token = "right"
    for token, said in ((None, "give the repository a token"), ("wrong", "does not accept the token")):
        with pytest.raises(Forbidden, match=said) as refused:
            git.fetch(mirror, site.url("demo"), token, True)
        assert "wrong" not in refused.value.message
    assert git.fetch(mirror, site.url("demo"), "right", True) == {"refs/heads/main": commit}


def test_a_missing_repository_asks_to_check_url_and_token(git: Git, mirror: str, site: Site) -> None:
    with pytest.raises(Forbidden, match="404: check the URL"):
        git.fetch(mirror, site.url("none"), None, True)


@pytest.mark.parametrize(("host", "heard"), [("127.0.0.1", 1), ("localhost", 0)])
def test_a_redirect_elsewhere_gets_no_token(git: Git, mirror: str, bare: Path, site: Site, host: str, heard: int) -> None:
    other = Site().at(site.root, site.host_of)
    other.token = "secret"
    with serving(other):
        site.target = other.url("demo").replace("127.0.0.1", host)
        with pytest.raises(Forbidden, match="redirects elsewhere"):
            git.fetch(mirror, site.url("demo", door="moved"), "secret", True)
    assert len(other.seen) == heard
    assert all("authorization" not in seen for seen in [*other.seen, *site.seen])


def test_a_host_that_is_not_there_is_worth_another_try(git: Git, mirror: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="can't be reached"):
            git.fetch(mirror, f"http://127.0.0.1:{taken.getsockname()[1]}/x.git", None, True)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"nonsense", b"", b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"])
def test_a_host_that_is_no_git_host_is_told(git: Git, mirror: str, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            client, _ = server.accept()
            with client:
                client.recv(4096)
                client.sendall(answer)

        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(Unavailable):
            git.fetch(mirror, f"http://127.0.0.1:{server.getsockname()[1]}/x.git", None, True)
        thread.join()


@pytest.mark.parametrize("url", ["file:///etc", "http://127.0.0.1/x.git", "https://10.0.0.1/x.git", "https://a:b@example.org/x.git"])
def test_forbidden_urls_never_reach_the_network(git: Git, mirror: str, url: str) -> None:
    with pytest.raises((Malformed, Forbidden)):
        git.fetch(mirror, url, "token", False)


def test_a_lock_of_a_killed_fetch_does_not_stop_the_next(git: Git, mirror: str, origin: Work, site: Site) -> None:
    origin.commit({"a": "1"})
    origin.git("push", "-q", "origin", "main")
    git.fetch(mirror, site.url("demo"), None, True)
    second = origin.commit({"a": "2"})
    origin.git("push", "-q", "origin", "main")
    (git.path(mirror) / "refs" / "heads" / "main.lock").touch()
    assert git.fetch(mirror, site.url("demo"), None, True) == {"refs/heads/main": second}


def test_what_is_fetched_from_a_hostile_remote_is_still_checked(git: Git, mirror: str, raw: Raw, site: Site) -> None:
    commit = raw.flows(("120000", "x.yml", raw.blob(b"/etc/passwd")), ("100644", "..", raw.blob()))
    raw.ref("refs/heads/main", commit)
    assert git.fetch(mirror, site.url("demo"), None, True) == {"refs/heads/main": commit}
    assert sorted(bad.path for bad in git.refused(mirror, commit)) == [".flows/..", ".flows/x.yml"]


def test_a_written_commit_is_pushed_with_the_token(git: Git, mirror: str, origin: Work, site: Site) -> None:
    first = origin.commit({"a": "1"})
    origin.git("push", "-q", "origin", "main")
    site.token = "right"
    git.fetch(mirror, site.url("demo"), "right", True)
    second = git.write(mirror, "main", {"a": b"2"}, "edit", ("Ann", "ann@example.org"), first)
    with pytest.raises(Forbidden):
        git.push(mirror, site.url("demo"), "wrong", "refs/heads/main:refs/heads/main", allow_private=True)
    git.push(mirror, site.url("demo"), "right", "refs/heads/main:refs/heads/main", allow_private=True)
    assert git.refs("demo") == {"refs/heads/main": second}


def test_a_push_onto_a_moved_branch_is_a_conflict(git: Git, mirror: str, origin: Work, site: Site) -> None:
    first = origin.commit({"a": "1"})
    origin.git("push", "-q", "origin", "main")
    git.fetch(mirror, site.url("demo"), None, True)
    git.write(mirror, "main", {"a": b"2"}, "edit", ("Ann", "ann@example.org"), first)
    third = origin.commit({"a": "3"})
    origin.git("push", "-q", "origin", "main")
    with pytest.raises(Conflict):
        git.push(mirror, site.url("demo"), None, "refs/heads/main:refs/heads/main", allow_private=True)
    with pytest.raises(Conflict, match="refused the push"):
        git.push(mirror, site.url("demo"), None, "refs/heads/main:refs/headgate/x", allow_private=True)
    with pytest.raises(ServiceError):
        git.push(mirror, site.url("demo"), None, "main:refs/heads/main", allow_private=True)
    assert git.refs("demo") == {"refs/heads/main": third}


def test_a_branch_whose_name_is_no_text_does_not_stop_the_mirror(git: Git, mirror: str, origin: Work, site: Site, bare: Path) -> None:
    commit = origin.commit({"a": "1"})
    origin.git("push", "-q", "origin", "main")
    (bare / "packed-refs").write_bytes(commit.encode() + b" refs/heads/caf\xe9\n")
    for _ in range(2):
        assert git.fetch(mirror, site.url("demo"), None, True)["refs/heads/main"] == commit
    (bare / "packed-refs").unlink()
    assert git.fetch(mirror, site.url("demo"), None, True) == {"refs/heads/main": commit}


def test_a_slow_fetch_holds_up_no_pin_and_no_edit(git: Git, mirror: str, raw: Raw) -> None:
    commit = git.write(mirror, "main", {"a": b"1"}, "one", ("Ann", "ann@example.org"), None)
    ended: list[ServiceError] = []

    def fetch(url: str) -> None:
        try:
            git.fetch(mirror, url, None, True)
        except ServiceError as fault:
            ended.append(fault)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=fetch, args=(f"http://127.0.0.1:{server.getsockname()[1]}/x.git",))
        thread.start()
        client, _ = server.accept()
        git.keep(mirror, commit)
        git.note(mirror, commit, "kept")
        git.write(mirror, "main", {"a": b"2"}, "two", ("Ann", "ann@example.org"), commit)
        assert ended == []
        client.close()
    thread.join(10)
    assert len(ended) == 1


def test_two_fetches_at_once_take_turns(git: Git, mirror: str, origin: Work, site: Site) -> None:
    commit = origin.commit({"a": os.urandom(100_000)})
    origin.git("push", "-q", "origin", "main")
    found: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda: found.append(git.fetch(mirror, site.url("demo"), None, True))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"refs/heads/main": commit}] * 4
