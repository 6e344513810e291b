"""The engine's world: what flowables may ask, answered from an execution as its batch has it so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from io import BytesIO
from itertools import islice
from random import random
from typing import Any

from runners import ion
from runners.ion import IonError
from service.actions.attempts import whose
from service.actions.case import Case
from service.actions.files import Files
from service.actions.giving import outputs_of
from service.actions.places import Where
from service.actions.scope import Rendering
from service.engine.execution import Execution, TaskRun
from service.engine.program import RenderFailed
from service.engine.record import Gave
from service.engine.state import State
from service.errors import Forbidden, Invalid, Malformed, NotFound, TooLarge
from service.expressions import truthy
from service.flowables import MOST_VALUES
from service.store import children
from service.store.codec import new_id
from service.store.executions import OUTPUT_LIMIT
from service.store.results import LARGEST, Result


class Asked:
    """What a flowable may ask. Most answers need nothing rendered, so the scope is made when something is."""

    def __init__(self, case: Case, run: TaskRun | None, step: Mapping[str, TaskRun], rendering: Callable[[Mapping[str, Any]], Rendering]) -> None:
        self.now = case.now
        self._case, self._run, self._step, self._make = case, run, step, rendering
        self._more: Mapping[str, Any] = {}
        self._rendering: Rendering | None = None

    def text(self, template: str) -> str:
        """Renders to text."""
        return self._made().text(template)

    def typed(self, value: Any) -> Any:
        """Renders a value, keeping types."""
        return self._made().typed(value)

    def kept(self) -> Any:
        """What it keeps."""
        return self._case.kept(self._run, self._step)

    def records(self, uri: str) -> list[Any]:
        """The records of a stored file, and no more of them than a loop goes over. Raises RenderFailed."""
        files = Files(self._case.kit, whose(self._case.execution), lambda: nullcontext(self._case.session))
        try:
            return list(islice(ion.rows(files.text(uri)), MOST_VALUES + 1))
        except (NotFound, Forbidden, Invalid, Malformed, TooLarge) as failure:
            raise RenderFailed(failure.message) from failure
        except IonError as failure:
            raise RenderFailed(f"`{uri[:200]}` holds no records: {failure}") from failure

    def outputs_of_children(self, *, of: str | None = None, fetch: bool = True) -> Mapping[int, Mapping[str, Any]]:
        """The outputs of its child executions, or of those of a task beside it, by number. Raises RenderFailed for more than can be held."""
        beside = self._beside(of) if of is not None else None
        id = beside.id if beside is not None else self._run.id if self._run is not None and of is None else None
        if id is None:
            return {}
        most = OUTPUT_LIMIT if of is None else LARGEST
        if fetch and (size := children.size_of_outputs(self._case.session, id)) > most:
            hint = ": set `fetchType: STORE`" if of is None else ""
            raise RenderFailed(f"the outputs of the executions are {size:,} bytes of JSON; the limit is {most:,}{hint}")
        return children.outputs(self._case.session, id, fetch=fetch)

    def outputs_beside(self, task: str) -> Mapping[str, Any]:
        """The outputs of a task in the same round of the same loops."""
        found = self._beside(task)
        return (found.outputs if found else None) or {}

    def _beside(self, task: str) -> Result | None:
        assert self._run is not None
        return self._case.results(self._step).last(task, self._run.values)

    def store(self, name: str, rows: Sequence[Any]) -> None:
        """A file of the task run. Each batch that is heard again makes the same one."""
        of, run = self._case.execution, self._run
        assert run is not None
        try:
            content = BytesIO("".join(f"{ion.write(row)}\n" for row in rows).encode("utf-8", "replace"))
            self._case.kit.storage.put(of.namespace, of.flow, of.id, run.node, run.id, name, content)
        except (Invalid, TooLarge) as failure:
            raise RenderFailed(failure.message) from failure

    def uri(self, name: str) -> str:
        """Where that is."""
        of, run = self._case.execution, self._run
        assert run is not None
        return self._case.kit.storage.uri(of.namespace, of.flow, of.id, run.node, run.id, name)

    def with_values(self, **values: Any) -> Asked:
        """The same scope with more names."""
        more = Asked(self._case, self._run, self._step, self._make)
        more._more = values
        return more

    def _made(self) -> Rendering:
        self._rendering = self._rendering or self._make(self._more)
        return self._rendering


class CaseWorld:
    """The engine's world, for one execution of the batch. `source` gives the text of its flow."""

    def __init__(self, case: Case, source: Callable[[], str]) -> None:
        self._case, self._source = case, source

    @property
    def now(self) -> datetime:
        """The time of the batch."""
        return self._case.now

    def new_id(self) -> str:
        """A fresh id."""
        id = new_id()
        self._case.made.add(id)
        return id

    def chance(self) -> float:
        """A random number of [0, 1)."""
        return random()  # noqa: S311 - spreads pauses, guards nothing

    def ask(self, execution: Execution, run: TaskRun | None, step: Mapping[str, TaskRun]) -> Asked:
        """Rendering in the scope of a task run."""
        place = None if run else self._place("`sla`", "sla")
        return Asked(self._case, run, step, lambda more: self._case.rendering(execution, run, step, self._source, more, place))

    def active(self, execution: str) -> Sequence[TaskRun]:
        """Task runs that have not ended."""
        return self._case.active()

    def below(self, execution: str, run: str | None) -> Sequence[TaskRun]:
        """Task runs below one, or all of them."""
        return self._case.below(run)

    def standing(self, execution: str, but: Collection[str]) -> frozenset[State]:
        """A state of a task that is under way, if there is one; else those of all that waits."""
        return self._case.standing(but)

    def truthy(self, text: str) -> bool:
        """Whether a rendered condition holds."""
        return truthy(text)

    def admission(self, execution: Execution) -> State:
        """What becomes of an execution that would run now."""
        return self._case.limits.admission(self._case.row, execution)

    def outputs(self, execution: Execution, step: Mapping[str, TaskRun]) -> Gave:
        """What an execution that ends now gives back."""
        # One rendering for all: they share what templates may cost.
        rendering = self._case.rendering(execution, None, step, self._source, place=self._place("an output of the flow", "outputs"))
        return outputs_of(self._case.program.outputs, rendering)

    def _place(self, what: str, section: str) -> Where | None:
        pin = self._case.execution.pin
        return Where(pin.path, what, self._source, sections=(section,)) if pin else None
