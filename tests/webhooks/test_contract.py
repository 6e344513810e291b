"""What every forge's module must do, run over the whole table. A new module needs an entry in `SAMPLES`, nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from webhooks.change import ZERO, Delivery, Ignored, NotAuthentic, Ping, Push, TagPush, Unreadable
from webhooks.forges import FORGES, Forge
from webhooks.report import Report, ReportState, Target
from webhooks.signature import hex_digest, standard_signature

OLD, NEW = "a" * 40, "b" * 40
SECRET, OLD_SECRET = "new secret, 32 characters or more", "old secret, 32 characters or more"

Headers = dict[str, str]


@dataclass(frozen=True)
class Sample:
    """How one forge says things: pushes by ref and ends, a ping, an event nobody knows, and a signature."""

    push: Callable[[Any, Any, Any], tuple[Headers, bytes]]
    ping: Callable[[], tuple[Headers, bytes]]
    unknown: Callable[[], tuple[Headers, bytes]]
    sign: Callable[[Headers, bytes, str], Headers]
    repository_id: str
    signature_headers: tuple[str, ...]
    vectors: tuple[tuple[Headers, bytes, str], ...] = ()
    now: float = 1_700_000_000.0
    id: str = "72d3162e-cc78-11e3-81ab-4c9367dc0958"


def github(event: str, payload: Mapping[str, Any]) -> tuple[Headers, bytes]:
    headers = {"x-github-event": event, "x-github-delivery": Sample.id, "content-type": "application/json", "user-agent": "GitHub-Hookshot/044aadd"}
    return headers, json.dumps(payload).encode()


def plain(event: str, payload: Mapping[str, Any]) -> tuple[Headers, bytes]:
    return {"webhook-id": Sample.id, "x-headgate-event": event, "webhook-timestamp": "1700000000"}, json.dumps(payload).encode()


def github_push(ref: Any, before: Any, after: Any) -> tuple[Headers, bytes]:
    repository = {"id": 1296269, "full_name": "octocat/hello"}
    return github("push", {"ref": ref, "before": before, "after": after, "repository": repository, "sender": {"login": "octocat"}})


SAMPLES: Mapping[str, Sample] = {
    "github": Sample(
        push=github_push,
        ping=lambda: github("ping", {"zen": "Design for failure.", "hook_id": 1, "repository": {"id": 1296269}}),
        unknown=lambda: github("sponsorship", {"action": "created"}),
        sign=lambda headers, body, secret: {**headers, "x-hub-signature-256": f"sha256={hex_digest(secret, body)}"},
        repository_id="1296269",
        signature_headers=("x-hub-signature-256",),
        vectors=(
            (
                {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
                b"Hello, World!",
                "It's a Secret to Everybody",
            ),
        ),
    ),
    "plain": Sample(
        push=lambda ref, before, after: plain("push", {"ref": ref, "before": before, "after": after}),
        ping=lambda: plain("ping", {}),
        unknown=lambda: plain("something", {}),
        sign=lambda headers, body, secret: {
            **headers,
            "webhook-signature": standard_signature(secret, headers["webhook-id"], headers["webhook-timestamp"], body),
        },
        repository_id="",
        signature_headers=("webhook-signature",),
        vectors=(
            (
                {
                    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
                    "webhook-timestamp": "1614265330",
                    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                },
                b'{"test": 2432232314}',
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            ),
        ),
    ),
}


@pytest.fixture(params=sorted(FORGES))
def name(request):
    return request.param


@pytest.fixture
def forge(name) -> Forge:
    return FORGES[name]


@pytest.fixture
def sample(name) -> Sample:
    return SAMPLES[name]


def test_a_signed_delivery_is_authentic(forge, sample):
    headers, body = sample.push("refs/heads/main", OLD, NEW)
    forge.authentic(sample.sign(headers, body, SECRET), body, [SECRET], sample.now)
    forge.authentic(sample.sign(headers, body, SECRET), body, [SECRET])


def test_the_vendors_published_example_is_authentic(forge, sample):
    for headers, body, secret in sample.vectors:
        forge.authentic(headers, body, [secret])


def test_two_secrets_are_valid_during_a_rotation(forge, sample):
    headers, body = sample.push("refs/heads/main", OLD, NEW)
    for secret in (SECRET, OLD_SECRET):
        forge.authentic(sample.sign(headers, body, secret), body, [SECRET, OLD_SECRET], sample.now)


# B53, B55
@pytest.mark.parametrize("secrets", [[], [""], ["another secret"]])
def test_without_the_right_secret_nothing_is_authentic(forge, sample, secrets):
    headers, body = sample.push("refs/heads/main", OLD, NEW)
    with pytest.raises(NotAuthentic):
        forge.authentic(sample.sign(headers, body, SECRET), body, secrets, sample.now)


@pytest.mark.parametrize("signature", [None, "", "sha256=", "v1,", "é", "\x00", "0" * 64])
def test_without_the_right_signature_nothing_is_authentic(forge, sample, signature):
    headers, body = sample.push("refs/heads/main", OLD, NEW)
    signed = sample.sign(headers, body, SECRET)
    for header in sample.signature_headers:
        changed = {**signed, header: signature or ""} if signature is not None else {key: value for key, value in signed.items() if key != header}
        with pytest.raises(NotAuthentic) as refused:
            forge.authentic(changed, body, [SECRET], sample.now)
        assert str(refused.value) == ""


def test_one_changed_byte_is_not_authentic(forge, sample):
    headers, body = sample.push("refs/heads/main", OLD, NEW)
    with pytest.raises(NotAuthentic):
        forge.authentic(sample.sign(headers, body, SECRET), body + b" ", [SECRET], sample.now)


def test_the_envelope_has_the_forges_own_id(forge, sample):
    headers, _ = sample.push("refs/heads/main", OLD, NEW)
    assert forge.delivery(headers) == Delivery(sample.id, "push")


@pytest.mark.parametrize("wrong", [None, "", "x" * 201, "with space", "new\nline", "é"])
def test_a_delivery_without_an_id_is_unreadable(forge, sample, wrong):
    headers, body = sample.push("refs/heads/main", OLD, NEW)
    changed = {key: value if value != sample.id else (wrong or "") for key, value in headers.items()}
    with pytest.raises(Unreadable):
        forge.delivery(changed)
    with pytest.raises(Unreadable):
        forge.read(changed, body)


@pytest.mark.parametrize(
    ("ref", "before", "after", "kind", "old", "new"),
    [
        ("refs/heads/main", OLD, NEW, Push, OLD, NEW),
        ("refs/heads/feature/ä-ß/1", ZERO, NEW, Push, None, NEW),
        ("refs/heads/main", OLD, ZERO, Push, OLD, None),
        ("refs/heads/refs/tags/x", OLD, NEW, Push, OLD, NEW),
        ("refs/tags/v1.0", ZERO, NEW, TagPush, None, NEW),
        ("refs/tags/v1.0", OLD, ZERO, TagPush, OLD, None),
        ("refs/heads/main", "0" * 64, "c" * 64, Push, None, "c" * 64),
    ],
)
def test_a_push_is_read(forge, sample, ref, before, after, kind, old, new):
    change = forge.read(*sample.push(ref, before, after))
    assert isinstance(change, kind)
    assert (change.repository_id, change.ref, change.before, change.after) == (sample.repository_id, ref, old, new)


def test_other_refs_are_ignored_by_name(forge, sample):
    change = forge.read(*sample.push("refs/pull/3/head", OLD, NEW))
    assert change == Ignored("refs/pull/3/head is neither a branch nor a tag")


# B63
def test_a_ping_is_a_ping(forge, sample):
    assert isinstance(forge.read(*sample.ping()), Ping)


def test_an_unknown_event_is_ignored_with_its_name(forge, sample):
    headers, body = sample.unknown()
    change = forge.read(headers, body)
    assert isinstance(change, Ignored)
    assert forge.delivery(headers).event in change.reason


@pytest.mark.parametrize(
    "ref",
    [
        None,
        7,
        [],
        "",
        "main",
        "refs/heads/",
        "refs/heads/a..b",
        "refs/heads/a b",
        "refs/heads/-x\n",
        "refs/heads/a\x7f",
        "refs/heads/a^{tree}",
        "refs/heads/@{1}",
        "refs/heads/x.lock",
        "refs/heads/x.lock/y",
        "refs/heads//x",
        "refs/heads/.x",
        "refs/heads/x.",
        "refs/heads/x/",
        "refs/heads/a:b",
        "refs/heads/*",
        "refs/heads/a\\b",
        "../refs/heads/main",
        "refs/heads/" + "x" * 1100,
    ],
)
def test_a_ref_that_git_would_not_take_is_unreadable(forge, sample, ref):
    with pytest.raises(Unreadable, match="ref"):
        forge.read(*sample.push(ref, OLD, NEW))


@pytest.mark.parametrize("commit", [None, 7, "", "HEAD", "a" * 39, "A" * 40, "a" * 41, "--upload-pack=x", "a" * 40 + "\n", ["a" * 40]])
def test_an_end_that_is_no_commit_is_unreadable(forge, sample, commit):
    with pytest.raises(Unreadable, match="after"):
        forge.read(*sample.push("refs/heads/main", OLD, commit))
    with pytest.raises(Unreadable, match="before"):
        forge.read(*sample.push("refs/heads/main", commit, NEW))


def test_a_move_from_nothing_to_nothing_is_unreadable(forge, sample):
    with pytest.raises(Unreadable):
        forge.read(*sample.push("refs/heads/main", ZERO, ZERO))


# B60: the reader has its own tests; here, that every module uses it.
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml/>",
        b"[]",
        b"null",
        b'"text"',
        b'{"ref": NaN}',
        b'{"ref": "a", "ref": "b"}',
        b"[" * 100_000,
        b'{"x":' + b"1" * 5000 + b"}",
        b'{"ref": "\\ud800"}',
        b'{"ref": "\\u0000"}',
    ],
    ids=range(11),
)
def test_a_body_that_is_no_plain_json_object_is_unreadable(forge, sample, body):
    headers, _ = sample.push("refs/heads/main", OLD, NEW)
    with pytest.raises(Unreadable) as refused:
        forge.read(headers, body)
    assert len(str(refused.value)) < 300


def test_a_refusal_shows_no_control_characters(forge, sample):
    with pytest.raises(Unreadable) as refused:
        forge.read(*sample.push("\x1b[31m\u202e" + "x" * 5000, OLD, NEW))
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


def test_reports_become_calls_below_the_api_or_none(forge):
    report = Report(NEW, "headgate/flows", ReportState.SUCCESS, "3 flows", "https://ci.example.com/x")
    for request in forge.requests_for(report, Target("https://forge.example.com/api", "octocat/hello")):
        assert request.url.startswith("https://forge.example.com/api/")
        assert "authorization" not in {name.lower() for name in request.headers}
        json.dumps(request.json)


def test_the_same_report_gives_the_same_calls(forge):
    report = Report(NEW, "x" * 400, ReportState.ERROR, "y" * 400, "https://ci.example.com/x")
    target = Target("https://forge.example.com/api", "octocat/hello")
    assert forge.requests_for(report, target) == forge.requests_for(report, target)


def test_a_clone_url_leads_to_a_target(forge):
    assert forge.target("https://forge.example.com/octocat/hello.git").path == "octocat/hello"
    assert forge.target("https://forge.example.com/octocat/hello", "https://other.example.com/api/").api_url in (
        "https://other.example.com/api",
        "https://other.example.com/api/",
    )


def test_every_forge_has_a_sample():
    assert SAMPLES.keys() == FORGES.keys()
