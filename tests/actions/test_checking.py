"""What a commit shows that is not live: it is green only where the same commit would be green on the live branch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from service.actions.deliveries import Head
from tests.support.commits import MAIN
from tests.support.station import Station

FEATURE, TAG = "refs/heads/feature", "refs/tags/v1"


def text(id: str = "f", namespace: str = "t", type: str = "io.kestra.plugin.core.log.Log", message: str = "x") -> str:
    return f"id: {id}\nnamespace: {namespace}\ntasks: [{{id: a, type: {type}, message: {message}}}]\n"


def noted(id: str) -> str:
    """Right, with something to remark."""
    return text(id, type="io.kestra.core.tasks.log.Log")


def shown(station: Station, sha: str) -> tuple[str, str]:
    return station.statuses(sha)["headgate/flows"]


def move(station: Station, ref: str, sha: str | None) -> None:
    station.commits().move(ref, sha)
    station.tell(Head(ref, sha))
    station.sync()


MANY = {f".flows/a{number:03}.yml": noted(f"a{number}") for number in range(205)}


@pytest.mark.parametrize("ref", [MAIN, FEATURE, TAG])
@pytest.mark.parametrize(
    ("files", "told"),
    [
        (MANY | {".flows/z.yml": text("z", type="no.such.Type")}, ".flows/z.yml:3:"),
        ({f".flows/{number}.yml": text(f"z{number}", type="no.such.Type") for number in range(250)}, "250 problems, first: .flows/0.yml:3:"),
    ],
    ids=["an error among notices", "too many to keep"],
)
def test_many_problems_hide_no_error(station: Station, ref: str, files: Mapping[str, Any], told: str) -> None:
    base = station.push({".flows/f.yml": text()})
    sha = station.push(files, ref=ref, onto=base)
    assert (shown(station, sha)[0], shown(station, sha)[1][: len(told)]) == ("failure", told)
    assert (len(station.commit(sha).problems), station.commit(sha).problems[0]["severity"]) == (200, "error")


BASE = {".flows/f.yml": text(), ".flows/g.yml": text("g"), ".flows/broken.yml": "\t: ["}


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({".flows/h.yml": text()}, {"HG-0501"}),
        ({".flows/g.yml": text()}, {"HG-0501"}),
        ({".flows/h.yml": text("h"), ".flows/i.yml": text("h")}, {"HG-0501"}),
        ({".flows/h.yml": text("h", "theirs")}, {"HG-0502"}),
        ({".flows/h.yml": text(), ".flows/f.yml": None}, set()),
        ({".flows/g.yml": text(), ".flows/f.yml": text("g")}, set()),
        ({".flows/h.yml": text("h", "free")}, set()),
        ({".flows/f.yml": text(message="y")}, set()),
    ],
    ids=["doubled", "renamed to another", "two new", "a foreign namespace", "moved", "swapped", "a free namespace", "changed"],
)
@pytest.mark.parametrize("ref", [FEATURE, TAG])
def test_a_branch_shows_what_its_fast_forward_would_show(station: Station, ref: str, changes: Mapping[str, Any], codes: set[str]) -> None:
    station.push({".flows/x.yml": text("x", "theirs")}, name="other")
    base = station.push({path: content for path, content in BASE.items() if "broken" not in path})
    sha = station.push(changes, ref=ref, onto=base)
    assert {problem["code"] for problem in station.commit(sha).problems} == codes
    before = shown(station, sha)[0]
    move(station, MAIN, sha)
    assert {problem["code"] for problem in station.commit(sha).problems} == codes
    assert (before, shown(station, sha)[0]) == (("failure",) * 2 if codes else ("success",) * 2)


def test_a_file_that_tells_nothing_stands_against_no_claim_on_a_branch(station: Station) -> None:
    station.push({".flows/f.yml": text()})
    base = station.push({".flows/f.yml": "\t: ["})  # still meant to be t.f
    sha = station.push({".flows/g.yml": text()}, ref=FEATURE, onto=base)
    assert shown(station, sha)[0] == "success"


@pytest.mark.parametrize("end", ["its branch goes", "its branch moves on"])
def test_a_tag_on_a_commit_that_nobody_has_read_is_read(station: Station, end: str) -> None:
    base = station.push({".flows/f.yml": text()})
    writer = station.commits()
    sha = writer.write({".flows/f.yml": text(type="no.such.Type")}, base)
    later = writer.write({}, base)
    for ref in (FEATURE, TAG):
        writer.move(ref, sha)
    station.tell(Head(FEATURE, sha), Head(TAG, sha))
    move(station, FEATURE, None if end == "its branch goes" else later)
    assert (station.commit(sha).state, shown(station, sha)[0]) == ("checked", "failure")


def test_a_tag_on_a_commit_that_was_passed_over_long_ago_is_read(station: Station) -> None:
    base = station.push({".flows/f.yml": text()})
    sha = station.commits().write({".flows/f.yml": text(type="no.such.Type")}, base)
    station.tell(Head(FEATURE, sha))
    station.sync()
    assert station.commit(sha).state == "superseded"
    move(station, TAG, sha)
    assert (station.commit(sha).state, shown(station, sha)[0]) == ("checked", "failure")


def test_a_tag_on_a_commit_that_is_live_changes_nothing(station: Station) -> None:
    sha = station.push({".flows/f.yml": text(type="no.such.Type")})
    before = station.commit(sha), station.statuses(sha)
    move(station, TAG, sha)
    assert (station.commit(sha), station.statuses(sha)) == before
