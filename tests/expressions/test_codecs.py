"""Names, random numbers, ciphers and classes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.expressions import ExpressionError, Expressions, Ports
from service.secrets.cipher import seal, unseal

KEY = base64.b64encode(bytes(range(32))).decode()
NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)
EXPRESSIONS = Expressions()


def ports(token: Callable[[int], bytes] = bytes, now: datetime = NOON) -> Ports:
    return Ports(now=lambda: now, secret=lambda key, _namespace: key, token=token, free_port=lambda: 40123, seal=seal, unseal=unseal)


def value(template: str, *, by: Ports | None = None, **names: Any) -> Any:
    return EXPRESSIONS.typed(template, names, by or ports())


# --- names


@pytest.mark.parametrize(("template", "length"), [("{{ id() }}", 22), ("{{ ksuid() }}", 27), ("{{ nanoId() }}", 21), ("{{ nanoId(1) }}", 1)])
@given(st.binary(min_size=1, max_size=40))
def test_names_have_their_length_whatever_was_drawn(template: str, length: int, drawn: bytes) -> None:
    name = value(template, by=ports(lambda size: (drawn * size)[:size]))
    assert len(name) == length
    assert name.replace("-", "").replace("_", "").isalnum() or template == "{{ nanoId(1) }}" or not set(name) - set("-_")
    assert name.isascii()


def test_names_differ_when_the_bytes_do() -> None:
    for template in ("{{ id() }}", "{{ ksuid() }}", "{{ nanoId() }}"):
        assert value(template, by=ports(lambda size: b"\1" * size)) != value(template, by=ports(lambda size: b"\2" * size))


@given(st.datetimes(datetime(2015, 1, 1), datetime(2140, 1, 1)), st.datetimes(datetime(2015, 1, 1), datetime(2140, 1, 1)))  # noqa: DTZ001  (made aware below)
def test_ksuids_sort_by_time(one: datetime, other: datetime) -> None:
    first, second = sorted(moment.replace(tzinfo=UTC, microsecond=0) for moment in (one, other))
    late, early = ports(lambda size: b"\xff" * size, first), ports(bytes, second)
    if first < second:
        assert value("{{ ksuid() }}", by=late) < value("{{ ksuid() }}", by=early)


def test_a_nano_id_is_made_of_its_alphabet() -> None:
    assert set(value("{{ nanoId(200, 'äöü') }}", by=ports(lambda size: bytes(index * 7 & 0xFF for index in range(size))))) == set("äöü")
    assert len(value("{{ nanoId(1000) }}")) == 1000
    assert value("{{ nanoId(alphabet='x', length=3) }}") == "xxx"


@pytest.mark.parametrize("arguments", ["0", "-1", "1001", "'5'", "2.5", "true", "5, ''", "5, 12", "5, big"])
def test_a_wrong_length_or_alphabet_is_refused(arguments: str) -> None:
    with pytest.raises(ExpressionError, match="of `nanoId` is a"):
        value(f"{{{{ nanoId({arguments}) }}}}", big="a" * 257)


# --- numbers


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1), st.binary(min_size=16, max_size=16))
def test_a_random_number_lies_between_its_bounds(one: int, other: int, drawn: bytes) -> None:
    lower, upper = sorted((one, other))
    if lower < upper:
        assert lower <= value("{{ randomInt(a, b) }}", by=ports(lambda _size: drawn), a=lower, b=upper) < upper


@pytest.mark.parametrize(("lower", "upper"), [(1, 2), ("1", "2"), (1.0, Decimal(2)), (" 1 ", 2), ("+1", 2)])
def test_bounds_may_be_numbers_or_their_text(lower: Any, upper: Any) -> None:
    assert value("{{ randomInt(a, b) }}", a=lower, b=upper) == 1
    assert value("{{ randomInt(lower=a, upper=b) }}", a=lower, b=upper) == 1


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        (2, 1, "1 is below 2"),
        ("a", 1, "`lower` of `randomInt` is a whole number of 64 bits, not text of this form"),
        (None, 1, "not null"),
        (1, None, "`upper`"),
        (True, 2, "not a boolean"),
        (0, 2**63, "64 bits"),
        (0, Decimal("1e999999"), "64 bits"),
        (float("nan"), 2, "64 bits"),
        (0, [1], "not a list"),
        ("1.5", 2, "not text"),
        (0, "9" * 1000, "not text"),
    ],
)
def test_wrong_bounds_are_refused(lower: Any, upper: Any, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        value("{{ randomInt(a, b) }}", a=lower, b=upper)


def test_a_free_port_comes_from_the_machine_or_from_nowhere() -> None:
    assert value("{{ randomPort() }}") == 40123
    with pytest.raises(ExpressionError, match="not known here"):
        value("{{ randomPort() }}", by=Ports(now=lambda: NOON, secret=lambda key, _namespace: key))


# --- ciphers


@given(st.text(min_size=1), st.sampled_from([16, 24, 32]), st.binary(min_size=12, max_size=12))
def test_what_is_encrypted_is_decrypted(text: str, size: int, nonce: bytes) -> None:
    key = base64.b64encode(bytes(range(size))).decode()
    hidden = value("{{ encrypt(k, t) }}", by=ports(lambda _size: nonce), k=key, t=text)
    data = base64.b64decode(hidden, validate=True)
    assert data[:12] == nonce
    assert len(data) == 12 + len(text.encode("utf-8", "replace")) + 16
    assert value("{{ decrypt(k, t) }}", k=key, t=hidden) == text.encode("utf-8", "replace").decode()
    assert value("{{ decrypt(key=k, encrypted=encrypt(key=k, plaintext='x')) }}", k=key) == "x"


@pytest.mark.parametrize("name", ["encrypt", "decrypt"])
def test_without_a_cipher_nothing_is_encrypted(name: str) -> None:
    with pytest.raises(ExpressionError, match="ciphers are not available here"):
        value(f"{{{{ {name}(k, t) }}}}", by=Ports(now=lambda: NOON, secret=lambda key, _namespace: key, token=bytes), k=KEY, t="A" * 40)


def test_nothing_stays_nothing() -> None:
    assert value("{{ encrypt(k, t) }}", k=KEY, t="") == ""
    assert value("{{ decrypt(k, t) }}", k=KEY, t="") == ""
    assert value("{{ encrypt(k, t) }}", k=KEY, t=None) is None
    assert value("{{ decrypt(k, t) }}", k=KEY, t=None) is None


@pytest.mark.parametrize("name", ["encrypt", "decrypt"])
@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("not base64 at all", "hidden-text", "key of `{}` is not Base64"),
        (base64.b64encode(b"short").decode(), "hidden-text", "key of `{}` must be Base64 of 32 bytes .* not of 5"),
        ("", "hidden-text", "not of 0"),
        (None, "hidden-text", "`{}` takes texts, not null"),
        (12, "hidden-text", "`{}` takes texts, not a number"),
        (KEY, ["hidden-text"], "`{}` takes texts, not a list"),
    ],
)
def test_a_wrong_key_is_refused_and_never_shown(name: str, key: Any, text: Any, message: str) -> None:
    with pytest.raises(ExpressionError, match=message.format(name)) as raised:
        value(f"{{{{ {name}(k, t) }}}}", k=key, t=text)
    assert "hidden" not in str(raised.value)
    assert str(key or "-none-") not in raised.value.message


def test_a_changed_or_foreign_text_is_refused() -> None:
    hidden = base64.b64decode(value("{{ encrypt(k, 'a text') }}", k=KEY))
    changed = [hidden[:-1] + bytes([hidden[-1] ^ 1]), bytes([hidden[0] ^ 1]) + hidden[1:], hidden[:20], b"", b"x" * 28]
    other = base64.b64encode(bytes(32)).decode()
    for data, key in [*((each, KEY) for each in changed), (hidden, other)]:
        if data:
            with pytest.raises(ExpressionError, match="can't be decrypted|is not that"):
                value("{{ decrypt(k, t) }}", k=key, t=base64.b64encode(data).decode())
    with pytest.raises(ExpressionError, match="is not that"):
        value("{{ decrypt(k, 'no base64!') }}", k=KEY)


# --- classes


@pytest.mark.parametrize(
    ("held", "name"),
    [
        ("", "java.lang.String"),
        (True, "java.lang.Boolean"),
        (2**31 - 1, "java.lang.Integer"),
        (-(2**31), "java.lang.Integer"),
        (2**31, "java.lang.Long"),
        (2**63 - 1, "java.lang.Long"),
        (2**63, "java.math.BigInteger"),
        (0.5, "java.lang.Double"),
        (Decimal("0.5"), "java.math.BigDecimal"),
        ({}, "java.util.LinkedHashMap"),
        ([], "java.util.ArrayList"),
        ((1,), "java.util.ArrayList"),
        (NOON, "java.time.Instant"),
        (NOON.replace(tzinfo=None), "java.time.LocalDateTime"),
        (date(2024, 3, 5), "java.time.LocalDate"),
        (time(12), "java.time.LocalTime"),
        (timedelta(1), "java.time.Duration"),
    ],
)
def test_values_have_the_classes_of_java(held: Any, name: str) -> None:
    assert value("{{ a | className }}", a=held) == name


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("number", "java.lang.Float"),
        ("number('FLOAT')", "java.lang.Float"),
        ("number('DOUBLE')", "java.lang.Double"),
        ("number('BIGDECIMAL')", "java.math.BigDecimal"),
    ],
)
def test_a_read_number_has_the_class_that_was_asked_for(call: str, name: str) -> None:
    assert value("{{ '12.3' | " + call + " | className }}") == name
    assert value("{{ '12.3' | " + call + " }}") == (Decimal("12.3") if "BIG" in call else 12.3)


def test_null_has_no_class() -> None:
    assert value("{{ null | className }}") is None
    with pytest.raises(ExpressionError, match="not defined"):
        value("{{ nothing | className }}")


def test_the_old_names_of_json_mean_the_same() -> None:
    assert value("{{ jsonDecode('{\"a\": [1]}').a[0] }}") == 1
    assert EXPRESSIONS.text("{{ {'a': 1} | jsonEncode }}", {}, ports()) == '{"a":1}'
