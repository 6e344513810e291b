"""Tasks that share a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from runners.folder import FolderProperties
from service.engine import order
from service.engine.program import HANDLERS, Ask, Ended, Memory, Node, Turn, Wakened
from service.engine.state import State
from service.flowables import FlowableTask

#: Ends of the main list after which its tasks go on in the folder as it is, or nobody asks for it any more.
_NOT_CLOSED = frozenset({State.RETRYING, State.RETRIED, State.KILLED})
_OPENING, _CLOSING = "opening", "closing"


class WorkingDirectory(FolderProperties, FlowableTask):
    """Runs its tasks one after another in one shared folder, on one runner; the first failure ends the group.

    The folder begins as the commit's tree. `outputFiles` and `cache` are stored when the tasks are over, also after a failure; `errors` and `finally` come
    after that, and have folders of their own. When the runner is lost, all of the tasks begin again in a new folder.
    """

    TYPE = "io.kestra.plugin.core.flow.WorkingDirectory"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.WorkingDirectory", "io.kestra.core.tasks.flows.Worker")
    OUTPUTS: ClassVar[Mapping[str, str]] = {"outputFiles": "Stored files: path → URI."}
    NESTS = False
    HOLDS = True

    def begin(self, node: Node, ask: Ask) -> Turn:
        return _opening() if self._needs_folder(node) else order.begin(node)

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        return self._onward(node, memory, order.follow(node, memory, child))

    def resume(self, node: Node, memory: Memory, children: Sequence[Ended], ask: Ask) -> Turn:
        if self._needs_folder(node) and not memory["held"]:
            return replace(_opening(), clear=True)
        return self._onward(node, {**memory, "branch": "tasks"}, order.resume(node, memory, children))

    def wake(self, node: Node, memory: Memory, why: Wakened, ask: Ask) -> Turn:
        branch, state = memory["branch"], State(memory["state"])
        if branch is None or branch in HANDLERS:
            return Turn(memory)
        if why.name == "opened":
            return Turn(memory) if branch != _OPENING else order.begin(node)
        if why.name == "lost" and not why.final:
            return replace(_opening(), clear=True)
        if branch == _CLOSING and why.state is State.SUCCESS and not why.final:
            return replace(order.leave(node, state), outputs=why.given)
        return replace(order.leave(node, State.FAILED), message=why.message)

    def _needs_folder(self, node: Node) -> bool:
        """Tasks that run in the service itself need none, where nothing is put into it or taken out."""
        tasks = node.branches["tasks"]
        files = (self.input_files, self.output_files, self.namespace_files, self.cache)
        return bool(tasks) and (
            any(task.runs == "runner" or any(getattr(task.model, why, False) for why in ("BECOMES", "gathers")) for task in tasks) or any(files)
        )

    def _onward(self, node: Node, memory: Memory, turn: Turn) -> Turn:
        """The same; but where the main list is over, the folder comes first."""
        over = memory["branch"] == "tasks" and turn.memory["branch"] != "tasks"
        if not over or not self._needs_folder(node) or (state := State(turn.memory["state"])) in _NOT_CLOSED:
            return turn
        if self.output_files or self.cache:
            return Turn({**_opening().memory, "branch": _CLOSING, "state": state.value}, folder="close")
        return replace(turn, folder="drop")


def _opening() -> Turn:
    return Turn({"main": "tasks", "branch": _OPENING, "at": 0, "state": State.SUCCESS.value}, folder="open")
