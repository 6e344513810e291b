from __future__ import annotations

import gzip
import http.client
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from service.git import hook
from service.git.hooks import HookAnswer, HookServer
from service.git.host import Host, Limits
from service.git.repository import Git
from tests.git.conftest import Ear
from tests.git.world import Raw, Site, Work, packet, random_bytes, run, serving, started, until

NONE = "0" * 40


@pytest.fixture
def work(tmp_path: Path, site: Site) -> Work:
    """A work tree whose origin is the site's `demo`, with nothing in it yet."""
    work = started(tmp_path / "work")
    work.git("remote", "add", "origin", site.url("demo"))
    return work


def test_a_pushed_commit_can_be_cloned_again(git: Git, work: Work, site: Site, tmp_path: Path) -> None:
    commit = work.commit({".flows/x.yml": "id: x\n"})
    work.git("push", "-q", "origin", "main")
    run("clone", "-q", site.url("demo"), str(tmp_path / "clone"))
    assert (tmp_path / "clone" / ".flows" / "x.yml").read_text() == "id: x\n"
    assert git.refs("demo") == {"refs/heads/main": commit}
    assert git.default_branch("demo") == "main"


@pytest.mark.parametrize("protocol", ["0", "1", "2"])
def test_every_protocol_version_is_spoken(work: Work, site: Site, tmp_path: Path, protocol: str) -> None:
    commit = work.commit({"a": "1"})
    work.git("push", "-q", "origin", "main", protocol=protocol)
    run("clone", "-q", site.url("demo"), str(tmp_path / "clone"), protocol=protocol)
    listed = run("ls-remote", site.url("demo"), protocol=protocol).stdout
    assert f"{commit}\trefs/heads/main" in listed
    assert ("version=2" in [seen.get("git-protocol") for seen in site.seen]) == (protocol == "2")


def test_a_push_of_megabytes_streams_through(git: Git, work: Work, ear: Ear) -> None:
    content = random_bytes(5_000_000)
    commit = work.commit({"big.bin": content})
    work.git("push", "-q", "origin", "main")
    assert git.refs("demo") == {"refs/heads/main": commit}
    assert [heard for heard, *_ in ear.pushes] == ["pre-receive", "post-receive"]


def test_a_push_over_the_limit_is_refused_and_says_so(git: Git, bare: Path, hooks: HookServer, tmp_path: Path) -> None:
    work = started(tmp_path / "work")
    work.commit({"big.bin": random_bytes(3_000_000)})
    with serving(Site().at(git.root, lambda: Host(git.root, lambda: hooks.socket, Limits(push=1_000_000)))) as site:
        done = work.git("push", site.url("demo"), "main", check=False)
    assert done.returncode != 0
    assert "exceeds maximum allowed size" in done.stderr
    assert git.refs("demo") == {}


def test_force_push_delete_and_tags(git: Git, work: Work, ear: Ear) -> None:
    first = work.commit({"a": "1"})
    second = work.commit({"a": "2"})
    work.git("tag", "-m", "one", "v1", first)
    work.git("push", "-q", "origin", "main", "main:side", "v1")
    work.git("reset", "-q", "--hard", first)
    third = work.commit({"a": "3"})
    assert work.git("push", "origin", "main", check=False).returncode != 0
    work.git("push", "-q", "--force", "origin", "main", ":side")
    assert git.refs("demo") == {"refs/heads/main": third, "refs/tags/v1": first}
    _, _, updates, _ = ear.pushes[-1]
    assert sorted(updates) == [(second, NONE, "refs/heads/side"), (second, third, "refs/heads/main")]


def test_a_shallow_clone_and_what_it_pushes(git: Git, work: Work, site: Site, tmp_path: Path) -> None:
    for n in range(3):
        work.commit({"a": str(n)})
    work.git("push", "-q", "origin", "main")
    run("clone", "-q", "--depth", "1", site.url("demo"), str(tmp_path / "shallow"))
    shallow = Work(tmp_path / "shallow")
    assert shallow.git("rev-list", "--count", "HEAD").stdout.strip() == "1"
    tip = shallow.commit({"b": "1"})
    shallow.git("push", "-q", "origin", "main")
    assert git.refs("demo") == {"refs/heads/main": tip}


def test_a_clone_without_blobs_is_served(work: Work, site: Site, tmp_path: Path) -> None:
    work.commit({"a": "1"})
    work.git("push", "-q", "origin", "main")
    run("clone", "-q", "--bare", "--filter=blob:none", site.url("demo"), str(tmp_path / "clone"))


def test_what_the_hooks_say_reaches_the_pusher(work: Work, ear: Ear) -> None:
    ear.answers["pre-receive"] = HookAnswer(lines=[".flows/x.yml:9:11 unknown type", "esc \x1b[31m"])
    ear.answers["post-receive"] = HookAnswer(lines=(line for line in ["created x, revision 1"]))
    work.commit({"a": "1"})
    said = work.git("push", "origin", "main").stderr
    assert "remote: .flows/x.yml:9:11 unknown type" in said
    assert "remote: esc \\x1b[31m" in said
    assert "remote: created x, revision 1" in said


def test_a_hook_that_refuses_leaves_every_ref_where_it_was(git: Git, work: Work, ear: Ear) -> None:
    ear.answers["pre-receive"] = HookAnswer(False, ["no broken flows here"])
    work.commit({"a": "1"})
    done = work.git("push", "origin", "main", "main:other", check=False)
    assert done.returncode == 1
    assert "remote: no broken flows here" in done.stderr
    assert "pre-receive hook declined" in done.stderr
    assert git.refs("demo") == {}
    assert [heard for heard, *_ in ear.pushes] == ["pre-receive"]


def test_the_hooks_hear_refs_and_options_as_they_are(work: Work, ear: Ear) -> None:
    commit = work.commit({"a": "1"})
    branches = ["-x", "$(id)", "a;id", "<script>", "a'b\"c", "grün", "`id`"]
    work.git("push", "-q", "-o", "ci.skip", "-o", "note=a b", "origin", *(f"main:refs/heads/{branch}" for branch in branches))
    for expected, (heard, repository, updates, options) in zip(["pre-receive", "post-receive"], ear.pushes, strict=True):
        assert (heard, repository, options) == (expected, "demo", ["ci.skip", "note=a b"])
        assert sorted(updates) == sorted((NONE, commit, f"refs/heads/{branch}") for branch in branches)


@pytest.mark.parametrize("ref", ["refs/headgate/keep/x", "refs/headgate/x", "refs/notes/headgate"])
def test_refs_of_the_service_can_not_be_pushed(git: Git, work: Work, raw: Raw, ref: str) -> None:
    work.commit({"a": "1"})
    done = work.git("push", "origin", f"main:{ref}", check=False)
    assert done.returncode == 1
    assert "deny updating a hidden ref" in done.stderr
    assert raw.repository.references.get(ref) is None


def test_the_hook_itself_refuses_them_too(git: Git, work: Work, hooks: HookServer, bare: Path) -> None:
    script = git.root / ".hooks" / "pre-receive"
    done = subprocess.run([script], cwd=bare, input=f"{NONE} {NONE} refs/headgate/x\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "refs/headgate/x is written by Headgate alone.\n")


def test_notes_can_be_fetched_and_kept_commits_are_hidden(git: Git, work: Work) -> None:
    commit = work.commit({"a": "1"})
    work.git("push", "-q", "origin", "main")
    git.note("demo", commit, "headgate/flows: success")
    git.note("demo", commit, "headgate/flows: success\nheadgate/runs: success")
    git.keep("demo", commit)
    work.git("fetch", "-q", "origin", "refs/notes/headgate:refs/notes/headgate")
    assert work.git("notes", "--ref=headgate", "show", commit).stdout == "headgate/flows: success\nheadgate/runs: success\n"
    assert "refs/headgate" not in work.git("ls-remote", "origin").stdout


def test_a_push_can_be_read_before_it_is_accepted(git: Git, work: Work, ear: Ear, bare: Path) -> None:
    first = work.commit({".flows/x.yml": "id: x\n"})
    work.git("push", "-q", "origin", "main")
    seen = {}

    def lint(hook, repository, updates, quarantine):
        if hook == "pre-receive":
            ((old, new, _),) = updates
            (change,) = git.diff(repository, old, new, quarantine=quarantine).changes
            seen[change.path] = git.blobs(repository, [change.new], quarantine)[change.new]
            seen["file"] = git.file(repository, new, ".flows/y.yml", quarantine)

    ear.before = lint
    second = work.commit({".flows/y.yml": "id: y\n"})
    work.git("push", "-q", "origin", "main")
    assert seen == {".flows/y.yml": b"id: y\n", "file": b"id: y\n"}
    assert git.first_parent_of("demo", first, second)


def test_trees_that_no_git_would_write_are_refused_at_the_door(git: Git, work: Work, site: Site) -> None:
    raw = Raw(work.path / ".git")
    blob = raw.blob()
    for bad in ("..", ".git", "a/b.yml"):
        commit = raw.commit(raw.tree(("40000", ".flows", raw.tree(("100644", bad, blob)))))
        done = work.git("push", "origin", f"{commit}:refs/heads/main", check=False)
        assert done.returncode != 0, bad
    assert git.refs("demo") == {}


def test_old_but_honest_history_is_accepted(git: Git, work: Work) -> None:
    raw = Raw(work.path / ".git")
    odd = raw.tree(("100664", "a", raw.blob()))
    zero = raw.commit(raw.tree(("040000", "old", odd)), author=b"Ann<ann@example.org> 1700000000 +051800")
    work.git("push", "-q", "origin", f"{zero}:refs/heads/main")
    assert git.refs("demo") == {"refs/heads/main": zero}
    assert git.commit("demo", zero).author_name == "Ann"


def test_while_the_server_is_away_a_push_is_taken(git: Git, bare: Path, hooks: HookServer, tmp_path: Path) -> None:
    hooks.close()
    work = started(tmp_path / "work")
    commit = work.commit({"a": "1"})
    said = work.git("push", str(bare), "main").stderr
    assert "remote: Headgate is not running" in said
    assert git.refs("demo") == {"refs/heads/main": commit}
    done = work.git("push", str(bare), "main:refs/headgate/x", check=False)
    assert done.returncode == 1


def test_a_handler_that_breaks_costs_the_lint_and_not_the_push(git: Git, work: Work, ear: Ear) -> None:
    def broken(hook, repository, updates, quarantine):
        raise KeyError("oops")

    ear.before = broken
    commit = work.commit({"a": "1"})
    assert "did not answer" in work.git("push", "origin", "main").stderr
    assert git.refs("demo") == {"refs/heads/main": commit}


def test_a_gzipped_request_is_unpacked(work: Work, site: Site) -> None:
    commit = work.commit({"a": "1"})
    work.git("push", "-q", "origin", "main")
    want = packet(f"want {commit} no-progress\n") + b"0000" + packet("done\n")
    status, body = post(site, "git-upload-pack", gzip.compress(want), {"Content-Encoding": "gzip"})
    assert status == 200
    assert body.startswith(b"0008NAK\nPACK")


def test_a_long_negotiation_is_gzipped_by_git_itself(work: Work, site: Site, tmp_path: Path) -> None:
    work.commit({"a": "1"})
    work.git("push", "-q", "origin", "main")
    other = started(tmp_path / "other")
    for n in range(60):
        other.git("commit", "-q", "--allow-empty", "-m", str(n))
    other.git("fetch", "-q", site.url("demo"), "main")
    assert "gzip" in [seen.get("content-encoding") for seen in site.seen]


def test_a_body_that_is_no_gzip_is_malformed(site: Site) -> None:
    status, body = post(site, "git-upload-pack", b"this is no gzip", {"Content-Encoding": "gzip"})
    assert (status, body) == (400, b"The body is not gzip.")


def test_a_gzip_bomb_is_cut(site: Site) -> None:
    bomb = gzip.compress(packet("have " + NONE + "\n") * 2_000_000)
    status, _ = post(site, "git-upload-pack", bomb, {"Content-Encoding": "gzip"})
    assert status in (200, 413)


@pytest.mark.parametrize(("path", "status"), [("/git/none.git/info/refs?service=git-upload-pack", 404), ("/git/demo.git/info/refs?service=git-shell", 400)])
def test_unknown_repositories_and_services_are_named(site: Site, path: str, status: int) -> None:
    asked = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    asked.request("GET", path)
    assert asked.getresponse().status == status
    asked.close()


def test_a_client_that_goes_away_ends_its_git(git: Git, work: Work, site: Site) -> None:
    work.commit({"big.bin": random_bytes(20_000_000)})
    work.git("push", "-q", "origin", "main")
    want = packet(f"want {work.head()} no-progress\n") + b"0000" + packet("done\n")
    client = socket.create_connection(("127.0.0.1", site.port))
    client.sendall(b"POST /git/demo.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(want) + want)
    assert client.recv(1000)
    until(lambda: children("upload-pack"))
    client.close()
    until(lambda: not children("upload-pack"))


def test_half_a_push_changes_nothing(git: Git, work: Work, site: Site) -> None:
    client = socket.create_connection(("127.0.0.1", site.port))
    client.sendall(b"POST /git/demo.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + packet(f"{NONE} {'1' * 40} refs/heads/x\0"))
    until(lambda: children("receive-pack"))
    client.close()
    until(lambda: not children("receive-pack"))
    assert git.refs("demo") == {}


def test_too_many_at_once_are_told_to_come_back(git: Git, bare: Path, tmp_path: Path) -> None:
    with serving(Site().at(git.root, lambda: Host(git.root, limits=Limits(at_once=1, turn=0.2)))) as site:
        client = socket.create_connection(("127.0.0.1", site.port))
        client.sendall(b"POST /git/demo.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        until(lambda: children("receive-pack"))
        assert post(site, "git-upload-pack", b"0000", {})[0] == 503
        client.close()
        until(lambda: not children("receive-pack"))
        assert post(site, "git-upload-pack", b"0000", {})[0] == 200


def test_a_client_that_falls_silent_is_ended(git: Git, bare: Path) -> None:
    with serving(Site().at(git.root, lambda: Host(git.root, limits=Limits(silence=0.3)))) as site:
        client = socket.create_connection(("127.0.0.1", site.port))
        client.sendall(b"POST /git/demo.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 503")
        client.close()
        until(lambda: not children("receive-pack"))


def test_the_hook_script_is_quick(git: Git, bare: Path, hooks: HookServer) -> None:
    script = git.root / ".hooks" / "post-receive"
    begun = time.monotonic()
    for _ in range(5):
        subprocess.run([script], cwd=bare, input=f"{NONE} {NONE} refs/heads/x\n", capture_output=True, text=True, check=True)
    assert (time.monotonic() - begun) / 5 < 0.25  # 30 ms on a quiet machine


def test_a_killed_server_leaves_no_socket_behind_its_successor(git: Git, bare: Path, ear: Ear) -> None:
    dead = HookServer(git.root, ear)
    dead.start()
    assert dead.socket is not None
    assert dead._server is not None
    old = dead.socket
    dead._server.shutdown()
    dead._server.server_close()  # what the kernel does at a kill: the file stays, nobody listens
    with HookServer(git.root, ear) as server:
        assert server.socket != old
        assert not old.parent.exists()


def test_a_server_that_never_answers_does_not_hold_a_push_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/s")
        server.listen()
        monkeypatch.setenv("HEADGATE_HOOK_SOCKET", f"{folder}/s")
        with pytest.raises(TimeoutError):
            hook.ask("pre-receive", str(tmp_path), [], silence=0.1)


def test_only_the_user_can_open_the_socket(hooks: HookServer) -> None:
    assert hooks.socket is not None
    assert hooks.socket.parent.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(hooks.socket)) < 100


def children(program: str) -> list[int]:
    """Living `git PROGRAM` processes that this test process started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if int(parent) == os.getpid() and program.encode() in command:
                found.append(int(entry.name))
    return found


def post(site: Site, service: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    asked = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    asked.request("POST", f"/git/demo.git/{service}", body, headers)
    answer = asked.getresponse()
    result = answer.status, answer.read()
    asked.close()
    return result
