"""Tasks that hand values on or look at them: OutputValues, Assert."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from service.asks import TaskFailed
from service.engine.program import RenderFailed
from service.engine.state import State
from service.tasks import Done
from service.tasks.assert_ import Assert
from service.tasks.output_values import OutputValues
from tests.tasks.asking import Asking


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("text", "text"),
        ("{{ n }}", 7),
        ("{{ n }} of {{ n }}", "7 of 7"),
        ("{{ list }}", [1, {"a": None}]),
        ("{{ none }}", None),
        ("{{ n == 7 }}", True),
        ("{{ day }}", "2026-03-02T10:00:00Z"),
        ("{{ exact }}", 0.1),
        ([1, "{{ n }}", {"{{ key }}": ["{{ n }}"]}], [1, 7, {"k": [7]}]),
        (None, None),
        (1.5, 1.5),
        ("{{ braces }}", "{{ secret('x') }}"),
    ],
)
def test_output_values_keep_types(written: Any, value: Any):
    ask = Asking(n=7, list=[1, {"a": None}], key="k", day=datetime(2026, 3, 2, 10, tzinfo=UTC), exact=Decimal("0.1"), braces="{{ secret('x') }}")
    assert OutputValues(values={"a": written}).run(ask) == Done({"values": {"a": value}})


def test_output_values_may_be_none():
    assert OutputValues().run(Asking()) == Done({"values": {}})


@pytest.mark.parametrize("written", ["text", "{{ n }}", [1], 5])
def test_output_values_are_a_map(written: Any):
    with pytest.raises(ValidationError):
        OutputValues(values=written)


def test_output_values_that_can_not_be_rendered_fail_the_task():
    with pytest.raises(RenderFailed, match="nobody"):
        OutputValues(values={"a": ["{{ nobody }}"]}).run(Asking())


def failed(task: Assert, **values: Any) -> tuple[str | None, list[str]]:
    ask = Asking(**values)
    done = task.run(ask)
    assert isinstance(done, Done)
    assert done.state == State.FAILED
    assert {level for level, _ in ask.logged} <= {"ERROR"}
    return done.message, [message for _, message in ask.logged]


def test_assert_passes_where_all_hold():
    ask = Asking(n=7)
    assert Assert(conditions=["{{ n > 0 }}", "true", "{{ n }}", True, 1, "some text"]).run(ask) == Done()
    assert Assert(conditions="{{ [true, 1, 'x', n > 0] }}").run(ask) == Done()
    assert Assert(conditions=[]).run(ask) == Done()
    assert ask.logged == []


def test_assert_names_each_that_does_not_hold():
    task = Assert(conditions=["{{ n > 0 }}", "{{ n < 0 }}", "{{ none }}", "0", False])
    assert failed(task, n=7) == (
        "4 of 5 conditions do not hold",
        [f"The condition `{one}` does not hold" for one in ("{{ n < 0 }}", "{{ none }}", "0", "false")],
    )
    assert failed(Assert(conditions=["{{ n < 0 }}"]), n=7)[0] == "1 of 1 conditions do not hold"


def test_assert_says_what_it_is_told_to_say():
    task = Assert(conditions=["{{ n < 0 }}"], error_message="{{ n }} is too much")
    assert failed(task, n=7) == ("7 is too much", ["The condition `{{ n < 0 }}` does not hold"])


def test_assert_takes_a_rendered_list_whose_texts_are_no_templates():
    assert failed(Assert(conditions="{{ list }}"), list=["{{ nobody }}", False, None])[1] == [
        "The condition `false` does not hold",
        "The condition `` does not hold",
    ]
    with pytest.raises(TaskFailed, match="must be a list"):
        Assert(conditions="{{ n }}").run(Asking(n=7))


@pytest.mark.parametrize("written", [None, "true", {"a": 1}, [["true"]]])
def test_assert_wants_a_list(written: Any):
    with pytest.raises(ValidationError):
        Assert(conditions=written)
    with pytest.raises(ValidationError):
        Assert()


def test_assert_with_a_condition_that_can_not_be_rendered_fails_with_that():
    with pytest.raises(RenderFailed, match="nobody"):
        Assert(conditions=["{{ nobody }}"]).run(Asking())
