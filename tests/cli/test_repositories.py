"""`repo …` against a real service."""

from __future__ import annotations

from tests.cli.conftest import Command


def test_an_embedded_repository_is_added_and_listed(headgate: Command, server: str) -> None:
    done = headgate("repo", "add", "mill")
    assert (done.code, done.out) == (0, f"mill: push to {server}/git/mill.git\n")
    assert "mill" in [line.split()[0] for line in headgate("repo", "list").out.splitlines()[1:]]
    assert "mill" in [repository["name"] for repository in headgate("repo", "list", "-o", "json").json]


def test_a_name_is_taken_once(headgate: Command, server: str) -> None:
    assert headgate("repo", "add", "twice").code == 0
    done = headgate("repo", "add", "twice")
    assert (done.code, done.out) == (2, "")
    assert "twice" in done.err


def test_json_names_where_to_push(headgate: Command, server: str) -> None:
    created = headgate("repo", "add", "plain", "-o", "json").json
    assert created["name"] == "plain"
    assert created["git_url"] == f"{server}/git/plain.git"


def test_a_forge_s_repository_gets_a_hook_with_its_secret(headgate: Command, server: str) -> None:
    options = ("--url", "http://127.0.0.1:9/ada/engine.git", "--forge", "github", "--api-url", "http://127.0.0.1:9", "--allow-private")
    created = headgate("repo", "add", "engine", *options, "-o", "json")
    assert created.code == 0, created.err
    hook = created.json["hook"]
    assert hook["url"].startswith(f"{server}/hooks/")
    assert len(hook["secret"]) >= 20
    assert "secret" not in (headgate("repo", "list", "-o", "json").json[-1].get("hook") or {})


def test_what_a_forge_s_repository_needs_is_explained_to_people(headgate: Command, server: str) -> None:
    done = headgate(
        "repo", "add", "told", "--url", "http://127.0.0.1:9/ada/told.git", "--forge", "github", "--api-url", "http://127.0.0.1:9", "--allow-private"
    )
    names = [line.split()[0] for line in done.out.splitlines()]
    assert names == ["told:", "webhook", "secret"]
    assert "not shown again" in done.err


def test_a_token_that_the_service_has_not_is_refused_by_name(headgate: Command, server: str) -> None:
    done = headgate("repo", "add", "locked", "--url", "http://127.0.0.1:9/a/b.git", "--forge", "github", "--allow-private", "--token-from", "env:NO_SUCH_TOKEN")
    assert done.code == 2
    assert "env:NO_SUCH_TOKEN: the service's environment has no such variable" in done.err


def test_a_name_that_means_nothing_now_may_be_added(headgate: Command, server: str) -> None:
    done = headgate("repo", "add", "early", "--url", "https://nowhere.invalid/a/b.git", "--forge", "plain")
    assert done.code == 0, done.err


def test_sync_is_accepted(headgate: Command, server: str) -> None:
    headgate("repo", "add", "look")
    assert headgate("repo", "sync", "look").out == "look will be looked at\n"
    assert headgate("repo", "sync", "nowhere").code == 2
