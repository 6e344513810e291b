"""Waiting for a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from runners.fields import Dynamic, Model, Older, Text, parse_duration
from runners.times import read_instant
from service.engine import order
from service.engine.program import Ask, Ended, Memory, Node, RenderFailed, Start, Turn, Wakened
from service.engine.state import State, worst
from service.expressions import truthy
from service.expressions.values import iso_instant
from service.flowables import HANDLERS, LONGEST, Declared, FlowableTask, Joined, Shape, Way, length_of

Behavior = Literal["CONTINUE", "WARN", "FAIL", "SUCCEED", "CANCEL", "KILL"]

#: How the task ends by each; SUCCEED and KILL end the execution besides.
_ENDS: Mapping[str, State] = {
    "CONTINUE": State.SUCCESS,
    "WARN": State.WARNING,
    "FAIL": State.FAILED,
    "SUCCEED": State.SUCCESS,
    "CANCEL": State.CANCELLED,
    "KILL": State.KILLED,
}
_DECIDED = ("APPROVED", "DENIED")
_SAID = {
    "APPROVED": "approved by {} (`approveBehavior`)",
    "DENIED": "denied by {} (`denyBehavior`)",
    "due": "it was due before anybody decided (`expireBehavior`)",
    "timeout": "nobody decided in time (`timeout`)",
}
_URL = "{{ kestra.url }}/executions/{{ execution.id }}"


def _checked_due(text: str) -> str:
    """A length of time, or a date: kept as it was written."""
    if text[:1] in "+-P":
        parse_duration(text)
    else:
        read_instant(text)
    return text


Due = Annotated[Text, AfterValidator(_checked_due), WithJsonSchema({"type": "string", "examples": ["P1D", "2026-01-31T06:00:00Z"]})]


class Decisions(Model):
    """What the two buttons say."""

    approve: Text | None = Field(None, description="For approval.")
    deny: Text | None = Field(None, description="For refusal.")


class Approval(FlowableTask):
    """Pauses the execution until somebody approves or denies, or until it is due.

    Then `onApprove` or `onDeny` is done, and what the behavior says follows: CONTINUE goes on, WARN goes on with a warning, FAIL fails the task, SUCCEED ends
    the execution well without the tasks that follow, CANCEL ends it as CANCELLED, KILL kills it.
    """

    TYPE = "io.kestra.plugin.core.flow.Approval"
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"onWait": "list", "onApprove": "list", "onDeny": "list", **HANDLERS}
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    DECLARES: ClassVar[Mapping[str, Declared]] = {"inputs": "inputs"}
    JOINED = Joined("ways", "choice", ways={"onWait": Way("waiting", "parallel"), "onApprove": Way("approved", passes=True), "onDeny": Way("denied")})
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "url": "Where the decision is made, from the beginning on.",
        "due": "When it expires, from the beginning on.",
        "decision": "APPROVED, DENIED or EXPIRED.",
        "auto": "Whether it approved by itself.",
        "by": "Who decided.",
        "on": "When that was.",
        "comment": "What whoever decided had to say.",
        "inputs": "What whoever decided gave.",
    }

    inputs: list[Any] | None = Field(None, description="Inputs that whoever approves gives.")
    decisions: Decisions | None = Field(None, description="What the two buttons say.")
    comment_required: Dynamic[bool] = Field(False, description="A decision needs a comment.")
    auto_approve: Text | None = Field(None, description="Approves by itself when this holds.")
    due: Dynamic[Due] | None = Field(None, validation_alias=Older("due", "expiry"), description="When it expires: a duration or a date.")
    approve_behavior: Behavior = Field("CONTINUE", description="What approval does to the execution.")
    deny_behavior: Behavior = Field("CANCEL", description="What refusal does to the execution.")
    expire_behavior: Behavior = Field("CANCEL", description="What the end of the time does to the execution.")

    def begin(self, node: Node, ask: Ask) -> Turn:
        times: dict[str, timedelta] = {}
        if self.due is not None:
            times["due"] = _length(ask.typed(self.due), ask.now)
        if node.timeout is not None:
            times["timeout"] = length_of("timeout", node.timeout, ask)
        until = ask.now + times["due"] if "due" in times else None
        shown = {"url": ask.text(_URL), "due": until and iso_instant(until)}
        waiting = node.branches.get("onWait", ())
        memory = {"branch": None, "at": 0, "open": bool(waiting), "decision": None, "until": until and until.timestamp(), "shown": shown}
        if self.auto_approve is not None and truthy(ask.text(self.auto_approve)):
            return self._decided(node, {**memory, "open": False}, "APPROVED", None, ask, auto=True)
        return Turn(memory, tuple(map(Start, waiting[:1])), pause=times, outputs=shown)

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        if "main" in memory:
            return self._onward(memory, order.follow(node, memory, child))
        if memory["decision"] is not None:
            return self._act(node, memory)
        following = node.branches["onWait"][memory["at"] + 1 :][:1] if child.state not in order.STOPS else ()
        return Turn({**memory, "at": memory["at"] + 1, "open": bool(following)}, tuple(map(Start, following)), pause={})

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        acting = [child for child in children if any(child.node is each for each in node.branches.get(memory.get("main", ""), ()))]
        if all(child.state.terminal for child in acting):
            return replace(self.begin(node, ask), clear=True)
        turn, state = order.resume(node, memory, acting), _ENDS[memory["behavior"]]
        return self._onward(memory, replace(turn, memory={**turn.memory, "state": worst(State(turn.memory["state"]), state).value}))

    def wake(self, node: Node, memory: Memory, why: Wakened, ask: Ask) -> Turn:
        if "main" in memory or memory["decision"] is not None or (why.name == "resumed" and "decision" not in why.given):
            return Turn(memory, pause={})  # nobody but who decides lets it go on
        if why.name == "due" and ask.now.timestamp() < memory["until"]:
            return Turn(memory, pause={})  # that of an earlier wait
        if why.name == "resumed":
            return self._decided(node, memory, why.given["decision"], why.by, ask, given=why.given)
        return self._decided(node, memory, why.name, None, ask)

    def _decided(  # noqa: PLR0913, PLR0917 - who, what and why
        self, node: Node, memory: Memory, decision: str, by: str | None, ask: Ask, given: Mapping[str, Any] | None = None, auto: bool = False
    ) -> Turn:
        """Remembers the decision; it is acted on once what is done meanwhile is over."""
        given = given or {}
        outputs = {**memory["shown"], "decision": decision if decision in _DECIDED else "EXPIRED", "auto": auto, "by": by, "on": iso_instant(ask.now)}
        outputs |= {"comment": given.get("comment"), "inputs": given.get("inputs", {})}
        memory = {**memory, "decision": decision, "by": by}
        return replace(Turn(memory, pause={}) if memory["open"] else self._act(node, memory), outputs=outputs)

    def _act(self, node: Node, memory: Memory) -> Turn:
        main, behavior = self._meant(memory["decision"])
        state = _ENDS[behavior]
        turn = self._onward({"behavior": behavior}, order.begin(node, main, state))
        return replace(turn, message=_SAID[memory["decision"]].format(memory["by"]) if state in (State.WARNING, State.FAILED) else None)

    def _meant(self, decision: str) -> tuple[str, Behavior]:
        """The list that is done, and what follows."""
        return {
            "APPROVED": ("onApprove", self.approve_behavior),
            "DENIED": ("onDeny", self.deny_behavior),
            "due": ("", self.expire_behavior),
            "timeout": ("", "FAIL"),
        }[decision]

    def _onward(self, memory: Memory, turn: Turn) -> Turn:
        behavior = memory["behavior"]
        outcome = None
        if turn.end in (State.SUCCESS, State.WARNING) and behavior == "SUCCEED":
            outcome = State.SUCCESS
        elif turn.end is State.KILLED and behavior == "KILL":
            outcome = State.KILLED
        return replace(turn, memory={**turn.memory, "behavior": behavior}, outcome=outcome)


def _length(rendered: Any, now: datetime) -> timedelta:
    """The time that is left until it is due. Raises RenderFailed for what is neither a length nor a date."""
    text = str(rendered).strip()
    try:
        if text[:1] in "+-P":
            return min(max(parse_duration(text), timedelta()), LONGEST)
        due = read_instant(text)
    except (PydanticCustomError, ValueError) as wrong:
        raise RenderFailed(f"`due` is `{text[:80]}`: {wrong}") from None
    return min(max((due if due.tzinfo else due.replace(tzinfo=UTC)) - now, timedelta()), LONGEST)
