"""Fails where something does not hold that has to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text, is_template
from runners.protocol import Metric
from service.asks import InlineAsk, TaskFailed
from service.engine.state import State
from service.expressions import truthy
from service.tasks import Done, InlineTask, Wait


class Assert(InlineTask):
    """Ends FAILED unless all `conditions` hold. All of them are looked at, and the log names each that does not hold. How many hold and how
    many don't are its metrics `success` and `failed`."""

    TYPE = "io.kestra.plugin.core.execution.Assert"
    LOGGED: ClassVar[frozenset[str]] = frozenset({"errorMessage"})

    conditions: Dynamic[list[Text]] = Field(
        description="Expressions, or one that gives a list. A condition holds unless it renders to nothing, `false` or `0`."
    )
    error_message: Text | None = Field(None, description="What the log says in the end; when absent, how many conditions don't hold.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        rendered = list(self._rendered(ask))
        failed = [written for written, text in rendered if not truthy(text)]
        ask.metric(Metric("success", "counter", len(rendered) - len(failed)))
        ask.metric(Metric("failed", "counter", len(failed)))
        for written in failed:
            ask.log("ERROR", f"The condition `{written}` does not hold")
        if not failed:
            return Done()
        counted = f"{len(failed)} of {len(rendered)} conditions do not hold"
        return Done(state=State.FAILED, message=counted if self.error_message is None else ask.text(self.error_message))

    def _rendered(self, ask: InlineAsk) -> Iterator[tuple[str, str]]:
        """Each condition as it is written, and as text. Those of a rendered list are rendered already, and no templates again."""
        if not is_template(self.conditions):
            yield from ((written, ask.text(written)) for written in self.conditions)
            return
        found = ask.typed(self.conditions)
        if not isinstance(found, list):
            raise TaskFailed("`conditions` must be a list")
        for one in found:
            text = one if isinstance(one, str) else ask.text(one)
            yield text, text
