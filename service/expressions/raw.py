"""Raw blocks that are no block of a template: those in what a template writes.

Between the rounds of a recursive render, what is raw in one round is not read in the next one either; signs of a private plane stand for the blocks
meanwhile. And when all is rendered, whatever a raw tag came from, a value or a text in quotes: it is taken away and what stands in the block stays.
"""

from __future__ import annotations

import re

from service.expressions.errors import Refused
from service.expressions.limits import Budget

_START, _END = re.compile(r"\{%-*\s*raw\s*-*%\}"), re.compile(r"\{%-*\s*endraw\s*-*%\}")
_SIGN = re.compile("\U000fff00([0-9]{1,6})\U000fff01")


def untagged(text: str) -> str:
    """A rendered text without its raw tags. One that has no other half stays."""
    if "endraw" not in text:
        return text
    parts: list[str] = []
    at = 0
    while (start := _START.search(text, at)) and (end := _END.search(text, start.end())):
        parts += (text[at : start.start()], text[start.end() : end.start()])
        at = end.end()
    return "".join((*parts, text[at:]))


class Raw:
    """The raw blocks of one recursive render."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._blocks: list[str] = []

    def cut(self, template: str) -> str:
        """The template with a sign for each block. One that is never closed stays: it is refused where it is read."""
        parts: list[str] = []
        at = 0
        while (start := _START.search(template, at)) and (end := _END.search(template, start.end())):
            self._blocks.append(self.put_back(template[start.end() : end.start()]))
            parts += (template[at : start.start()], f"\U000fff00{len(self._blocks) - 1}\U000fff01")
            at = end.end()
        return "".join((*parts, template[at:])) if parts else template

    def put_back(self, text: str) -> str:
        """The text with the blocks for their signs. Raises Refused when it gets too long."""
        room = self._budget.limits.output - len(text)

        def block(sign: re.Match[str]) -> str:
            nonlocal room
            number = int(sign[1])
            found = self._blocks[number] if number < len(self._blocks) else sign[0]
            room -= len(found)
            if room < 0:
                raise Refused(f"the rendered text gets longer than {self._budget.limits.output:,} characters")
            self._budget.text(len(found))
            return found

        return _SIGN.sub(block, text) if self._blocks else text
