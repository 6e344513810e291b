"""What may stand at a place inside `{{ … }}` or `{% … %}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from service.expressions.language import OPERATORS, TAGS
from service.expressions.registry import Entry, entries, parameter_name
from service.expressions.statements import ENDS
from service.flows.editing.names import Name, Names
from service.flows.editing.templates import NAME, NUMBER, TEXT, Bound, Unfinished, Word

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_OPERATORS = {written: one.words for one in OPERATORS for written in one.written if not written.endswith("x")}
#: Names between two operands, or before one.
_BETWEEN = frozenset({*(name for name in _OPERATORS if name.isidentifier()), "in"})
_STARTS = frozenset({"if", "elseif"})
#: Tags after which a new name is made up.
_NAMING = frozenset({"for", "set", "macro", "block"})
_KNOWN = "Whether a name is known, and not null."
_OF_LOOP = {
    "index": "The number of the round, from 0.",
    "length": "How many rounds there are.",
    "first": "Whether this is the first one.",
    "last": "Whether this is the last one.",
    "revindex": "How many rounds follow.",
}
_BOUND = {"for": "Each item of the loop.", "loop": "The round of the loop.", "set": "Set by the template.", "parameter": "An argument of the macro."}


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that may stand there: how it is shown, what it is, and what is written for it in the place of the last `width` characters."""

    name: Name
    insert: str
    width: int


@dataclass(frozen=True, slots=True)
class Choices:
    """All that may stand at a place, and what is typed of it already."""

    typed: str
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Called:
    """The call whose parentheses a place is in."""

    kind: str
    name: str
    given: int  #: arguments without a name before the place
    named: frozenset[str]


def choices(found: Unfinished, names: Names) -> Choices:
    """What may stand at the end of an unfinished expression."""
    if found.in_text:
        return _in_text(found, names)
    words = list(found.words)
    typed = words.pop().text if words and words[-1].kind == NAME and words[-1].end == found.length else ""
    if not typed and words and words[-1].kind == NUMBER and words[-1].end == found.length:
        return Choices("")
    if words and words[-1].is_("."):
        return Choices(typed, tuple(_after_dot(name, typed) for name in _members(words[:-1], found.bound, names)))
    return Choices(typed, tuple(_offered(found, words, names, len(typed))))


def _in_text(found: Unfinished, names: Names) -> Choices:
    """In a text: the key of a map, in brackets behind its name."""
    text = found.words[-1].text[1:]
    if len(found.words) < 2 or not found.words[-2].is_("["):
        return Choices("")
    return Choices(text, tuple(Choice(name, name.name, len(text)) for name in _members(found.words[:-2], found.bound, names)))


def _offered(found: Unfinished, words: Sequence[Word], names: Names, width: int) -> Iterator[Choice]:
    """By what stands before."""
    last = words[-1] if words else None
    tag = words[0].text if found.opened == "{%" and words else ""
    if found.opened == "{%" and not words:
        yield from (Choice(name, name.name, width) for name in _tags(found.waiting))
    elif (last is not None and last.is_("|")) or (tag == "filter" and len(words) == 1):
        yield from _registered("filter", width)
    elif _is_testing(words):
        yield from (*_registered("test", width), Choice(Name("defined", "test", _KNOWN, "defined"), "defined", width))
    elif tag in _NAMING and len(words) == 1:
        return
    elif tag == "for" and len(words) == 2:  # noqa: PLR2004 - `for` and the name
        yield Choice(Name("in", "operator", "What the loop goes over."), "in", width)
    elif last is not None and _is_operand(last, words, tag):
        yield from (Choice(Name(name, "operator", text), name, width) for name, text in _OPERATORS.items() if name != "not")
    else:
        yield from _values(found, words, names, width)


def _values(found: Unfinished, words: Sequence[Word], names: Names, width: int) -> Iterator[Choice]:
    called = call_around(words)
    if called is not None and words[-1].is_("(", ","):
        yield from (Choice(name, f"{name.name}=", width) for name in _arguments(called, found.bound))
    for one in dict.fromkeys(reversed(found.bound)):
        if one.tag == "macro":
            yield Choice(Name(one.name, "macro", "A macro of this template.", _usage(one)), f"{one.name}($1)" if one.parameters else f"{one.name}()", width)
        else:
            yield Choice(Name(one.name, "variable", _BOUND[one.tag]), one.name, width)
    yield from (Choice(name, name.name, width) for name in names.roots())
    yield from _registered("function", width)


def _usage(macro: Bound) -> str:
    return f"{macro.name}({', '.join(macro.parameters)})"


def _is_testing(words: Sequence[Word]) -> bool:
    if words and words[-1].is_("not"):
        words = words[:-1]
        return bool(words) and words[-1].is_("is") and not _is_key(words)
    return bool(words) and words[-1].is_("is") and not _is_key(words)


def _is_key(words: Sequence[Word]) -> bool:
    return len(words) > 1 and words[-2].is_(".")


def _is_operand(last: Word, words: Sequence[Word], tag: str) -> bool:
    """Whether an operator is what may follow."""
    if last.kind == NAME:
        return _is_key(words) or not (last.text in _BETWEEN or last.text == "not" or (len(words) == 1 and tag in _STARTS))
    return last.kind in (NUMBER, TEXT) or last.is_(")", "]", "}")


def _members(words: Sequence[Word], bound: Sequence[Bound], names: Names) -> list[Name]:
    path = path_of(words)
    if not path:
        return []
    own = next((one for one in reversed(bound) if one.name == path[0]), None)
    if own is None:
        return names.members(path)
    return [Name(name, "property", text) for name, text in _OF_LOOP.items()] if own.tag == "loop" and len(path) == 1 else []


def path_of(words: Sequence[Word]) -> list[str]:
    """The path that words end with, as in `… outputs['a'].b`: its steps. Empty where they end with anything else."""
    steps: list[str] = []
    at = len(words) - 1
    while at >= 0:
        word = words[at]
        if word.kind == NAME:
            steps.append(word.text)
            if at == 0 or not words[at - 1].is_("."):
                return steps[::-1]
            at -= 2
        elif word.is_("]") and at > 1 and words[at - 2].is_("[") and words[at - 1].kind in (TEXT, NUMBER):
            steps.append(words[at - 1].text.strip("'\""))
            at -= 3
        else:
            return []
    return []


def call_around(words: Sequence[Word]) -> Called | None:
    """The innermost call whose parentheses are open at the end."""
    level = 0
    given, named = 0, set[str]()
    for at in range(len(words) - 1, -1, -1):
        word = words[at]
        if word.is_(")", "]", "}"):
            level += 1
        elif word.is_("(", "[", "{"):
            if level == 0:
                return _call(words[:at], given, frozenset(named)) if word.is_("(") else None
            level -= 1
        elif level == 0 and word.is_(","):
            given += 1
        elif level == 0 and word.is_("=") and at:
            named.add(words[at - 1].text)
    return None


def _call(words: Sequence[Word], given: int, named: frozenset[str]) -> Called | None:
    if not words or words[-1].kind != NAME:
        return None
    before = words[:-1]
    if before and before[-1].is_("."):
        return None
    kind = "filter" if before and before[-1].is_("|") else "test" if _is_testing(before) else "function"
    if len(before) == 1 and before[0].is_("filter"):
        kind = "filter"
    return Called(kind, words[-1].text, given - len(named), named)


def _arguments(called: Called, bound: Sequence[Bound]) -> Iterator[Name]:
    """The arguments that may still be named."""
    entry = entries().get((called.kind, called.name))
    macro = next((one for one in bound if one.tag == "macro" and one.name == called.name), None)
    order = macro.parameters if macro is not None else tuple(map(parameter_name, entry.order)) if entry is not None else ()
    detail = _usage(macro) if macro is not None else entry.usage if entry is not None else ""
    yield from (Name(name, "argument", "", detail) for name in order[max(called.given, 0) :] if name not in called.named)


def _tags(waiting: Sequence[str]) -> Iterator[Name]:
    """The ends that are waited for first, then all tags."""
    if waiting:
        yield from (Name(end, "tag", f"Belongs to `{waiting[-1]}`.") for end in ENDS[waiting[-1]][::-1])
    for name, one in TAGS.items():
        examples = "\n".join(f"{template} -> {wanted}" for template, wanted in one.examples)
        yield Name(name, "tag", f"{one.words}\n\n{examples}", one.written[0])


def _after_dot(name: Name, typed: str) -> Choice:
    """A name behind a dot; one with a hyphen needs brackets in the place of the dot."""
    if _IDENTIFIER.fullmatch(name.name):
        return Choice(name, name.name, len(typed))
    return Choice(name, f"['{name.name}']", len(typed) + 1)


def _registered(kind: str, width: int) -> Iterator[Choice]:
    inserted: Callable[[Entry], str] = _function if kind == "function" else _filter
    for (of, _), entry in sorted(entries().items()):
        if of == kind:
            yield Choice(Name(entry.name, kind, entry.document, entry.usage), inserted(entry), width)


def _function(entry: Entry) -> str:
    return f"{entry.name}($1)" if entry.order or entry.variadic else f"{entry.name}()"


def _filter(entry: Entry) -> str:
    """Called only where it needs something."""
    return f"{entry.name}($1)" if entry.required else entry.name
