"""The page of accepted spellings says what is so."""

from __future__ import annotations

from pathlib import Path

import pytest

from service import discovery
from service.flows.catalogue import Catalogue
from service.flows.dialects import DIALECTS, Dialect
from service.flows.problems import Severity
from service.flows.spelling_table import page
from tests.flows.world import LOG, SCHEDULE, SHELL, flow, read, tasks

EVERYTHING = Catalogue(discovery.index(), discovery.load)
PAGE = Path(__file__).parents[2] / "docs" / "spellings.md"
ONE = f"- {{id: a, type: {LOG}, message: x}}"


def test_the_page_is_what_the_classes_say():
    assert PAGE.read_text("utf-8") == page(EVERYTHING), "run `make docs`"


def test_every_type_and_every_old_name_is_on_the_page():
    text = PAGE.read_text("utf-8")
    assert [name for type, entry in discovery.index().items() for name in (type, *entry["aliases"]) if f"`{name}`" not in text] == []


def at_home(row: Dialect, text: str) -> str:
    """A flow with one spelling of a row."""
    flow_trigger = "io.kestra.plugin.core.trigger.Flow"
    at = {
        "flow": tasks(ONE, f"{text}\n"),
        "task": tasks(f"- {{id: a, type: {LOG}, message: x, {text}}}"),
        "script": tasks(f"- {{id: a, type: {SHELL}, commands: [x], {text}}}"),
        "trigger": tasks(ONE, f"triggers:\n  - {{id: t, type: {SCHEDULE}, cron: '@daily', {text}}}\n"),
        "flow trigger": tasks(ONE, f"triggers:\n  - {{id: t, type: {flow_trigger}, {text}}}\n"),
        "input": tasks(ONE, f"inputs:\n  - {{{text}}}\n"),
        "tasks": f"id: x\nnamespace: dev\ntasks: [{text}]\n",
    }
    return at[row.place]


@pytest.mark.parametrize("row", DIALECTS, ids=lambda row: row.what)
def test_both_dialects_are_read(row: Dialect):
    for text in (row.older, row.newer):
        flow(at_home(row, text))


@pytest.mark.parametrize("row", DIALECTS, ids=lambda row: row.what)
def test_the_newer_dialect_is_taken_without_a_notice(row: Dialect):
    assert [problem for problem in read(at_home(row, row.newer)).problems if problem.severity is Severity.NOTICE] == []
