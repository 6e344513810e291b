"""`runner: DOCKER` and `docker: {image: …}`: how scripts said at first where they run."""

from __future__ import annotations

from typing import Any

from service.flows.draft import Draft
from service.flows.mistakes import described, path_text
from service.flows.nearest import did_you_mean
from service.flows.problems import Severity
from service.flows.source import Broken, Path
from service.flows.values import has_template

DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"
PROCESS = "io.kestra.plugin.core.runner.Process"
_TYPES = {"DOCKER": DOCKER, "PROCESS": PROCESS}


def lower_old_runner(draft: Draft, own: dict[str, Any], renamed: dict[str, Path], path: Path) -> None:
    """Puts `taskRunner` and `containerImage` in their place; `renamed` says where those were written."""
    if has_template(own.get("runner")) or not own.keys() & {"runner", "docker"}:
        return
    runner, docker = own.pop("runner", None), own.pop("docker", None)
    _note_old(draft, runner, docker, path)
    kind = _type(draft, runner, path)
    if not isinstance(docker, dict | Broken | None):
        message = f"`{path_text((*path, 'docker'))}`: expected a map, got {described(docker)}"
        draft.findings.add("HG-0203", draft.source.place(draft.origin((*path, "docker"))), message)
    options = dict(docker) if isinstance(docker, dict) else {}
    image = options.pop("image", None)
    if image is not None and "containerImage" not in own:
        own["containerImage"] = image
        renamed["containerImage"] = ("docker", "image")
    if kind is None or (runner is None and not options):
        return
    if "taskRunner" in own:
        why = "`taskRunner` says where the task runs"
        draft.are_ignored({key: why for key, value in (("runner", runner), ("docker", options)) if value}, path)
        return
    own["taskRunner"] = {"type": kind, **(options if kind == DOCKER else {})}
    renamed["taskRunner"] = ("docker",) if options else ("runner",)


def _type(draft: Draft, runner: Any, path: Path) -> str | None:
    if runner is None:
        return DOCKER
    if isinstance(runner, str) and runner.upper() in _TYPES:
        return _TYPES[runner.upper()]
    if not isinstance(runner, Broken):
        hint = (did_you_mean(runner, _TYPES) if isinstance(runner, str) else None) or "one of `DOCKER`, `PROCESS`"
        message = f"`{path_text((*path, 'runner'))}`: {described(runner)} is not allowed"
        draft.findings.add("HG-0204", draft.source.place(draft.origin((*path, "runner"))), message, hint)
    return None


def _note_old(draft: Draft, runner: Any, docker: Any, path: Path) -> None:
    for key, value, new in (("runner", runner, "taskRunner"), ("docker", docker, "containerImage` and `taskRunner")):
        if value is not None:
            draft.findings.add("HG-0208", draft.source.key_place(draft.origin((*path, key))), f"`{key}` is the old spelling", f"write `{new}`", Severity.NOTICE)
