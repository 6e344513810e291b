"""Flows that the inputs of other flows call: `subflow()`.

Somebody waits with a request, and a thread of the request's own waits with him; no transaction is open meanwhile, and the executor runs the flow that is
called as any other. It has no execution above it: the one whose input asks is not there yet, and may never be, where the request only looks. What they have
in common is the label `system.correlationId`, which is the id that the one will have; `trigger` names the flow whose input asks.

All calls of one request count together, those that the inputs of called flows make among them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

from pydantic_core import PydanticCustomError

from runners.fields import parse_duration
from service.actions import executions
from service.actions.executions import CALLED, Order, Prepared, choose, settle_chosen
from service.actions.kit import Kit
from service.actions.scope import nested_labels
from service.engine.execution import Execution
from service.engine.program import RenderFailed
from service.errors import Conflict, Invalid, NotFound, ServiceError, TooLarge, Unavailable
from service.expressions.errors import Refused
from service.expressions.ports import FlowAnswer, FlowCall
from service.flows.names import label_mistake
from service.store import executions as rows
from service.store.codec import now, to_json

USUAL, LONGEST = 30.0, 300.0  #: seconds that an end is waited for, and at most; this is also what all calls of a request have together
MOST = 50  #: calls of one request
_DEEPEST = 20  #: flows one below the other, whatever the setting: all of them are rendered on one stack
_LOOK = 1.0  #: seconds until it is looked whether anybody still waits
_SUBFLOW = "io.kestra.plugin.core.flow.Subflow"
#: What a trigger's id can't be: a schedule of the called flow would take its execution for one of its own.
_TRIGGER = "subflow()"
#: What is wrong with what the template asks for.
_ASKED_WRONG = (NotFound, Conflict, Invalid, RenderFailed, TooLarge)


class InputCalls:
    """Those of one request. `is_given_up` says whether nobody waits any more."""

    def __init__(self, kit: Kit, is_given_up: Callable[[], bool] = lambda: False, clock: Callable[[], float] = time.monotonic) -> None:
        self._kit, self._is_given_up, self._clock = kit, is_given_up, clock
        self._answers: dict[str, FlowAnswer | str] = {}
        self._made = self._depth = 0
        self._deepest: str | None = None
        self._until: float | None = None  #: known with the first call

    def __call__(self, order: Order, revision: int, call: FlowCall) -> FlowAnswer:
        """Starts the flow and waits for its end; what was asked before is not started again. Raises Refused, and Unavailable where nobody waits any more."""
        key = to_json([call.namespace, call.id, call.revision, call.inputs, call.labels])
        if key not in self._answers:
            try:
                self._answers[key] = self._answered(order, revision, call)
            except Refused as refused:
                self._answers[key] = str(refused)
        found = self._answers[key]
        if isinstance(found, str):
            raise Refused(found)
        return found

    def _answered(self, order: Order, revision: int, call: FlowCall) -> FlowAnswer:
        seconds = _seconds(call.timeout)
        last = self._until = self._until or self._clock() + LONGEST
        if self._clock() >= last:
            raise Refused(f"the flows that inputs call have {LONGEST:g} seconds in one request, and they are used up: call fewer, or give the input a value")
        with self._deeper():
            prepared = self._prepared(_called(order, revision, call))
        moment = now()
        self._kit.database.write(lambda session: executions.add(session, self._kit, prepared, moment))
        until = self._clock() + seconds
        execution = self._ended(prepared.execution.id, min(until, last))
        if not execution.state.terminal:
            raise Refused(_late(execution, seconds if until <= last else None))
        return FlowAnswer(execution.id, execution.state.value, execution.outputs or {}, nested_labels(execution.labels))

    def _prepared(self, order: Order) -> Prepared:
        name = f"{order.namespace}.{order.flow_id}"
        try:
            with self._kit.database.read() as session:
                chosen = choose(session, self._kit, order)
            return settle_chosen(self._kit, order, chosen, now(), self)
        except _ASKED_WRONG as failure:
            # The limit is told as it is, not once more for every flow on the way to it.
            raise Refused(self._deepest or f"`subflow()` can't start `{name[:200]}`: {_message(failure)}") from failure

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        """Raises Refused where too many flows would be called, one by the inputs of the other, or in all."""
        setting = self._kit.settings.most_depth
        most = min(setting, _DEEPEST)
        if self._depth >= most:
            limit = "the limit (setting `most_depth`)" if most == setting else "the limit, whatever the setting `most_depth` is"
            self._deepest = f"flows that call flows in their inputs stand {most} deep: {limit}; does one call itself?"
            raise Refused(self._deepest)
        if self._made >= MOST:
            raise Refused(f"the inputs of one request have called {MOST} flows: that is the limit")
        self._depth, self._made = self._depth + 1, self._made + 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self._deepest = None

    def _ended(self, id: str, until: float) -> Execution:
        """The execution, or the one that has taken over from it, once it has ended, or when the time is over."""
        woken = Event()
        while True:
            stop = self._kit.database.hub.listen(("execution", id), lambda _: woken.set())
            try:
                while (latest := self._look(id)).id == id:
                    left = until - self._clock()
                    if latest.state.terminal or left <= 0:
                        return latest
                    if self._is_given_up():
                        raise Unavailable(f"nobody waits any more for execution {id}, or the service is stopping")
                    woken.wait(min(left, _LOOK))
                    woken.clear()
            finally:
                stop()
            id = latest.id

    def _look(self, id: str) -> Execution:
        with self._kit.database.read() as session:
            row = rows.get(session, id)
            if row is None:
                raise Refused(f"execution {id} was deleted while `subflow()` waited for its end")
            return rows.successor(session, row).execution


def _called(order: Order, revision: int, call: FlowCall) -> Order:
    for key, value in call.labels.items():
        if (mistake := label_mistake(key, value)) is not None:
            raise Refused(f"the label `{key[:60]}` of `subflow()` {mistake}")
    asker: Mapping[str, Any] = {"namespace": order.namespace, "flowId": order.flow_id, "flowRevision": revision}
    return replace(
        Order(order.environment, call.namespace, call.id, call.inputs, call.labels),
        trigger={"id": _TRIGGER, "type": _SUBFLOW, "variables": asker},
        revision=call.revision,
        origin=CALLED,
        correlation=order.correlation,
        by=order.by,
    )


def _seconds(timeout: Any) -> float:
    """How long is waited. Raises Refused."""
    if timeout is None:
        return USUAL
    try:
        seconds = parse_duration(timeout).total_seconds() if isinstance(timeout, str | timedelta) else float(timeout)
    except PydanticCustomError as wrong:
        raise Refused(f"`timeout` of `subflow` is `{str(timeout)[:60]}`: {wrong}") from None
    if not 0 < seconds <= LONGEST:
        raise Refused(f"`timeout` of `subflow` is `{str(timeout)[:60]}`; it is more than 0 and at most {LONGEST:g} seconds")
    return seconds


def _late(execution: Execution, seconds: float | None) -> str:
    """Why nobody waits any longer. `seconds` None: all calls of the request have used up their time."""
    name = f"`{execution.namespace}.{execution.flow}`"
    took = f"after {seconds:g} seconds" if seconds is not None else f"and all calls of one request have {LONGEST:g} seconds together"
    hint = f"give `subflow()` a longer `timeout` (at most {LONGEST:g} seconds)" if seconds is not None else "call fewer flows"
    return f"execution {execution.id} of {name} is {execution.state.value} {took}; it goes on, but nobody waits for it: {hint}, or give the input a value"


def _message(failure: ServiceError | RenderFailed) -> str:
    return str(failure).rstrip(".")
