"""Flow files for the end-to-end tests."""

from __future__ import annotations

from textwrap import indent

PROCESS = "io.kestra.plugin.core.runner.Process"
DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"

#: Runs whenever a branch or a tag moves.
ON_PUSH = """
triggers:
  - id: push
    type: headgate.git.Push
"""


def on_push(**filters: list[str]) -> str:
    """Runs when a branch or a tag moves that the filters take in."""
    return ON_PUSH + "".join(f"    {name}: {patterns}\n" for name, patterns in filters.items())


def flow(id: str, namespace: str, tasks: str, rest: str = "") -> str:
    """A flow of tasks that are written out."""
    return f"id: {id}\nnamespace: {namespace}\ntasks:\n{indent(tasks.strip(chr(10)), '  ')}\n{rest.lstrip(chr(10))}"


def log(id: str, namespace: str, message: str = "hello", rest: str = "") -> str:
    """A flow with one inline task."""
    return flow(id, namespace, f"- id: say\n  type: io.kestra.plugin.core.log.Log\n  message: {message}\n", rest)


def script(id: str, namespace: str, text: str, rest: str = "", *, image: str | None = None, more: str = "") -> str:
    """A flow with one shell script: a process, or a container where an image is named."""
    return flow(id, namespace, shell("work", text, image=image, more=more), rest)


def shell(id: str, text: str, *, image: str | None = None, more: str = "") -> str:
    """A task with a shell script."""
    runner = f"containerImage: {image}\ntaskRunner:\n  type: {DOCKER}" if image else f"taskRunner:\n  type: {PROCESS}"
    body = f"type: io.kestra.plugin.scripts.shell.Script\n{runner}\n{more.strip(chr(10))}\nscript: |\n{indent(text.strip(chr(10)), '  ')}\n"
    return f"- id: {id}\n{indent(body, '  ')}"
