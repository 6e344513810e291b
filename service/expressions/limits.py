"""How much a template may cost. Templates come from people who may push to a branch, and from pull requests of strangers."""

from __future__ import annotations

from dataclasses import dataclass

from service.expressions.errors import Refused


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of one render.

    A step is about a third of a microsecond of work; it also pays for 16 characters of new text (64 bytes, if there is an emoji in it), so that `steps`
    bounds time and memory.
    """

    text: int = 1_048_576  #: characters of a whole template: a script of that size must pass
    expression: int = 16_384  #: characters between one pair of delimiters
    nodes: int = 2_000  #: syntax nodes inside one pair of delimiters
    total_nodes: int = 20_000  #: syntax nodes of a whole template
    depth: int = 50  #: nesting of one expression
    blocks: int = 15  #: nesting of tags (Python compiles at most 20 loops inside each other)
    output: int = 4_194_304  #: characters of a result, and of any text on the way to it
    items: int = 100_000  #: items of a range or of a list that a filter makes
    steps: int = 2_000_000
    nesting: int = 100  #: levels of maps and lists in a value
    renders: int = 10  #: `render()` inside `render()`
    rounds: int = 100  #: passes of one recursive `render()`
    calls: int = 40  #: macros, blocks and filtered texts inside each other


#: Steps that a template costs by itself: the first time, mostly for being compiled, of which each syntax node has its part, and again.
_FIRST, _NODE, _AGAIN = 1_000, 60, 10
_ROOM = 50


class Budget:
    """What is left of a render's steps, shared by all templates of one value and the renders that they start themselves."""

    __slots__ = ("_seen", "left", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left = limits.steps
        self._seen: set[object] = set()

    def template(self, source: str, nodes: int) -> None:
        """Pays for a template of so many syntax nodes."""
        self.once(source, max(_FIRST, _NODE * nodes), _AGAIN)

    def once(self, what: object, first: int, again: int) -> None:
        """Pays for what is kept once it is there. The first price is due although it may be there: costs must not depend on what was rendered before."""
        self.spend(again if what in self._seen else first)
        self._seen.add(what)

    def spend(self, steps: int) -> None:
        """Pays for work. Raises Refused when nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise Refused("this template needs too much work; loop over less, or do it in a script task")

    def room(self) -> None:
        """Pays for work that is started with `roomy`."""
        self.spend(_ROOM)

    def look(self, length: int) -> None:
        """Pays for comparing a text of this length with another, which is much faster than making one."""
        self.spend(length >> 8)

    def text(self, length: int) -> None:
        """Pays for new text of this length."""
        if length > self.limits.output:
            raise Refused(f"the text gets longer than {self.limits.output:,} characters")
        self.spend(length >> 4)

    def items(self, count: int) -> None:
        """Pays for a new list of this many items."""
        if count > self.limits.items:
            raise Refused(f"a list of more than {self.limits.items:,} items")
        self.spend(count)
