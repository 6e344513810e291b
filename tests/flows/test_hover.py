"""What is said of a word."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.flows.editing.spot import Span
from service.flows.hover import Hover
from service.flows.hover import hover as hover_at
from tests.flows.editing import hover
from tests.flows.world import CATALOGUE, LOG

TASK = f"tasks:\n  - id: a\n    type: {LOG}\n    "


def test_a_property_says_what_it_is_and_what_it_is_without_being_written():
    assert hover(f"{TASK}le¦vel: WARN") == Hover(
        "**level** one of TRACE, DEBUG, INFO, WARN, ERROR or expression\n\nHow much it matters.\n\nDefault: `INFO`", Span(4, 5, 10)
    )
    assert hover("i¦d: x").markdown == "**id** text, required\n\nThe flow's name within its namespace."


def test_a_type_says_what_it_does_under_an_old_name_too():
    found = hover("tasks:\n  - id: a\n    type: io.kestra.plugin.core.lo¦g.Log\n")
    assert found.markdown == f"**{LOG}**\n\nLogs a message, or one entry for each of a list of messages."
    assert found.span == Span(3, 11, 11 + len(LOG))
    assert hover("tasks:\n  - type: io.kestra.core.tasks.log.L¦og").markdown.endswith(f"Old name of `{LOG}`.")
    assert "A whole number." in hover("inputs:\n  - {id: a, type: IN¦T}").markdown


def test_a_value_says_what_its_property_is():
    assert hover(f"{TASK}level: WA¦RN").markdown.startswith("**level** one of")
    assert hover(f"{TASK}message: he¦llo").markdown.startswith("**message** text or list of text, required")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ no¦w() }}", "**now([format], [timeZone], [existingFormat], [locale])** function\n\nThe current time as text"),
        ("{{ 'a' | upp¦er }}", "**upper()** filter\n\nIn capitals.\n\n```\n{{ 'straße' | upper }} -> STRASSE\n"),
        ("{{ inputs.d¦ay }}", "**day** input DATE\n\nThe day to load."),
        ("{{ inp¦uts.day }}", "**inputs** root\n\nWhat the execution was given."),
        ("{{ flow.¦id }}", "**id** property\n\nIts id."),
    ],
)
def test_a_name_of_an_expression_says_what_it_is(text: str, words: str):
    found = hover(f'inputs: [{{id: day, type: DATE, description: The day to load.}}]\n{TASK}message: "{text}"')
    assert found.markdown.startswith(words)


@pytest.mark.parametrize("text", ["nosu¦ch: x", "# i¦d: x", "¦", "tasks:\n  - id: a\n    message: '{{ nothing.a¦t }}'", "description: |\n  i¦d: x"])
def test_there_is_nothing_to_say_of_what_is_nothing(text: str):
    assert hover(text) is None


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="abidt:-{}[],.'\"|># \n\t&*!%é\u2028", max_size=120), st.integers(-2, 12), st.integers(-2, 40))
def test_any_text_at_any_place_is_answered(text: str, line: int, column: int):
    found = hover_at(text, line, column, CATALOGUE)
    assert found is None or found.markdown


SCHEDULED = "triggers:\n  - id: t\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: '0 6 * * *'\n    timezone: Europe/Paris\n"


def test_a_schedule_says_in_words_when_it_fires_and_its_next_times():
    found = hover_at(SCHEDULED, 4, 14, CATALOGUE, datetime(2026, 3, 27, 12, tzinfo=UTC))
    assert found is not None
    # The clocks change in the night before the 29th.
    times = ["2026-03-28T05", "2026-03-29T04", "2026-03-30T04", "2026-03-31T04", "2026-04-01T04"]
    assert found.markdown == "**at 06:00 every day** Europe/Paris\n\nnext:\n\n" + "\n".join(f"- {time}:00:00+00:00" for time in times)
    assert hover_at(SCHEDULED, 4, 14, CATALOGUE) == Hover("**at 06:00 every day** Europe/Paris", found.span)


@pytest.mark.parametrize("cron", ["0 6 * *", "x", "0 0 6 * * * *", "{{ vars.cron }}", "0 0 31 2 *", "*/7 * * * * *"])
def test_what_is_no_schedule_yet_says_what_it_should_be(cron: str):
    found = hover_at(SCHEDULED.replace("0 6 * * *", cron), 4, 12, CATALOGUE, datetime(2026, 1, 1, tzinfo=UTC))
    assert found is not None
    assert "cron" in found.markdown or "second" in found.markdown or "February" in found.markdown
