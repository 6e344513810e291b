"""Generated flows, and pairs of sets of them, for the laws of plans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from service.flows.flow import Flow
from service.flows.plan_values import Identity, Side
from tests.flows.world import DOCKER, LOG, PROCESS, RETURN, SCHEDULE, SEQUENTIAL, SHELL, flow

#: What would break out of a table, a code span, HTML or a collapsed part, or mention somebody.
HOSTILE = (
    "</details>",
    "</code>",
    "<img src=x onerror=alert(1)>",
    "<!--",
    "@everyone",
    "`",
    "``",
    "```",
    "|",
    "\\|",
    "\\",
    "[x](javascript:y)",
    "![i](//h)",
    "**b**",
    "~~s~~",
    "#12",
    "\n",
    "\n\n# head",
    "\r\n",
    "    ",
    "&lt;",
    "&#64;all",
    "\u202e",
    "\x85",
    "🙂",
    "|---|",
    "$x$",
    ":tada:",
)
hostile = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text("ab |`<>@&\\", max_size=6)), max_size=6).map("".join)
plain = st.sampled_from(["x", "y", "z"])
ids = st.sampled_from("a b c d e f".split())
values = st.one_of(hostile, st.integers(-5, 5), st.booleans(), st.lists(hostile, max_size=3))


def _leaf(text: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    runners = st.sampled_from([{"type": DOCKER}, {"type": PROCESS}, {"type": DOCKER, "privileged": True}])
    shell = {"type": st.just(SHELL), "commands": st.lists(text.filter(bool), min_size=1, max_size=4), "env": st.dictionaries(hostile, text, max_size=2)}
    return st.one_of(
        st.fixed_dictionaries({"type": st.just(LOG), "message": text}, optional={"disabled": st.booleans(), "description": text}),
        st.fixed_dictionaries({"type": st.just(RETURN), "format": text}, optional={"timeout": st.sampled_from(["PT1M", "PT60S", "PT2H"])}),
        st.fixed_dictionaries(shell, optional={"taskRunner": runners, "containerImage": st.sampled_from(["alpine", "alpine:3", "python:3.13"])}),
    )


@st.composite
def documents(draw: st.DrawFn, texts: st.SearchStrategy[str] = plain) -> dict[str, Any]:
    """The values of a valid flow file, without its names."""
    text = texts.map(lambda found: found.replace("{", "(").replace("%", "_"))
    leaves = [{"id": name, **draw(_leaf(text))} for name in draw(st.lists(ids, min_size=1, max_size=5, unique=True))]
    split = draw(st.integers(0, len(leaves) - 1))
    group = [{"id": "group", "type": SEQUENTIAL, "tasks": leaves[split:]}] if draw(st.booleans()) else leaves[split:]
    found: dict[str, Any] = {"tasks": [*leaves[:split], *group]}
    crons = st.sampled_from(["0 6 * * *", "*/30 * * * *", "0 0 L * *"])
    found["triggers"] = [
        {"id": name, "type": SCHEDULE, "cron": draw(crons), **draw(st.sampled_from([{}, {"timezone": "Europe/Paris"}, {"disabled": True}]))}
        for name in draw(st.lists(st.sampled_from("st"), max_size=2, unique=True))
    ]
    found["inputs"] = [
        {"id": name, "type": "STRING", "required": False, "description": draw(text)} for name in draw(st.lists(st.sampled_from("mn"), max_size=2, unique=True))
    ]
    found["variables"] = draw(st.dictionaries(hostile, values, max_size=2))
    return {key: _without_templates(value) for key, value in found.items() if value}


def _without_templates(value: Any) -> Any:
    """What is drawn is text, not expressions that may be wrong."""
    if isinstance(value, str):
        return value.replace("{", "(").replace("%", "_")
    if isinstance(value, list):
        return [_without_templates(part) for part in value]
    return {_without_templates(key): _without_templates(part) for key, part in value.items()} if isinstance(value, dict) else value


def made(identity: Identity, document: Mapping[str, Any]) -> Flow:
    """A flow of these values. JSON is YAML, as long as nothing in it breaks a line for YAML alone."""
    text = json.dumps({"id": identity[1], "namespace": identity[0], **document}, ensure_ascii=False)
    return flow(text.replace("\x85", "\\u0085"))


Sets = tuple[dict[Identity, dict[str, Any]], dict[Identity, dict[str, Any]]]


@st.composite
def sets(draw: st.DrawFn, texts: st.SearchStrategy[str] = plain) -> Sets:
    """The values of two sets of flows that have something in common."""
    pool = draw(st.lists(documents(texts), min_size=1, max_size=3))
    identities = st.tuples(st.sampled_from(["dev", "prod"]), st.sampled_from("p q r".split()))
    one_side = st.dictionaries(identities, st.sampled_from(pool), max_size=4)
    return draw(one_side), draw(one_side)


def sides(pair: Sets) -> tuple[Side, Side]:
    """Both sets, read."""
    before, after = (Side({identity: made(identity, document) for identity, document in each.items()}) for each in pair)
    return before, after
