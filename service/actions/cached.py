"""Outputs that are taken over from an earlier run of the same task (`taskCache`).

The same task is one whose definition, with everything in it rendered, is the same: of one flow in one environment. Tasks of runners see the files of their
commit, so for these another commit is another task. Only hashes are stored: a definition may hold secrets.
"""

from __future__ import annotations

import hashlib
from typing import Any

from service.engine.execution import Execution
from service.engine.program import Node
from service.store.codec import to_json

#: What a task's own log says of it.
SAID = "Nothing was done: the outputs are those of an earlier run of the same task (taskCache)"


def is_on(node: Node) -> bool:
    """Whether a task's outputs are kept."""
    return node.cache is not None and node.cache.enabled


def ttl_of(node: Node) -> float | None:
    """For how many seconds; None: for ever."""
    return None if node.cache is None or node.cache.ttl is None else float(node.cache.ttl.total_seconds())


def key_of(execution: Execution, node: Node, task: Node, rendered: Any, folder: str | None = None, output: str = "") -> str:
    """The key of what a task comes to. `rendered` are its properties; `folder` is the working directory and `output` the folder in it that they may name:
    they are others each time.
    """
    commit = execution.pin.commit if execution.pin is not None and task.runs == "runner" else None
    parts = [execution.environment, execution.namespace, execution.flow, commit, node.id, task.type, rendered]
    text = to_json(parts)
    if folder:
        text = text.replace(f"{folder}/{output}", "outputDir").replace(folder, "workingDir")
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
