"""The variables that the language gives, in words."""

from __future__ import annotations

from collections.abc import Mapping

ROOTS: Mapping[str, str] = {
    "inputs": "What the execution was given.",
    "outputs": "What tasks have left, by their ids.",
    "vars": "The flow's variables.",
    "flow": "The flow.",
    "execution": "The execution.",
    "task": "The task.",
    "taskrun": "This run of the task.",
    "tasks": "The states of tasks, by their ids.",
    "trigger": "What started the execution; not there when a person did.",
    "labels": "The execution's labels; of `a.b` also `labels.a.b`.",
    "item": "The value of the loop that this stands in.",
    "parent": "The task run around this one.",
    "parents": "All task runs around this one, the nearest first.",
    "envs": "Environment variables of the service that are meant for flows.",
    "globals": "Values of the service's settings.",
    "kestra": "The installation.",
    "workingDir": "The folder that a script runs in.",
    "outputDir": "The folder whose files a script leaves as outputs.",
    "outputFiles": "Paths of the files that the task names in `outputFiles`, by name: for SQL that writes them.",
}
#: Roots that exist inside of a loop only.
OF_LOOPS = frozenset({"item", "parent", "parents"})

MEMBERS: Mapping[str, Mapping[str, str]] = {
    "flow": {"id": "Its id.", "namespace": "Its namespace.", "revision": "Its revision.", "tenantId": "The environment that it runs in."},
    "execution": {
        "id": "Its id.",
        "state": "Its state.",
        "startDate": "When it was created.",
        "originalId": "The id of the execution that this one repeats; its own otherwise.",
        "commit": "The commit whose flow and files it has.",
        "ref": "The branch or tag of that commit.",
    },
    "task": {"id": "Its id.", "type": "Its type."},
    "taskrun": {
        "id": "Its id.",
        "startDate": "When it was created.",
        "attemptsCount": "How many attempts there were before this one.",
        "parentId": "The run of the task that holds this one.",
        "value": "The value that this run is for.",
        "iteration": "The number of the pass.",
    },
    "item": {"value": "The value.", "index": "Its number, from 0.", "key": "Its key, where the values are a map."},
    "parent": {"taskrun": "Its value and its number.", "outputs": "What it has left."},
    "kestra": {"environment": "The environment's name.", "url": "The installation's address."},
}
