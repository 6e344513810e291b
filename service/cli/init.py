"""`init`: a flow folder to start from."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote

from service.cli.options import DEFAULT_SERVER
from service.cli.screen import say, show
from service.cli.stop import WRONG, Stop

FOLDER = ".flows"
_HELLO = """\
# yaml-language-server: $schema=./_schema.json
id: hello
namespace: {namespace}
description: The first flow. Every push that it is part of starts it.

inputs:
  - id: name
    type: STRING
    defaults: world

triggers:
  - id: push
    type: headgate.git.Push

tasks:
  # A script starts in the tree of the commit. What comes from outside is given to it as a variable of the environment, never as a part of its text.
  - id: greet
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    env:
      NAME: "{{{{ inputs.name }}}}"
    commands:
      - echo "Hello, $NAME"
      - files=$(find . -type f | wc -l | tr -d ' ')
      - echo "::{{\\"outputs\\":{{\\"files\\":$files}}}}::"

  # What a task gives is read by its id.
  - id: count
    type: io.kestra.plugin.core.log.Log
    message: "this commit has {{{{ outputs.greet.vars.files }}}} files"
"""


def _hello(namespace: str) -> str:
    return _HELLO.format(namespace=namespace)


def _schema(_: str) -> str:
    from service.cli.schema import whole_language

    return whole_language()


#: The files of a new folder, each with what makes its text from a namespace. Names that begin with `_` are no flows.
FILES: Mapping[str, Callable[[str], str]] = {
    "hello.yml": _hello,
    "_schema.json": _schema,
}


def begin(folder: Path) -> None:
    """Writes what is not there yet, says what was kept, and what to do next. Raises Stop where nothing can be written."""
    flows = folder / FOLDER
    if flows.is_symlink():
        raise Stop(WRONG, f"{flows} is a symbolic link, which a push would not follow; put a folder in its place")
    namespace = namespace_of(folder.resolve().name)
    try:
        flows.mkdir(parents=True, exist_ok=True)
        for name, text in FILES.items():
            show(f"{'created' if _created(flows / name, text(namespace)) else 'kept'} {flows / name}")
    except OSError as failure:
        raise Stop(WRONG, f"{flows} can't be written: {failure.strerror}") from failure
    _say_what_is_next(folder, flows)


def namespace_of(name: str) -> str:
    """A folder's name as a namespace: a namespace belongs to one repository, so each gets one of its own."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("._-")[:150] or "main"


def _created(path: Path, text: str) -> bool:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _say_what_is_next(folder: Path, flows: Path) -> None:
    root = _root(folder.resolve())
    if root is None:
        say(f"{'this folder' if folder == Path() else folder} is in no Git repository yet")
    elif root != folder.resolve():
        say(f"flows are read from the root of a repository: move {flows} to {os.path.relpath(root / FOLDER)}")
    git = "git" if folder == Path() else f"git -C {quote(str(folder))}"
    steps = {
        f"headgate flow validate {quote(str(flows))}": "every mistake, offline",
        f"headgate run {quote(str(flows / 'hello.yml'))}": "one run here, without a server",
        **({f"{git} init": "flows live in Git"} if root is None else {}),
        f'{git} add {FOLDER} && {git} commit -m "The first flow"': "",
        "headgate up": "the service, in another terminal",
        f"{git} push {DEFAULT_SERVER}/git/default.git HEAD": "the flow is live, and runs",
    }
    width = max(map(len, steps))
    say("\nnext:")
    for step, why in steps.items():
        say(f"  {step:<{width}}  {why}".rstrip())


def _root(folder: Path) -> Path | None:
    """The nearest folder with a repository's `.git`; that is a file in a linked work tree."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)
