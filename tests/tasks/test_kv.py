"""Tasks on the KV store: what they ask for, and what they want changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from service.asks import TaskFailed
from service.engine.program import RenderFailed
from service.tasks import Done, InlineTask, KvDelete, KvPut
from service.tasks.kv_delete import Delete
from service.tasks.kv_get import Get
from service.tasks.kv_get_keys import GetKeys
from service.tasks.kv_put import Put
from service.tasks.kv_set import Set
from tests.tasks.asking import Asking

OWN = Asking.namespace
KEYS = {(OWN, "a"): 1, (OWN, "b"): {"x": {"y": 1}, "l": [1]}, (OWN, "null"): None, ("company", "a"): 2, ("company", "c"): 3, ("other", "d"): 4}


def effect(task: InlineTask, **values: Any) -> Any:
    done = task.run(Asking(keys=KEYS, **values))
    assert isinstance(done, Done)
    return done.effect


def outputs(task: InlineTask, **values: Any) -> Any:
    done = task.run(Asking(keys=KEYS, **values))
    assert isinstance(done, Done)
    assert done.effect is None
    return done.outputs


def refused(task: InlineTask, **values: Any) -> str:
    with pytest.raises(TaskFailed) as caught:
        task.run(Asking(keys=KEYS, **values))
    return str(caught.value)


# Set


def test_set_renders_everything():
    task = Set(key="k_{{ n }}", value=["{{ n }}"], namespace="{{ where }}", overwrite="{{ n == 7 }}", ttl="PT{{ n }}S", kv_description="of {{ n }}")
    assert effect(task, n=7, where="there") == KvPut("there", "k_7", [7], Asking.now + timedelta(seconds=7), "of 7")


def test_set_means_the_own_namespace_and_for_ever():
    assert effect(Set(key="a", value="{{ n }}", kv_description="d"), n=7) == KvPut(OWN, "a", 7, None, "d")


@pytest.mark.parametrize("written", ["2026-03-02", "12", "", "true", 5, 0.5, True, {"a": [None]}, [], datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_value_without_a_type_stays_what_it_is(written: Any):
    assert effect(Set(key="k", value=written)) == KvPut(OWN, "k", written)


@pytest.mark.parametrize(
    ("kind", "rendered", "value"),
    [
        ("STRING", "12", "12"),
        ("STRING", 12, "12"),
        ("STRING", True, "true"),
        ("NUMBER", " 12 ", 12),
        ("NUMBER", "-0.5", -0.5),
        ("NUMBER", "0.1000000000000000000001", Decimal("0.1000000000000000000001")),
        ("NUMBER", 12, 12),
        ("NUMBER", Decimal("1.5"), Decimal("1.5")),
        ("BOOLEAN", "TRUE", True),
        ("BOOLEAN", "false", False),
        ("BOOLEAN", False, False),
        ("DATETIME", "2026-03-02T10:00:00Z", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("DATETIME", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)),
        ("DATE", "2026-03-02", date(2026, 3, 2)),
        ("DURATION", "PT1M", timedelta(minutes=1)),
        ("JSON", '{"a": [1, null]}', {"a": [1, None]}),
        ("JSON", "5", 5),
        ("JSON", {"a": 1}, {"a": 1}),
        ("json", "[]", []),
    ],
)
def test_a_text_is_read_as_its_type(kind: str, rendered: Any, value: Any):
    found = effect(Set(key="k", value="{{ value }}", kv_type="{{ kind }}"), value=rendered, kind=kind)
    assert found == KvPut(OWN, "k", value)
    assert type(found.value) is type(value)


@pytest.mark.parametrize(
    ("kind", "rendered"),
    [
        ("STRING", {"a": 1}),
        ("STRING", None),
        ("NUMBER", "many"),
        ("NUMBER", "NaN"),
        ("NUMBER", "true"),
        ("NUMBER", '"5"'),
        ("NUMBER", True),
        ("BOOLEAN", "yes"),
        ("BOOLEAN", 1),
        ("DATETIME", "2026-03-02"),
        ("DATETIME", "2026-03-02T10:00:00"),
        ("DATETIME", date(2026, 3, 2)),
        ("DATE", "2026-13-02"),
        ("DATE", "20260302"),
        ("DATE", datetime(2026, 3, 2, tzinfo=UTC)),
        ("DURATION", "5"),
        ("DURATION", 5),
        ("JSON", "{"),
        ("JSON", "NaN"),
    ],
)
def test_what_is_not_of_its_type_fails_the_task_without_being_shown(kind: str, rendered: Any):
    assert refused(Set(key="k", value="{{ value }}", kv_type=kind), value=rendered) == f"`value` is not a value of the type {kind}"


def test_a_rendered_type_that_nobody_knows_fails_the_task():
    assert refused(Set(key="k", value="x", kv_type="{{ kind }}"), kind="LIST").startswith("`kvType` is `LIST`; it must be one of STRING, NUMBER")


def test_set_without_overwrite_fails_for_a_key_of_exactly_that_namespace():
    assert refused(Set(key="a", value=1, overwrite=False)) == f"the key `a` is in the namespace `{OWN}` already, and `overwrite` is false"
    assert "already" in refused(Set(key="null", value=1, overwrite="{{ 'false' }}"))
    assert effect(Set(key="c", value=1, overwrite=False)) == KvPut(OWN, "c", 1)


@pytest.mark.parametrize("rendered", ["soon", "", "P1Y", "P999999999D", "P9999999D"])
def test_a_rendered_ttl_that_is_none_fails_the_task(rendered: str):
    assert refused(Set(key="k", value=1, ttl="{{ ttl }}"), ttl=rendered).startswith(f"`ttl` is `{rendered}`")


@pytest.mark.parametrize("rendered", ["maybe", 1, "none"])
def test_a_flag_is_true_or_false(rendered: Any):
    for task in (Set(key="k", value=1, overwrite="{{ flag }}"), Get(key="a", error_on_missing="{{ flag }}"), Delete(key="a", error_on_missing="{{ flag }}")):
        assert "must be true or false" in refused(task, flag=rendered)


@pytest.mark.parametrize(
    "wrong", [{"value": 1}, {"key": "k"}, {"key": "k", "value": 1, "ttl": "x"}, {"key": "k", "value": 1, "kvType": "LIST"}, {"key": ["k"], "value": 1}]
)
def test_what_is_written_wrong_is_refused_when_the_flow_is_read(wrong: dict[str, Any]):
    with pytest.raises(ValidationError):
        Set(**wrong)


# Get, GetKeys, Delete


@pytest.mark.parametrize(
    ("task", "value"),
    [
        (Get(key="a"), 1),
        (Get(key="{{ name }}"), 3),
        (Get(key="c", namespace="{{ flow.namespace }}"), 3),
        (Get(key="a", namespace="company"), 2),
        (Get(key="null", error_on_missing=True), None),
        (Get(key="d"), None),
        (Get(key="c", namespace="other"), None),
    ],
)
def test_get_looks_above_its_own_namespace_alone(task: Get, value: Any):
    assert outputs(task, name="c") == {"value": value}


def test_get_fails_where_it_is_told_to():
    assert refused(Get(key="d", error_on_missing=True)) == f"there is no key `d` in the namespace `{OWN}`, and `errorOnMissing` is true"


def test_what_get_gives_is_json():
    ask = Asking(keys={(OWN, "a"): [date(2026, 3, 2), timedelta(minutes=1), Decimal("0.5")]})
    assert Get(key="a").run(ask) == Done({"value": ["2026-03-02", "PT1M", 0.5]})


def test_keys_are_listed_by_name():
    assert outputs(GetKeys()) == {"keys": ["a", "b", "null"]}
    assert outputs(GetKeys(prefix="{{ 'n' }}", namespace=OWN)) == {"keys": ["null"]}
    assert outputs(GetKeys(prefix="", namespace="nobody")) == {"keys": []}


def test_delete_says_whether_there_was_one():
    assert Delete(key="{{ name }}").run(Asking(keys=KEYS, name="a")) == Done({"deleted": True}, effect=KvDelete(OWN, "a"))
    assert outputs(Delete(key="c")) == {"deleted": False}
    assert refused(Delete(key="c", error_on_missing="{{ true }}")) == f"there is no key `c` in the namespace `{OWN}`, and `errorOnMissing` is true"


# Put


def test_put_merges_into_a_map():
    assert effect(Put(key="b", value={"x": {"z": "{{ n }}"}, "l": [2]}), n=7) == KvPut(OWN, "b", {"x": {"y": 1, "z": 7}, "l": [2]}, keeps=True)
    assert effect(Put(key="c", value="{{ map }}"), map={"a": 1}) == KvPut(OWN, "c", {"a": 1}, keeps=True)


def test_put_takes_maps_alone():
    assert refused(Put(key="a", value={"x": 1})) == f"the key `a` of the namespace `{OWN}` holds no map that could be added to"
    assert refused(Put(key="b", value="{{ [1] }}")) == "`value` must be a map"
    with pytest.raises(ValidationError):
        Put(key="b", value=[1])


@pytest.mark.parametrize("type", [Get, Delete])
@pytest.mark.parametrize("wrong", ["key", "namespace"])
def test_what_can_not_be_rendered_fails_the_task(type: Any, wrong: str):
    with pytest.raises(RenderFailed, match="nobody"):
        type(**{"key": "a", wrong: "{{ nobody }}"}).run(Asking())
