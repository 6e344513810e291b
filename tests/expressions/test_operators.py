"""What each operator makes of each kind of value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from service.expressions import ExpressionError

NAMES = {
    "n": None,
    "t": "text",
    "list": [1, 2, 3],
    "map": {"a": 1, "b": None, "1": "one"},
    "big": Decimal("1.50"),
    "deep": {"x": [{"y": True}]},
    "moment": datetime(2024, 3, 5, 14, 7, 9, 500000, tzinfo=UTC),
    "length": timedelta(hours=1, seconds=1.5),
}


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        # + joins text, appends to lists, adds numbers
        ("1 + 2", "3"),
        ("1 + 2.0", "3.0"),
        ("'a' + 1", "a1"),
        ("1 + 'a'", "1a"),
        ("'a' + null", "anull"),
        ("'a' + list", "a[1, 2, 3]"),
        ("'a' + {'k': [1, null]}", "a{k=[1, null]}"),
        ("'a' + true + 1.0", "atrue1.0"),
        ("list + 4", "[1,2,3,4]"),
        ("list + [4, 5]", "[1,2,3,4,5]"),
        ("list - 2", "[1,3]"),
        ("list - [1, 3]", "[2]"),
        ("[1, 2, 1, 2] - 2", "[1,1,2]"),
        ("[1, 2, 1, 2] - [2]", "[1,1]"),
        ("list - 9", "[1,2,3]"),
        ("big + 1", "2.50"),
        ("big * 2", "3.00"),
        ("1 + 2 + 'a' + 1 + 2", "3a12"),
        # - * / %
        ("5 - 7", "-2"),
        ("2 * 3", "6"),
        ("2 * 1.5", "3.0"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("7 / 2.0", "3.5"),
        ("7 % 3", "1"),
        ("-7 % 3", "-1"),
        ("7 % -3", "1"),
        ("5.5 % 2", "1.5"),
        ("1.0 / 0", "Infinity"),
        ("-1.0 / 0", "-Infinity"),
        ("0.0 / 0", "NaN"),
        ("9223372036854775807", "9223372036854775807"),
        ("- 3", "-3"),
        ("+3", "3"),
        ("-(1 + 2)", "-3"),
        ("10L + 1", "11"),
        # ~
        ("'a' ~ 1 ~ null ~ true", "a1true"),
        ("1 ~ 2", "12"),
        ("list ~ map", "[1, 2, 3]{a=1, b=null, 1=one}"),
        # ..
        ("1..3", "[1,2,3]"),
        ("'a'..'c'", '["a","b","c"]'),
        ("3..1", "[]"),
        # == !=
        ("1 == 1.0", "true"),
        ("1 == '1'", "false"),
        ("true == 1", "false"),
        ("true == true", "true"),
        ("null == null", "true"),
        ("n == 0", "false"),
        ("'a' equals 'a'", "true"),
        ("[1, [2]] == [1.0, [2]]", "true"),
        ("{'a': 1} == {'a': 1}", "true"),
        ("{'a': 1} != {'a': 2}", "true"),
        ("1 != 1", "false"),
        ("big == 1.5", "true"),
        # < > <= >=
        ("1 < 2", "true"),
        ("2 <= 2.0", "true"),
        ("1 > 2", "false"),
        ("2 >= 3", "false"),
        ("'a' < 'b'", "true"),
        ("'B' < 'a'", "true"),
        ("'10' < '9'", "true"),
        ("null < 1", "false"),
        ("1 >= null", "false"),
        ("null <= null", "false"),
        ("big > 1", "true"),
        # contains, isIn
        ("list contains 2", "true"),
        ("list contains [1, 2]", "true"),
        ("list contains [1, 9]", "false"),
        ("map contains 'a'", "true"),
        ("map contains 'z'", "false"),
        ("'hello' contains 'ell'", "true"),
        ("'a1' contains 1", "true"),
        ("null contains 'a'", "false"),
        ("2 isIn list", "true"),
        ("'2' isIn list", "true"),
        ("'a' isIn map", "true"),
        ("'one' isIn map", "true"),
        ("9 isIn list", "false"),
        ("null isIn list", "false"),
        ("1 isIn null", "false"),
        ("'a' isIn 'abc'", "false"),
        # ?? ???
        ("n ?? 'x'", "x"),
        ("nothing ?? 'x'", "x"),
        ("map.b ?? 'x'", "x"),
        ("map.z ?? 'x'", "x"),
        ("n.deeper.still ?? 'x'", "x"),
        ("'' ?? 'x'", ""),
        ("false ?? 'x'", "false"),
        ("nothing ?? n ?? 'y'", "y"),
        ("nothing ?? neither ?? 'y'", "y"),
        ("nothing ??? 'x'", "x"),
        ("n ??? 'x'", ""),
        ("map.b ??? 'x'", ""),
        ("list[7] ??? 'x'", "x"),
        ("1 ?? nothing.at.all", "1"),
        # ? :
        ("true ? 'a' : 'b'", "a"),
        ("n ? 'a' : 'b'", "b"),
        ("0 ? 'a' : 'b'", "b"),
        ("0.0 ? 'a' : 'b'", "b"),
        ("'' ? 'a' : 'b'", "b"),
        ("'false' ? 'a' : 'b'", "a"),
        ("true ? 'a' : nothing", "a"),
        ("false ? 1 : true ? 2 : 3", "2"),
        ("(true ? 1 : 2) + 1", "2"),
        # and or not
        ("true and false", "false"),
        ("false or 'x'", "true"),
        ("false and nothing", "false"),
        ("true or nothing", "true"),
        ("not false", "true"),
        ("not 'false'", "false"),
        ("1 and 2 and 0.5", "true"),
        # is
        ("'' is empty", "true"),
        ("list is not empty", "true"),
        ("nothing is defined", "false"),
        ("map.z is defined", "false"),
        ("map.z.y is not defined", "true"),
        ("n is defined", "false"),
        ("t is defined", "true"),
        ("n is null", "true"),
        ("map is map", "true"),
        ("list is iterable", "true"),
        ("2 is even and 3 is odd", "true"),
        ("2 is  not   odd", "true"),
        # look-ups
        ("map.a", "1"),
        ("map['a']", "1"),
        ("map[1]", "one"),
        ("map['a' ~ '']", "1"),
        ("list[0]", "1"),
        ("list['2']", "3"),
        ("deep.x[0].y", "true"),
        ("deep['x'][1 - 1]['y']", "true"),
        ("map.b", ""),
        ("(deep).x[0]", '{"y":true}'),
        ("('a' | upper)", "A"),
        # literals
        ("{'a': {'b': [1, {'c': 2}]}}", '{"a":{"b":[1,{"c":2}]}}'),
        ("{}", "{}"),
        ("[]", "[]"),
        ("{1: 2}", '{"1":2}'),
        ("{1: 2, true: 3, 0: 4, false: 5}", '{"1":2,"true":3,"0":4,"false":5}'),
        ("({true: 3})[true]", "3"),
        ("({true: 3})['true']", "3"),
        ("{1: 2} contains true", "false"),
        ("{true: 2} contains true", "true"),
        ("TRUE", "true"),
        ("NULL", ""),
        ("none", ""),
        ("1.0", "1.0"),
        ("100.0 * 1000000", "1.0E8"),
        ("0.0001", "1.0E-4"),
        ("123456.789", "123456.789"),
        ("moment", "2024-03-05T14:07:09.500Z"),
        ("length", "PT1H1.5S"),
    ],
)
def test_an_operator_gives(text: Callable[..., str], expression: str, wanted: str) -> None:
    assert text("{{ " + expression + " }}", NAMES) == wanted


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 + null", "`+` works with numbers, not with null"),
        ("1 - 'a'", "`-` works with numbers, not with text"),
        ("'a' * 3", "`*` works with numbers, not with text"),
        ("list * 3", "`*` works with numbers, not with a list"),
        ("true + 1", "`+` works with numbers, not with a boolean"),
        ("1 / 0", "division by zero"),
        ("1 % 0", "division by zero"),
        ("9223372036854775807 + 1", "does not fit into 64 bits"),
        ("99999999999 * 99999999999", "does not fit into 64 bits"),
        ("1 < 'a'", "`<` can't compare a number with text"),
        ("list < list", "`<` can't compare a list with a list"),
        ("1 contains 1", "`contains` works with lists, maps and text, not with a number"),
        ("null and true", "null is neither true nor false"),
        ("not null", "null is neither true nor false"),
        ("list or true", "a list is neither true nor false"),
        ("map ? 1 : 2", "a map is neither true nor false"),
        ("1..'a'", "a range goes from number to number"),
        ("'ab'..'c'", "a range goes from number to number"),
        ("-t", "`-` works with numbers, not with text"),
        ("{list: 1}", "a key of a map is text or a number, not a list"),
        ("n is even", "only a whole number can be even"),
    ],
)
def test_an_operator_refuses(text: Callable[..., str], expression: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=_quoted(message)):
        text("{{ " + expression + " }}", NAMES)


def _quoted(message: str) -> str:
    return "".join(f"\\{character}" if character in "+*?.()[]{}|^$\\" else character for character in message)


def test_the_right_side_of_a_coalescing_is_not_evaluated_in_vain(text: Callable[..., str]) -> None:
    assert text("{{ 1 ?? secret('MISSING') }}") == "1"
