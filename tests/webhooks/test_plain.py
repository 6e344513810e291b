"""What is plain Git's alone."""

from __future__ import annotations

import json

import pytest

from webhooks import plain
from webhooks.change import NotAuthentic, Push, Unreadable
from webhooks.report import Report, ReportState, Target
from webhooks.signature import hex_digest, standard_signature

BODY = json.dumps({"ref": "refs/heads/main", "before": "a" * 40, "after": "b" * 40}).encode()


def test_githubs_way_to_sign_is_enough():
    plain.authentic({"webhook-id": "1", "x-hub-signature-256": f"sha256={hex_digest('k', BODY)}"}, BODY, ["k"], now=0.0)


def test_a_signed_time_is_held_to_five_minutes():
    headers = {"webhook-id": "1", "webhook-timestamp": "1000", "webhook-signature": standard_signature("k", "1", "1000", BODY)}
    plain.authentic(headers, BODY, ["k"], now=1300.0)
    with pytest.raises(NotAuthentic):
        plain.authentic(headers, BODY, ["k"], now=1301.0)


def test_a_wrong_standard_signature_is_not_saved_by_another_one():
    headers = {"webhook-id": "1", "webhook-timestamp": "1000", "webhook-signature": "v1,x", "x-hub-signature-256": f"sha256={hex_digest('k', BODY)}"}
    with pytest.raises(NotAuthentic):
        plain.authentic(headers, BODY, ["k"])


def test_three_facts_and_an_id_are_a_push():
    assert plain.read({"webhook-id": "1"}, BODY) == Push("", "refs/heads/main", "a" * 40, "b" * 40)


def test_a_sender_may_be_named():
    change = plain.read({"webhook-id": "1"}, BODY[:-1] + b', "sender": "ada"}')
    assert isinstance(change, Push)
    assert change.sender == "ada"
    with pytest.raises(Unreadable, match="sender"):
        plain.read({"webhook-id": "1"}, BODY[:-1] + b', "sender": 7}')


def test_there_is_nobody_to_report_to():
    assert plain.requests_for(Report("b" * 40, "c", ReportState.SUCCESS, "", ""), Target("", "x")) == ()


def test_a_path_of_any_depth_is_fine():
    assert plain.target("ssh://git@git.example.com/srv/git/team/x.git").path == "srv/git/team/x"
    assert plain.target("git@git.example.com:x.git").path == "x"
