"""The conditions of the first dialect: eighteen types, each of which is one gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Duration, Dynamic, LabelMap, Model, Text, is_template
from runners.times import Instant, TimeOfDay, TimeWindow, read_time_of_day
from service.engine.state import State
from service.flows.gates import Gate, HasAttempt, expression, quoted

Day = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]

#: The country of a condition that names none. Kestra takes that of its machine's locale, which is en_US in its own image.
COUNTRY = "US"


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
        return _all_of(tests)


class TimeBetween(_Dated):
    """The time of day lies after one time, before another, or both. A bound with an offset is compared in that offset."""

    NAME = "TimeBetween"

    after: Dynamic[TimeOfDay] | None = Field(None, description="The earliest.")
    before: Dynamic[TimeOfDay] | None = Field(None, description="The latest.")

    def gate(self) -> Gate:
        tests = [self._test(sign, bound) for sign, bound in ((">", self.after), ("<", self.before)) if bound is not None]
        return _all_of(tests)

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

    country: Text | None = Field(None, description="Its code of two letters; US when absent.")
    sub_division: Text | None = Field(None, description="A part of it, such as a state.")

    def gate(self) -> Gate:
        named = (self.country or COUNTRY, *([] if self.sub_division is None else [self.sub_division]))
        return f"{{{{ isPublicHoliday({', '.join([self._date, *map(expression, named)])}) }}}}"


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


class _InStates(Condition):
    """What is about states has these."""

    in_: list[State] | None = Field(None, alias="in", description="One of these.")
    not_in: list[State] | None = Field(None, description="None of these.")


class ExecutionStatus(_InStates):
    """An execution in one of some states."""

    NAME = "ExecutionStatus"

    def gate(self) -> Gate:
        tests = [f"{prefix}(trigger.state isIn {_list(states)})" for prefix, states in (("", self.in_), ("not ", self.not_in)) if states]
        return _all_of(tests)


class ExecutionLabels(Condition):
    """An execution with labels."""

    NAME = "ExecutionLabels"

    labels: LabelMap = Field(description="They must all be there.")

    def gate(self) -> Gate:
        return _all_of([f"((trigger.executionLabels[{quoted(key)}] ?? '') == {expression(value)})" for key, value in self.labels.items()])


class ExecutionOutputs(Expression):
    """An expression over the outputs of an execution."""

    NAME = "ExecutionOutputs"


class HasRetryAttempt(_InStates):
    """An execution with an attempt in one of some states."""

    NAME = "HasRetryAttempt"

    def gate(self) -> Gate:
        return HasAttempt(tuple(self.in_ or ()), tuple(self.not_in or ()))


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
    time_window: TimeWindow | None = Field(None, description="Within which time.")
    window: Duration | None = Field(None, description="Old: the window's length; one day when absent.")
    window_advance: Duration | None = Field(None, description="Old: how far its beginning is moved.")
    reset_on_success: bool = Field(True, description="Begins anew once it has fired.")
    conditions: dict[str, Any] = Field(min_length=1, description="The conditions, by a name of each.")

    def within(self) -> TimeWindow:
        """The window, however it was written."""
        return self.time_window or TimeWindow(window=self.window, window_advance=self.window_advance)


def _all_of(tests: Sequence[str]) -> str:
    """The expression that holds when all of these do."""
    return f"{{{{ {' and '.join(tests) or 'true'} }}}}"


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"


CLASSES: tuple[type[Condition], ...] = (
    *(DateTimeBetween, TimeBetween, DayWeek, DayWeekInMonth, Weekend, PublicHoliday, Expression, Not, Or, Multiple),
    *(ExecutionFlow, ExecutionNamespace, ExecutionStatus, ExecutionLabels, ExecutionOutputs, HasRetryAttempt, FlowCondition, FlowNamespace),
)
