"""A plan as a comment: read by a Markdown parser, nothing in a flow is more than text in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from service.flows.markup import cell, code, fenced, html_code, summary
from service.flows.plan import plan
from service.flows.plan_markdown import LONGEST, as_markdown
from service.flows.plan_values import Side
from service.flows.problems import escaped
from tests.flows.generated import HOSTILE, hostile, made, sets, sides
from tests.flows.world import LOG, SHELL, flow, tasks

NOW = datetime(2026, 3, 27, tzinfo=UTC)
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OURS = re.compile(r"<details><summary>[\w.:& -]+</summary>\n|</details>\n?|</?code>")


def inline(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from inline(token.children or [])


def plain_text(tokens: list[Token]) -> str:
    """What a forge would look through for mentions and links: all text that is not in code."""
    found, within = [], False
    for token in inline(tokens):
        if token.type == "html_inline":
            within = token.content == "<code>"
        elif token.type == "text" and not within:
            found.append(token.content)
    return "\n".join(found)


def check(markdown: str) -> None:
    """Only our own HTML, parts that are closed one after the other, rows as wide as their table, and no foreign character outside of code."""
    tokens = PARSER.parse(markdown)
    html = [token.content for token in inline(tokens) if token.type in ("html_block", "html_inline")]
    assert [found for found in html if not OURS.fullmatch(found)] == []
    parts = [found[:5] for found in html if "details" in found]
    assert parts == ["<deta", "</det"] * (len(parts) // 2)
    assert not {token.type for token in inline(tokens)} & {"link_open", "image", "s_open", "blockquote_open", "code_block", "hr"}
    assert not set(plain_text(tokens)) & set("@<>`|\\")
    widths = [len(row.split("td_open")) for row in " ".join(token.type for token in tokens).split("tr_open")[1:]]
    assert set(widths) <= {1, 3, 4}


@settings(max_examples=120)
@given(sets(hostile))
def test_no_text_of_a_flow_breaks_out(pair):
    before, after = sides(pair)
    markdown = as_markdown(plan(before, after, NOW))
    check(markdown)
    assert markdown == as_markdown(plan(before, after, NOW))
    assert len(markdown) <= LONGEST


@given(hostile)
def test_code_shows_a_text_as_it_is_and_nothing_else(text):
    shown = escaped(text, 200) or '""'
    for markdown in (f"a {code(text)} b", f"<details><summary>x</summary>\n\n- {code(text)}: {code(text)}"):
        spans = [token.content for token in inline(PARSER.parse(markdown)) if token.type == "code_inline"]
        assert {span.strip() for span in spans} == {shown.strip()}
        assert spans


@given(hostile)
def test_a_cell_stays_one_cell(text):
    tokens = PARSER.parse(f"| a | b |\n|---|---|\n| {cell(text)} | end |\n")
    assert [token.type for token in tokens].count("td_open") == 2
    contents = [token for token in inline(tokens) if token.type in ("code_inline", "text")]
    assert contents[-1].content == "end"
    assert "".join(token.content for token in contents[2:-1]).strip() == (escaped(text, 200) or '""').strip()


@given(st.lists(st.one_of(hostile.map(lambda text: escaped(text, 100)), st.sampled_from(["```", " ````", "``` x", "~~~"])), max_size=5))
def test_a_block_holds_its_lines(lines):
    [block] = PARSER.parse(fenced(lines, "diff"))
    assert block.content.split("\n")[:-1] == lines


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_in_html_is_text(text):
    assert not re.search(r"[<>@`|\\*_\[]", html_code(text)[6:-7])
    assert not re.search(r"[<>@]", summary(text))


# sizes


def many(count: int, message: str) -> Side:
    return Side(
        {
            ("dev", f"f{number:04}"): made(("dev", f"f{number:04}"), {"tasks": [{"id": "a", "type": LOG, "message": f"{message}{number}"}]})
            for number in range(count)
        }
    )


def test_a_plan_of_many_flows_is_cut_and_says_so():
    markdown = as_markdown(plan(many(600, "one"), many(600, "two"), NOW))
    check(markdown)
    assert len(markdown) <= LONGEST
    assert markdown.startswith("### Plan: 600 changed\n")
    assert "| … | and 500 more | |" in markdown
    assert re.search(r"… and 500 more flows without details here\.\n\Z", markdown)


@pytest.mark.parametrize("longest", [2_000, 5_000, 20_000])
def test_a_shorter_comment_keeps_the_essential(longest):
    markdown = as_markdown(plan(many(200, "one"), many(200, "two"), NOW), longest)
    check(markdown)
    assert len(markdown) <= longest
    assert "| changed | `dev.f0000` |" in markdown


def test_one_flow_can_not_take_the_whole_comment():
    def large(word: str) -> Side:
        return Side(
            {
                ("dev", "x"): flow(
                    tasks("".join(f"- {{id: t{n}, type: {SHELL}, commands: ['{word * 90}', b, '{n}'], env: {{A: '{word * 90}'}}}}\n" for n in range(300)))
                )
            }
        )

    markdown = as_markdown(plan(large("a"), large("b"), NOW))
    check(markdown)
    assert 10_000 < len(markdown) < 20_000
    assert re.search(r"… and \d+ more lines\.", markdown)


def test_no_difference_is_said_in_one_line():
    assert as_markdown(plan(many(3, "x"), many(3, "x"), NOW)) == "### Plan: no flow differs (3 unchanged)\n"


@pytest.mark.parametrize(
    ("more", "words"),
    [("# more\n", "no effect: comments, spelling or the order of keys"), ("extend: {a: 1, b: 2, c: 3, d: 4}\n", "`extend.b`, `extend.c` and 1 more")],
)
def test_what_has_no_effect_is_said_so(more, words):
    before, after = (Side({("dev", "x"): flow(tasks(f"- {{id: a, type: {LOG}, message: hi}}", rest))}) for rest in ("", more))
    assert words in as_markdown(plan(before, after, NOW))
