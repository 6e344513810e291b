"""What can be said of a task's container or process before it runs: image names, reserved variables, options that reach past the container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from service.flows.catalogue import TypeInfo
from service.flows.draft import Draft
from service.flows.images import image_mistake
from service.flows.problems import Severity, escaped
from service.flows.source import Path
from service.flows.values import has_template

_RESERVED_VARIABLES = frozenset({"PATH", "LD_PRELOAD", "BASH_ENV", "DOCKER_HOST"})
#: Options of task runners that reach past the container, and when they do.
_DANGEROUS: Mapping[str, Any] = {
    "privileged": lambda value: value not in (False, "false"),
    "volumes": bool,
    "networkMode": lambda value: str(value) == "host" or str(value).startswith("container:"),
    "capAdd": bool,
    "securityOpt": bool,
    "deviceRequests": bool,
    "devices": bool,
    "pidMode": bool,
    "user": lambda value: str(value).split(":")[0] in ("root", "0"),
}


def check_container(draft: Draft, own: dict[str, Any], info: TypeInfo | None, path: Path, renamed: Mapping[str, Path]) -> None:
    """Notes what is wrong with where a task runs. The type of its task runner is made canonical."""
    _check_image(draft, own.get("containerImage"), (*path, *renamed.get("containerImage", ("containerImage",))))
    if info is None or info.runs == "runner":
        _check_env(draft, own.get("env"), (*path, "env"))
    runner = own.get("taskRunner")
    if isinstance(runner, dict) and (info is None or "taskRunner" in info.properties):
        own["taskRunner"] = _task_runner(draft, runner, (*path, *renamed.get("taskRunner", ("taskRunner",))))


def _task_runner(draft: Draft, runner: dict[str, Any], path: Path) -> dict[str, Any]:
    """A task's own choice of where it runs."""
    if not isinstance(runner.get("type"), str):
        return runner  # the task's class says so
    info = draft.type_of(runner, path, "task_runner")
    _check_image(draft, runner.get("image"), (*path, "image"))
    _warn_of_danger(draft, runner, path)
    if info is None:
        return runner
    if issubclass(info.cls, BaseModel):
        own = {key: value for key, value in runner.items() if key != "type" or "type" in info.properties}
        draft.validated(info.cls, own, path)
    return {**runner, "type": info.name}


def _check_image(draft: Draft, image: Any, path: Path) -> None:
    if not isinstance(image, str) or has_template(image):
        return
    mistake = image_mistake(image)
    if mistake:
        message = f"`{escaped(image)}` is not an image name: {mistake}"
        draft.findings.add("HG-0230", draft.source.place(draft.origin(path)), message, "for example `python:3.13-slim`")
    elif draft.digests is not None and "@" not in image:
        message = f"`{escaped(image)}` has no digest: what it names may change from one run to the next"
        draft.findings.add("HG-0232", draft.source.place(draft.origin(path)), message, "add the digest that it has now: `…@sha256:…`", draft.digests)


def _check_env(draft: Draft, env: Any, path: Path) -> None:
    for name in env if isinstance(env, dict) else ():
        if name in _RESERVED_VARIABLES or name.startswith("HEADGATE_"):
            message = f"the environment variable `{escaped(name)}` is reserved"
            draft.findings.add("HG-0231", draft.source.key_place(draft.origin((*path, name))), message, "set it inside the script, or choose another name")


def dangerous_options(runner: Mapping[str, Any]) -> list[str]:
    """The options of a task runner that, with the values they have, reach past the container."""
    return [key for key, dangerous in _DANGEROUS.items() if runner.get(key) is not None and dangerous(runner[key])]


def _warn_of_danger(draft: Draft, runner: Mapping[str, Any], path: Path) -> None:
    for key in dangerous_options(runner):
        message = f"`{key}` with this value reaches past the container: it runs only where the administrator allows it"
        draft.findings.add("HG-0240", draft.source.key_place(draft.origin((*path, key))), message, None, Severity.WARNING)
