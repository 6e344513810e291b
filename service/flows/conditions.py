"""Conditions of triggers, as the first dialect writes them: eighteen types, each of which is one expression of the second dialect's `when`.

A trigger fires when all its gates hold. A gate is a template, or several of which one, or none, must hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Duration, Dynamic, Model, Text, is_template
from runners.times import Instant, TimeOfDay, read_time_of_day
from service.flows.draft import Draft
from service.flows.mistakes import described, path_text
from service.flows.outline import Owner, Rendered
from service.flows.problems import Severity, escaped, nearest_type
from service.flows.source import Broken, Path

_PACKAGE = "io.kestra.plugin.core.condition."
_OLD_PACKAGE = "io.kestra.core.models.conditions.types."
_SINGLE = re.compile(r"\s*\{\{(?P<expression>(?:(?!\}\}|\{\{|\{%).)*)\}\}\s*", re.DOTALL)

Day = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of them must hold."""

    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """None of them may hold."""

    gates: tuple[Gate, ...]


#: A template that must render to something true, or several of them.
Gate = str | AnyOf | NoneOf


def expression(text: str) -> str:
    """A literal or a template, as a part of another expression."""
    match = _SINGLE.fullmatch(text)
    if match:
        return f"({match['expression'].strip()})"
    return f"render({_quoted(text)})" if is_template(text) else _quoted(text)


def _quoted(text: str) -> str:
    if "'" not in text:
        return f"'{text}'"
    if '"' not in text and "#{" not in text:
        return f'"{text}"'
    # With both quotes in it a text is put together: there is no escape for them that does not depend on where they stand.
    return " ~ ".join(f'"{part}"' if part == "'" else f"'{part}'" for part in re.split("(')", text) if part)


class Condition(Model):
    """Base of conditions."""

    NAME: ClassVar[str]

    description: Text | None = Field(None, description="Markdown for people.")

    def gate(self) -> Gate:
        """The same as a gate."""
        raise NotImplementedError


class _Dated(Condition):
    date: Text = Field("{{ trigger.date }}", description="The date that is looked at.")

    @property
    def _date(self) -> str:
        return expression(self.date)


class DateTimeBetween(_Dated):
    """The date lies after one instant, before another, or both."""

    NAME = "DateTimeBetween"

    after: Dynamic[Instant] | None = Field(None, description="The earliest.")
    before: Dynamic[Instant] | None = Field(None, description="The latest.")

    def gate(self) -> Gate:
        bounds = ((">", self.after), ("<", self.before))
        tests = [f"(({self._date} | timestampMilli) {sign} ({expression(bound)} | timestampMilli))" for sign, bound in bounds if bound is not None]
        return f"{{{{ {' and '.join(tests) or 'true'} }}}}"


class TimeBetween(_Dated):
    """The time of day lies after one time, before another, or both. A bound with an offset is compared in that offset."""

    NAME = "TimeBetween"

    after: Dynamic[TimeOfDay] | None = Field(None, description="The earliest.")
    before: Dynamic[TimeOfDay] | None = Field(None, description="The latest.")

    def gate(self) -> Gate:
        tests = [self._test(sign, bound) for sign, bound in ((">", self.after), ("<", self.before)) if bound is not None]
        return f"{{{{ {' and '.join(tests) or 'true'} }}}}"

    def _test(self, sign: str, bound: str) -> str:
        if is_template(bound):
            return f"(({self._date} | date('HH:mm:ss')) {sign} {expression(bound)})"
        time = read_time_of_day(bound)
        zone = time.strftime("%z")
        shown = f"'HH:mm:ss', timeZone='{zone[:3]}:{zone[3:5]}'" if zone else "'HH:mm:ss'"
        return f"(({self._date} | date({shown})) {sign} '{time.strftime('%H:%M:%S')}')"


class DayWeek(_Dated):
    """A day of the week."""

    NAME = "DayWeek"

    day_of_week: Dynamic[Day] = Field(description="The day.")

    def gate(self) -> Gate:
        return f"{{{{ dayOfWeek({self._date}) == {expression(self.day_of_week)} }}}}"


class DayWeekInMonth(_Dated):
    """A day of the week, the first, second, third, fourth or last in its month."""

    NAME = "DayWeekInMonth"

    day_of_week: Dynamic[Day] = Field(description="The day.")
    day_in_month: Dynamic[Literal["FIRST", "SECOND", "THIRD", "FOURTH", "LAST"]] = Field(description="Which of them.")

    def gate(self) -> Gate:
        return f"{{{{ isDayWeekInMonth({self._date}, {expression(self.day_of_week)}, {expression(self.day_in_month)}) }}}}"


class Weekend(_Dated):
    """Saturday or Sunday."""

    NAME = "Weekend"

    def gate(self) -> Gate:
        return f"{{{{ isWeekend({self._date}) }}}}"


class PublicHoliday(_Dated):
    """A public holiday of a country."""

    NAME = "PublicHoliday"

    country: Text | None = Field(None, description="Its code of two letters.")
    sub_division: Text | None = Field(None, description="A part of it, such as a state.")

    def gate(self) -> Gate:
        places = [expression(place) for place in (self.country, self.sub_division) if place is not None]
        return f"{{{{ isPublicHoliday({', '.join((self._date, *places))}) }}}}"


class Expression(Condition):
    """An expression."""

    NAME = "Expression"

    expression: Text = Field(description="What must render to something true.")

    def gate(self) -> Gate:
        return self.expression


class ExecutionFlow(Condition):
    """An execution of one flow."""

    NAME = "ExecutionFlow"

    namespace: Text = Field(description="Its namespace.")
    flow_id: Text = Field(description="Its id.")

    def gate(self) -> Gate:
        return f"{{{{ trigger.namespace == {expression(self.namespace)} and trigger.flowId == {expression(self.flow_id)} }}}}"


class ExecutionNamespace(Condition):
    """An execution of a flow of a namespace, or of those whose names begin or end so."""

    NAME = "ExecutionNamespace"

    namespace: Text = Field(description="The namespace.")
    comparison: Dynamic[Literal["EQUALS", "PREFIX", "SUFFIX"]] | None = Field(None, description="How it is compared.")
    prefix: bool = Field(False, description="Old: the same as the comparison PREFIX.")

    def gate(self) -> Gate:
        how = self.comparison or ("PREFIX" if self.prefix else "EQUALS")
        name = expression(self.namespace)
        if how == "EQUALS":
            return f"{{{{ trigger.namespace == {name} }}}}"
        return f"{{{{ trigger.namespace | {'startsWith' if how == 'PREFIX' else 'endsWith'}({name}) }}}}"


class ExecutionStatus(Condition):
    """An execution in one of some states."""

    NAME = "ExecutionStatus"

    in_: list[Text] | None = Field(None, alias="in", description="One of these.")
    not_in: list[Text] | None = Field(None, description="None of these.")

    def gate(self) -> Gate:
        tests = [f"{prefix}(trigger.state isIn {_list(states)})" for prefix, states in (("", self.in_), ("not ", self.not_in)) if states]
        return f"{{{{ {' and '.join(tests) or 'true'} }}}}"


class ExecutionLabels(Condition):
    """An execution with labels."""

    NAME = "ExecutionLabels"

    labels: dict[str, Text] | list[dict[str, Text]] = Field(description="They must all be there.")

    def gate(self) -> Gate:
        pairs = self.labels.items() if isinstance(self.labels, dict) else [(entry.get("key", ""), entry.get("value", "")) for entry in self.labels]
        tests = [f"(trigger.executionLabels[{_quoted(key)}] ?? '') == {expression(value)}" for key, value in pairs]
        return f"{{{{ {' and '.join(f'({test})' for test in tests) or 'true'} }}}}"


class ExecutionOutputs(Condition):
    """An expression over the outputs of an execution."""

    NAME = "ExecutionOutputs"

    expression: Text = Field(description="What must render to something true.")

    def gate(self) -> Gate:
        return self.expression


class HasRetryAttempt(Condition):
    """An execution with an attempt in one of some states."""

    NAME = "HasRetryAttempt"

    in_: list[Text] | None = Field(None, alias="in", description="One of these.")
    not_in: list[Text] | None = Field(None, description="None of these.")

    def gate(self) -> Gate:
        return f"{{{{ hasRetryAttempt({_list(self.in_ or [])}, {_list(self.not_in or [])}) }}}}"


class FlowCondition(Condition):
    """A flow."""

    NAME = "Flow"

    namespace: Text = Field(description="Its namespace.")
    flow_id: Text = Field(description="Its id.")

    def gate(self) -> Gate:
        return f"{{{{ flow.namespace == {expression(self.namespace)} and flow.id == {expression(self.flow_id)} }}}}"


class FlowNamespace(Condition):
    """A flow of a namespace."""

    NAME = "FlowNamespace"

    namespace: Text = Field(description="The namespace.")
    prefix: bool = Field(False, description="Its beginning is enough.")

    def gate(self) -> Gate:
        name = expression(self.namespace)
        return f"{{{{ flow.namespace | startsWith({name}) }}}}" if self.prefix else f"{{{{ flow.namespace == {name} }}}}"


class Not(Condition):
    """None of some conditions."""

    NAME = "Not"

    conditions: list[Any] = Field(min_length=1, description="The conditions.")


class Or(Condition):
    """One of some conditions."""

    NAME = "Or"

    conditions: list[Any] = Field(min_length=1, description="The conditions.")


class Multiple(Condition):
    """Several conditions that must all have held within a time window; `preconditions` have taken its place."""

    NAME = "Multiple"

    id: Text = Field(description="Under which its progress is kept.")
    time_window: dict[str, Any] | None = Field(None, description="Within which time.")
    window: Duration | None = Field(None, description="The window's length.")
    window_advance: Duration | None = Field(None, description="How far its beginning is moved.")
    reset_on_success: bool = Field(True, description="Begins anew once it has fired.")
    conditions: dict[str, Any] = Field(min_length=1, description="The conditions, by a name of each.")


def _list(texts: list[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


_CLASSES: Mapping[str, type[Condition]] = {
    cls.NAME: cls
    for cls in (
        *(DateTimeBetween, TimeBetween, DayWeek, DayWeekInMonth, Weekend, PublicHoliday, Expression, Not, Or, Multiple),
        *(ExecutionFlow, ExecutionNamespace, ExecutionStatus, ExecutionLabels, ExecutionOutputs, HasRetryAttempt, FlowCondition, FlowNamespace),
    )
}
#: Those that keep `Condition` in their newest name, too.
_LONG = frozenset({"Flow", "FlowNamespace", "Multiple"})


def condition_names() -> dict[str, tuple[str, ...]]:
    """Every condition's newest name, and its older ones."""
    return {_newest(name): tuple(dict.fromkeys((f"{_PACKAGE}{name}Condition", f"{_OLD_PACKAGE}{name}Condition"))) for name in _CLASSES}


def _newest(name: str) -> str:
    return f"{_PACKAGE}{name}{'Condition' if name in _LONG else ''}"


_FOUND = {spelling: name for name in _CLASSES for spelling in (_newest(name), f"{_PACKAGE}{name}Condition", f"{_OLD_PACKAGE}{name}Condition")}


def read_conditions(entries: Any, path: Path, draft: Draft, owner: Owner) -> tuple[Gate, ...]:
    """The gates of a list of conditions; what is wrong is noted. `owner` is the trigger that they are of, None: they are a listener's."""
    if not isinstance(entries, list):
        return ()  # what else may stand there the trigger's own class refuses
    found = (_read(entry, (*path, number), draft, owner) for number, entry in enumerate(entries))
    return tuple(gate for gate in found if gate is not None)


def _read(raw: Any, path: Path, draft: Draft, owner: Owner) -> Gate | None:
    if not isinstance(raw, dict):
        if not isinstance(raw, Broken):
            message = f"`{path_text(path)}`: expected a map, got {described(raw)}"
            draft.findings.add("HG-0203", draft.source.place(path), message, f"write `- type: {_PACKAGE}…`")
        return None
    cls = _class(raw, path, draft)
    if cls is None:
        return None
    read = draft.validated(cls, {key: value for key, value in raw.items() if key != "type"}, path, {}, frozenset({"type"}))
    if isinstance(read, Not | Or):
        below = read_conditions(raw["conditions"], (*path, "conditions"), draft, owner)
        return NoneOf(below) if isinstance(read, Not) else AnyOf(below)
    if isinstance(read, Multiple):
        for name, entry in raw["conditions"].items():
            _read(entry, (*path, "conditions", name), draft, owner)
        return None
    if read is None:
        return None
    gate: str = read.gate()
    if owner is not None and gate not in raw.values():
        draft.gates.append(Rendered((*path, "type"), gate, owner))
    return gate


def _class(raw: dict[str, Any], path: Path, draft: Draft) -> type[Condition] | None:
    name = raw.get("type")
    if not isinstance(name, str):
        if not isinstance(name, Broken):
            draft.findings.add("HG-0202", draft.source.key_place(path), f"`{path_text((*path, 'type'))}` is missing", f"add `type: {_PACKAGE}…`")
        return None
    found, place = _FOUND.get(name), draft.source.place((*path, "type"))
    if found is None:
        near = nearest_type(name, _FOUND)
        hint = f"did you mean `{near}`?" if near else "no condition has a name like it"
        draft.findings.add("HG-0220", place, f"unknown condition type `{escaped(name, 120)}`", hint)
        return None
    if name != _newest(found):
        newest = _newest(found)
        draft.findings.add("HG-0222", place, f"`{escaped(name, 120)}` is an old name of `{newest}`", f"write `{newest}`", Severity.NOTICE)
    return _CLASSES[found]
