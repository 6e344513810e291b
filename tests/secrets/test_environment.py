"""`secret('NAME')` from `SECRET_NAME`, as in Kestra."""

from __future__ import annotations

import base64

import pytest

from service.errors import Invalid
from service.secrets import Secrets
from service.secrets.environment import EnvironmentSecrets


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secrets(**environment: str) -> EnvironmentSecrets:
    return EnvironmentSecrets(environment)


def test_a_secret_is_its_variable_decoded():
    assert secrets(SECRET_TOKEN=packed("hunter2 ü\n")).get("TOKEN") == "hunter2 ü\n"


def test_names_have_no_case():
    found = secrets(SECRET_MY_KEY=packed("a"), SECRET_other=packed("b"))
    assert (found.get("my_key"), found.get("My_Key"), found.get("OTHER")) == ("a", "a", "b")


def test_of_two_spellings_the_upper_one_wins():
    for names in (("SECRET_A", "SECRET_a"), ("SECRET_a", "SECRET_A")):
        assert EnvironmentSecrets({name: packed(name) for name in names}).get("a") == "SECRET_A"


def test_what_is_not_there_is_none():
    found = secrets(TOKEN=packed("x"), SECRET_=packed("y"), secret_low=packed("z"))
    assert [found.get(name) for name in ("TOKEN", "", "LOW", "SECRET_TOKEN")] == [None] * 4


@pytest.mark.parametrize("value", [packed("long " * 40).rstrip("="), "\n".join(packed("long " * 40)[i : i + 76] for i in range(0, 300, 76)) + "\n"])
def test_wrapped_and_unpadded_base64_is_read(value):
    assert secrets(SECRET_X=value).get("x") == "long " * 40


def test_an_empty_secret_is_empty():
    assert secrets(SECRET_X="").get("x") == ""


@pytest.mark.parametrize("value", ["hunter2!", "hunter222", "aGk_", "p@ss", "ü", packed("x") + "#"])
def test_a_value_that_is_not_base64_is_named_and_not_shown(value):
    found = secrets(SECRET_BAD=value, SECRET_GOOD=packed("x"))
    with pytest.raises(Invalid, match="SECRET_BAD is not base64") as refused:
        found.get("bad")
    assert value not in refused.value.message.replace("SECRET_BAD is not base64", "")
    assert refused.value.__cause__ is None
    assert found.get("good") == "x"
    assert [problem[:10] for problem in found.problems()] == ["SECRET_BAD"]


def test_a_value_that_is_no_text_is_named():
    found = secrets(SECRET_BAD=base64.b64encode(b"\xff\xfe").decode())
    with pytest.raises(Invalid, match="SECRET_BAD holds something other than UTF-8"):
        found.get("bad")


def test_the_names_can_be_listed():
    assert list(secrets(SECRET_B=packed("x"), SECRET_a="?", PATH="/bin").names()) == ["A", "B"]


def test_it_is_a_store_of_secrets():
    store: Secrets = secrets()
    assert store.get("x") is None
