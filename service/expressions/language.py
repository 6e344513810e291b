"""What the language has besides functions, filters and tests, in words: literals, operators, tags. Documentation, completion and hovering are made from it.

Texts have the form of a plugin's docstring, with examples that run as tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.expressions.registry import examples_in


@dataclass(frozen=True, slots=True)
class Documented:
    """A part of the language: how it is written, and what it does."""

    written: tuple[str, ...]
    document: str

    @property
    def words(self) -> str:
        """The document without its examples, as one paragraph."""
        return " ".join(self.document.partition("\n\n")[0].split())

    @property
    def examples(self) -> tuple[tuple[str, str], ...]:
        """Template and what it renders to."""
        return examples_in(self.document)


def _of(written: str, document: str) -> Documented:
    lines = [line.strip() for line in document.strip().splitlines()]
    return Documented(tuple(written.split("  ")), "\n".join(lines))


LITERALS: tuple[Documented, ...] = (
    _of("'text'", "Text. Its own quote is escaped, and nothing else: `\\n` stays two characters.\n\n{{ 'it\\'s' }} -> it's\n{{ 'a\\d' }} -> a\\d"),
    _of('"text"', 'Text that may hold expressions in `#{…}`.\n\n{{ "1 + 1 = #{1 + 1}" }} -> 1 + 1 = 2\n{{ "say \\"hi\\"" }} -> say "hi"'),
    _of("42  1.5  10L", "Numbers: whole ones of 64 bits, and doubles.\n\n{{ 42 }} -> 42\n{{ 1.50 }} -> 1.5\n{{ 10L }} -> 10"),
    _of("true  false", "Also `TRUE` and `FALSE`.\n\n{{ true }} -> true"),
    _of("null  none", "Nothing; prints nothing. Also `NULL` and `NONE`.\n\n{{ null }} ->\n{{ null ?? 'nothing' }} -> nothing"),
    _of("[1, 'a']", "A list. Keys after it want parentheses.\n\n{{ [1, 'a', true] }} -> [1,\"a\",true]\n{{ ([1, 2])[0] }} -> 1"),
    _of("{'key': 1}", "A map.\n\n{{ {'a': 1, 'b': [2]} }} -> {\"a\":1,\"b\":[2]}"),
)

OPERATORS: tuple[Documented, ...] = (
    _of(
        "or",
        """True if one side is; the right side is looked at only where it matters. Either side is a boolean, a number (0 is false) or text (empty text is
        false, and the text `false` is true); null, lists and maps are refused.

        {{ false or 1 }} -> true
        {{ '' or 0 }} -> false
        """,
    ),
    _of("and", "True if both sides are, by the rules of `or`.\n\n{{ true and 'false' }} -> true"),
    _of("is  is not", "A test.\n\n{{ [] is empty }} -> true\n{{ 3 is not even }} -> true"),
    _of(
        "contains",
        """A list has an item, or all items of another list; a map has a key; a text has a part. Null contains nothing.

        {{ [1, 2, 3] contains 2 }} -> true
        {{ [1, 2, 3] contains [1, 4] }} -> false
        {{ {'a': 1} contains 'a' }} -> true
        {{ 'headgate' contains 'gate' }} -> true
        """,
    ),
    _of(
        "==  equals  !=",
        """Numbers are equal by value; a number never equals a text. Lists and maps are compared whole.

        {{ 1 == 1.0 }} -> true
        {{ 1 == '1' }} -> false
        {{ [1, {'a': null}] equals [1, {'a': null}] }} -> true
        """,
    ),
    _of(
        "<  >  <=  >=",
        """Two numbers, or two texts by their characters. With null always false; a number and a text are refused.

        {{ 2 < 10 }} -> true
        {{ '2' < '10' }} -> false
        {{ null >= 0 }} -> false
        """,
    ),
    _of(
        "??",
        """The left side, or the right one where the left is null or a name in it is unknown.

        {{ inputs.unknown ?? 'default' }} -> default
        {{ null ?? null ?? 1 }} -> 1
        {{ '' ?? 'default' }} ->
        """,
    ),
    _of("???", "The left side, or the right one where a name in the left is unknown; null stays null.\n\n{{ inputs.unknown ??? 1 }} -> 1\n{{ null ??? 1 }} ->"),
    _of(
        "isIn",
        """Whether a list has an item, or a map a key or a value; compared by their text.

        {{ 'a' isIn ['a', 'b'] }} -> true
        {{ 1 isIn ['1'] }} -> true
        """,
    ),
    _of(
        "+  -",
        """Adds and subtracts. `+` joins where either side is text, and appends to a list; `-` takes items out of a list.

        {{ 1 + 2 }} -> 3
        {{ 1 + 0.5 }} -> 1.5
        {{ 'a' + 1 }} -> a1
        {{ [1] + [2, 3] }} -> [1,2,3]
        {{ [1, 2, 3] - 2 }} -> [1,3]
        """,
    ),
    _of(
        "*  /  %",
        """Between whole numbers the fraction of a division is cut off; the remainder has the sign of the left side.

        {{ 7 / 2 }} -> 3
        {{ 7 / 2.0 }} -> 3.5
        {{ -7 % 3 }} -> -1
        """,
    ),
    _of("|", "A filter. It binds tighter than `*` and looser than `~`.\n\n{{ 'a' | upper }} -> A\n{{ 1 + '2' | number }} -> 3\n{{ 'a' ~ 'b' | upper }} -> AB"),
    _of("~", "Joins two values as text; null is empty.\n\n{{ 'a' ~ 1 ~ null }} -> a1"),
    _of("..", 'The numbers or characters from one to another, both included.\n\n{{ 1..3 }} -> [1,2,3]\n{{ \'a\'..\'c\' }} -> ["a","b","c"]'),
    _of(
        "not",
        """The contrary of a truth, by the rules of `or`. It binds tightest: `not a == b` is `(not a) == b`.

        {{ not true }} -> false
        {{ not (1 == 2) }} -> true
        """,
    ),
    _of("+x  -x", "A number's sign.\n\n{{ -(1 + 2) }} -> -3"),
)

#: Kinds of binding that are no binary operator of the table.
TERNARY = _of("a ? b : c", "`b` where `a` is true, else `c`; null is false here.\n\n{{ 1 < 2 ? 'yes' : 'no' }} -> yes\n{{ null ? 1 : 2 }} -> 2")
ACCESS = _of(
    "a.b  a['b']  a[0]",
    """A key of a map, an item of a list. What is not there is an error that `??`, `???`, `default` and `is defined` forgive. A key with a hyphen is written in
    brackets.

    {{ ({'a': {'b-c': [5]}}).a['b-c'][0] }} -> 5
    """,
)

TAGS: Mapping[str, Documented] = {
    "if": _of(
        "{% if a %} … {% elseif b %} … {% else %} … {% endif %}",
        """The first part whose condition is true, by the rules of `or`.

        {% if 1 > 2 %}a{% elseif true %}b{% else %}c{% endif %} -> b
        """,
    ),
    "for": _of(
        "{% for x in list %} … {% else %} … {% endfor %}",
        """Once for every item of a list, or for every entry of a map with `x.key` and `x.value`; nothing for null. `loop` has `index` (from 0), `length`,
        `first`, `last` and `revindex`. The part after `else` is for an empty list or map.

        {% for x in ['a', 'b'] %}{{ loop.index }}{{ x }} {% endfor %} -> 0a 1b
        {% for e in {'a': 1} %}{{ e.key }}={{ e.value }}{% endfor %} -> a=1
        {% for x in [] %}{{ x }}{% else %}none{% endfor %} -> none
        """,
    ),
    "set": _of(
        "{% set x = 1 %}",
        """Gives a name a value, for the rest of the template; a new name that is given inside a loop is known there only.

        {% set x = 1 + 1 %}{{ x * x }} -> 4
        {% set sum = 0 %}{% for x in [1, 2] %}{% set sum = sum + x %}{% set y = x %}{% endfor %}{{ sum }}{{ y ?? '' }} -> 3
        """,
    ),
    "macro": _of(
        "{% macro name(a, b=1) %} … {% endmacro %}",
        """A text with parameters, called like a function. It sees its parameters and no other variable; `_context` hands it all of them.

        {% macro greet(name, word='Hello') %}{{ word }} {{ name }}{% endmacro %}{{ greet('Ada') }} -> Hello Ada
        {% set word = 'Hi' %}{% macro greet(all) %}{{ all.word }}{% endmacro %}{{ greet(_context) }} -> Hi
        """,
    ),
    "block": _of(
        "{% block name %} … {% endblock %}",
        "A part of the template that `block('name')` shows again.\n\n{% block a %}x{% endblock %}{{ block('a') }} -> xx",
    ),
    "filter": _of("{% filter name %} … {% endfilter %}", "Filters what stands between.\n\n{% filter upper %}a{{ 1 }}b{% endfilter %} -> A1B"),
    "raw": _of(
        "{% raw %} … {% endraw %}  {% verbatim %} … {% endverbatim %}",
        "Text as it is.\n\n{% raw %}{{ no expression }}{% endraw %} -> {{ no expression }}",
    ),
    "cache": _of("{% cache 'name' %} … {% endcache %}", "What stands between; it is not kept.\n\n{% cache 'a' %}x{% endcache %} -> x"),
    "parallel": _of("{% parallel %} … {% endparallel %}", "What stands between.\n\n{% parallel %}x{% endparallel %} -> x"),
    "flush": _of("{% flush %}", "Nothing.\n\n{% flush %}{{ 'a' }} -> a"),
}
