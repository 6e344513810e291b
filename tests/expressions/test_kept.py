"""What is kept of compiled templates."""

from __future__ import annotations

import subprocess
import sys

import pytest

from service.expressions.kept import Kept

#: Templates of which each takes megabytes when it is compiled; what the process then holds, in MiB.
_MANY = """
from datetime import UTC, datetime
from service.expressions import Expressions, Ports
expressions = Expressions(kept=4_000_000)
ports = Ports(now=lambda: datetime.now(UTC), secret=lambda key, namespace: key)
for number in range(16):
    expressions.text(str(number) + "{{ a ?? b ?? c }}" * 900, {"a": 1}, ports)
print(int(open("/proc/self/statm").read().split()[1]) * 4 // 1024)
"""


class Made:
    """Makes things that weigh ten each, and counts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> str | None:
        self.texts.append(text)
        if text == "wrong":
            raise ValueError(text)
        return text.upper() if text != "nothing" else None


def kept(made: Made) -> Kept[str | None]:
    return Kept(made, lambda _text, _made: 10, 100)


def test_a_thing_is_made_once():
    made = Made()
    keep = kept(made)
    assert [keep("a"), keep("a"), keep("nothing"), keep("nothing")] == ["A", "A", None, None]
    assert made.texts == ["a", "nothing"]


def test_an_error_is_made_anew():
    made = Made()
    keep = kept(made)
    for _ in range(2):
        with pytest.raises(ValueError, match="wrong"):
            keep("wrong")
    assert (made.texts, len(keep)) == (["wrong", "wrong"], 0)


def test_what_is_in_use_stays_and_the_rest_goes():
    made = Made()
    keep = kept(made)
    for number in range(1_000):
        keep(str(number))
        keep("in use")
        assert len(keep) <= 22
    assert made.texts.count("in use") == 1
    keep("0")
    assert made.texts.count("0") == 2


def test_compiled_templates_have_a_weight_that_is_bounded():
    held = int(subprocess.run([sys.executable, "-c", _MANY], capture_output=True, text=True, check=True).stdout)
    assert held < 75, f"{held} MiB"
