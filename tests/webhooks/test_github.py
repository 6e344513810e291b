"""What is GitHub's alone."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from webhooks import github
from webhooks.change import Ignored, Push, Unreadable
from webhooks.forges import guess
from webhooks.report import Report, ReportState, Target

SHA = "b" * 40
TARGET = Target("https://api.github.com", "octocat/hello")
PUSH = {"ref": "refs/heads/main", "before": "a" * 40, "after": SHA, "repository": {"id": 7}, "sender": {"login": "octocat"}}


def read(payload=PUSH, event="push", content_type="application/json", body=None):
    headers = {"x-github-event": event, "x-github-delivery": "1", "content-type": content_type}
    return github.read(headers, json.dumps(payload).encode() if body is None else body)


def status(description="ok", context="headgate/flows", url="https://x", state=ReportState.SUCCESS):
    (request,) = github.requests_for(Report(SHA, context, state, description, url), TARGET)
    return request


def test_a_push_names_who_pushed():
    assert read() == Push("7", "refs/heads/main", "a" * 40, SHA, "octocat")
    assert read({**PUSH, "sender": None, "pusher": {"name": "ada"}}).sender == "ada"
    assert read({**PUSH, "sender": None}).sender == ""


def test_nothing_else_of_the_body_is_believed():
    noise: dict[str, object] = {"commits": "?", "head_commit": None, "forced": 3, "created": "no", "deleted": True, "base_ref": 1, "installation": []}
    assert read({**PUSH, **noise}) == read()


@pytest.mark.parametrize("event", ["pull_request", "issue_comment", "check_run", "check_suite", "merge_group", "release"])
def test_events_of_later_versions_are_ignored_and_say_so(event):
    assert read({"action": "opened"}, event) == Ignored(f"{event} is not handled in this version")


@pytest.mark.parametrize("event", ["create", "delete", "installation", "repository", "meta", "x" * 200])
def test_other_events_are_ignored_with_a_short_reason(event):
    change = read({}, event)
    assert isinstance(change, Ignored)
    assert len(change.reason) < 120


@pytest.mark.parametrize("repository", [None, {}, {"id": "7"}, {"id": True}, {"id": -1}, {"id": 1.5}, []])
def test_a_push_without_a_repository_is_unreadable(repository):
    with pytest.raises(Unreadable, match="repository"):
        read({**PUSH, "repository": repository})


# B61
def test_a_form_is_read_like_its_payload():
    form = urlencode({"payload": json.dumps(PUSH)}).encode()
    assert read(body=form, content_type="application/x-www-form-urlencoded; charset=utf-8") == read()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x=1",
        b"payload",
        b"payload={}&payload={}",
        b"&".join(b"f=1" for _ in range(1_000_000)),
        b"payload=%ff",
        "payload=é".encode(),
        b"payload=%5B%5D",
        b"payload={}%00",
    ],
    ids=range(9),
)
def test_a_wrong_form_is_unreadable(body):
    with pytest.raises(Unreadable):
        read(body=body, content_type="application/x-www-form-urlencoded")


@pytest.mark.parametrize("content_type", ["", "text/plain", "multipart/form-data; boundary=x", "application/xml\x00"])
def test_another_content_type_is_unreadable_and_says_which_are_read(content_type):
    with pytest.raises(Unreadable, match="application/json or application/x-www-form-urlencoded"):
        read(content_type=content_type)


def test_a_report_is_one_status():
    request = status("3 flows changed")
    assert (request.method, request.url) == ("POST", f"https://api.github.com/repos/octocat/hello/statuses/{SHA}")
    assert request.json == {"state": "success", "description": "3 flows changed", "context": "headgate/flows", "target_url": "https://x"}
    assert request.headers["accept"] == "application/vnd.github+json"


@pytest.mark.parametrize("state", list(ReportState))
def test_every_state_is_one_of_githubs(state):
    assert status(state=state).json["state"] in ("pending", "success", "failure", "error")


def test_a_target_that_is_no_web_address_is_left_out():
    assert "target_url" not in status(url="").json
    assert "target_url" not in status(url="javascript:x").json


def test_long_texts_are_cut_to_what_github_takes():
    json_body = status("word " * 100, "headgate/" + "n" * 300).json
    assert len(json_body["description"]) <= 140
    assert len(json_body["context"]) == 255


def test_a_report_on_something_that_is_no_commit_is_our_fault():
    with pytest.raises(ValueError, match="not a commit"):
        github.requests_for(Report("main/../x", "c", ReportState.PENDING, "", ""), TARGET)


@pytest.mark.parametrize(
    ("url", "api_url", "target"),
    [
        ("https://github.com/octocat/hello.git", None, TARGET),
        ("https://user:secret@github.com/octocat/hello", None, TARGET),
        ("git@github.com:octocat/hello.git", None, TARGET),
        ("ssh://git@ssh.github.com:443/octocat/hello.git", None, TARGET),
        ("https://git.example.com:8443/octocat/hello.git", None, Target("https://git.example.com:8443/api/v3", "octocat/hello")),
        ("ssh://git@git.example.com:2222/octocat/hello.git", None, Target("https://git.example.com/api/v3", "octocat/hello")),
        ("http://[::1]:8080/octocat/hello.git", None, Target("http://[::1]:8080/api/v3", "octocat/hello")),
        ("https://git.example.com/octocat/hello.git", "https://api.example.com/", Target("https://api.example.com", "octocat/hello")),
    ],
)
def test_the_api_of_a_clone_url(url, api_url, target):
    assert github.target(url, api_url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "octocat/hello",
        "/srv/git/x.git",
        "file:///etc/passwd",
        "ext::sh -c x",
        "git://github.com/a/b",
        "ssh://-oProxyCommand=x/a/b",
        "-oProxyCommand=x:a/b",
        "https://github.com/a",
        "https://github.com/a/b/c",
        "https://github.com/../b",
        "https://github.com/a/b?x=1\n",
        "https://github.com/a%2f/b",
        "https://github.com\\@evil/a/b",
        "https://[::1/a/b",
        "https://x:99999/a/b",
        "https://\uff11\uff12\uff17.0.0.1/a/b",
    ],
)
def test_an_address_of_no_repository_is_refused_in_words(url):
    with pytest.raises(ValueError, match=r"address|owner/name"):
        github.target(url)


def test_a_password_in_an_address_is_not_repeated():
    with pytest.raises(ValueError, match="address") as refused:
        github.target("https://u:hunter2@github.com/a")
    assert "hunter2" not in str(refused.value)


def test_the_forge_follows_from_the_host_where_it_can():
    assert guess("git@github.com:a/b.git") == "github"
    assert guess("https://github.com.example.com/a/b.git") == "plain"
