"""What script tasks of all languages share: their properties, the shell text that they become, their outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from runners.console import Console
from runners.dependencies import Packages
from runners.fields import Dynamic, NamespaceFiles, Text, is_template
from runners.protocol import Outcome, Unusable
from runners.task import Command, RunnerTask, Work
from runners.transfer import put_inputs, put_namespaces, take_outputs
from runners.workspace import OWN

DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"
PROCESS = "io.kestra.plugin.core.runner.Process"

_SHELLS = {"sh", "bash", "dash", "ash", "ksh", "zsh", "busybox"}
_STORED = re.compile(r"kestra:///[^\s\"'`<>|;,)\]}]+")
#: The kernel takes 128 KiB in one argument; longer texts go through a file, and so do those that may hold secrets: everybody on a host can
#: read everybody's arguments.
_ARGUMENT_CAP = 100_000
_COMMANDS = f"{OWN}commands.sh"


class ScriptTask(RunnerTask):
    """Properties of every script task."""

    IMAGE: ClassVar[str] = "ubuntu"
    LANGUAGE_ENV: ClassVar[Mapping[str, str]] = {}
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "vars": 'What the script printed as `::{"outputs": {…}}::`.',
        "outputFiles": "Stored files: path → URI.",
        "exitCode": "The exit code of the commands.",
        "stdOutLineCount": "How many lines came on stdout.",
        "stdErrLineCount": "How many lines came on stderr.",
        "taskRunner": "Where it ran: `taskRunner.type`.",
    }

    before_commands: Dynamic[list[Text]] | None = Field(None, description="Commands to run first, in the same shell. What they print is logged at DEBUG.")
    interpreter: Dynamic[list[Text]] = Field(["/bin/sh", "-c"], description="What runs the commands, its last argument. A shell gets secrets in a file.")
    fail_fast: Dynamic[bool] = Field(True, description="Stop at the first command that fails (`set -e`).")
    container_image: Dynamic[Text] | None = Field(None, description="The image, where the task runner is one with containers.")
    task_runner: Dynamic[dict[str, Any]] | None = Field(None, description="Where the commands run: a task runner's `type` and its properties.")
    env: Dynamic[dict[str, Text | None]] | None = Field(None, description="Environment variables. Their values are not logged.")
    input_files: Dynamic[dict[str, Text | None]] | None = Field(None, description="Files to make in the working directory: path → content or URI.")
    output_files: Dynamic[list[Text]] | None = Field(None, description="Globs; what matches is stored, as `outputs.<task>.outputFiles['path']`.")
    output_directory: Dynamic[bool] = Field(False, description="Also store every file below `$OUTPUT_DIR`.")
    namespace_files: Dynamic[bool] | NamespaceFiles | None = Field(
        None, description="The namespace's files are there, as the commit's; this puts them into a folder for each namespace, too."
    )
    warning_on_std_err: Dynamic[bool] = Field(True, description="Without effect.")
    target_os: Dynamic[Literal["AUTO", "LINUX", "WINDOWS"]] = Field("AUTO", alias="targetOS", description="Without effect.")
    runner: Dynamic[Text] | None = Field(None, description="Old spelling of `taskRunner`: DOCKER or PROCESS.")
    docker: Dynamic[dict[str, Any]] | None = Field(None, description="Old spelling of `containerImage` and of the Docker task runner's properties.")

    @field_validator("runner")
    @classmethod
    def _known_runner(cls, value: str | None) -> str | None:
        if value is not None and not is_template(value) and value.upper() not in ("DOCKER", "PROCESS"):
            raise PydanticCustomError("runner", "the runner is DOCKER or PROCESS; other places are named by taskRunner")
        return value

    @field_validator("task_runner")
    @classmethod
    def _typed_runner(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and not isinstance(value.get("type"), str):
            raise PydanticCustomError("task_runner", "a task runner needs a type, for example {example}", {"example": PROCESS})
        return value

    def text(self, work: Work) -> str:
        """What the interpreter is to run. May write files into the working directory."""
        raise NotImplementedError

    def image(self) -> str:
        """The image where the task names none."""
        return self.IMAGE

    def packages(self) -> Packages | None:
        """What is to be installed before anything runs."""
        return None

    def run(self, work: Work) -> Outcome:
        """Inputs in, commands run, outputs out."""
        put_namespaces(work, self.namespace_files)
        put_inputs(work, self.input_files or {})
        output_dir = work.folder(work.job.output)
        console = self.console(work)
        command = self._command(work, self._argv(work, console), {"WORKING_DIR": str(work.directory), "OUTPUT_DIR": str(output_dir)})
        exit = work.execute(command, console.lines)
        files: dict[str, str] = {}
        if exit.reason in (None, "oom"):
            try:
                self._store_outputs(work, files)
            except Unusable as problem:
                console.fail(str(problem))
        return console.outcome(exit, files)

    def console(self, work: Work) -> Console:
        """What reads the lines that are printed."""
        return Console(work)

    def _argv(self, work: Work, console: Console) -> tuple[str, ...]:
        interpreter, body = self.interpreter or ["/bin/sh", "-c"], self.text(work)
        packages = self.packages()
        first = console.fenced("dependencies", packages.shell(work)) if packages else []
        if interpreter[0].rpartition("/")[2] in _SHELLS:
            return (*interpreter, self._guarded(work, self._shell_text(body, interpreter, first, console), interpreter))
        # The language of the commands before is the interpreter's own, too.
        body = "\n".join((*(self.before_commands or ()), body))
        return ("/bin/sh", "-c", "\n".join((*first, 'exec "$@"')), "headgate", *interpreter, body) if first else (*interpreter, body)

    def _shell_text(self, body: str, interpreter: Sequence[str], first: Sequence[str], console: Console) -> str:
        lines = []
        if self.fail_fast:
            lines.append("set -eo pipefail" if interpreter[0].endswith("bash") else "set -e")
        lines += first
        if self.before_commands:
            lines += console.fenced("before", self.before_commands)
        return "\n".join((*lines, body))

    def _guarded(self, work: Work, body: str, interpreter: Sequence[str]) -> str:
        if not (work.job.masks or len(body.encode("utf-8", "replace")) > _ARGUMENT_CAP) or not interpreter[-1].endswith("c"):
            return body
        # Gone before the first command, so that no command finds it and no archive of the folder holds it.
        work.write(_COMMANDS, f'rm -f "$WORKING_DIR/{_COMMANDS}" 2>/dev/null || :; {body}')
        return f'. "$WORKING_DIR/{_COMMANDS}"'

    def _command(self, work: Work, argv: tuple[str, ...], places: Mapping[str, str]) -> Command:
        env = {name: value for name, value in (self.env or {}).items() if value is not None}
        options, image = self._placement()
        if image is not None and not image.strip():
            raise Unusable("containerImage is empty")
        return Command(argv, env={**self.LANGUAGE_ENV, **env, **places}, image=image, default_image=self.image(), runner=options)

    def _placement(self) -> tuple[Mapping[str, object] | None, str | None]:
        """The task runner, and the image, of whichever spelling was used."""
        old = dict(self.docker or {})
        image = self.container_image or old.pop("image", None) or (self.task_runner or {}).get("image")
        if self.task_runner:
            return {key: value for key, value in self.task_runner.items() if key != "image"}, image
        if (self.runner or "").upper() == "PROCESS":
            return {"type": PROCESS}, image
        if self.runner or old:
            return {"type": DOCKER, **old}, image
        return None, image

    def _store_outputs(self, work: Work, stored: dict[str, str]) -> None:
        take_outputs(work, self.output_files or (), stored)
        if self.output_directory:
            folder = work.job.output
            stored.update({name.removeprefix(f"{folder}/"): uri for name, uri in work.upload(f"{folder}/**").items()})


class InlineScript(ScriptTask):
    """A script written inline: it is stored in the working directory, and called."""

    #: The file, and what stands before its name in the call.
    FILE: ClassVar[str]
    CALL: ClassVar[str]

    script: Dynamic[Text] = Field(description="The script.")

    def text(self, work: Work) -> str:
        """A call of the script."""
        work.write(self.FILE, localised(work, self.script))
        return f'{self.CALL} "$WORKING_DIR/{self.FILE}"'


class CommandList(ScriptTask):
    """Commands, one after the other."""

    commands: Dynamic[list[Text]] = Field(description="The commands; all run in one shell.")

    def text(self, work: Work) -> str:
        """One command per line."""
        return localised(work, "\n".join(self.commands))


def localised(work: Work, text: str) -> str:
    """The text with every `kestra:///…` URI downloaded and replaced by a path."""
    fetched: dict[str, str] = {}
    for uri in _STORED.findall(text):
        if uri not in fetched:
            target = work.directory / f".headgate-files/{len(fetched)}-{uri.rpartition('/')[2]}"
            work.fetch(uri, target)
            fetched[uri] = str(target)
    return _STORED.sub(lambda found: fetched[found[0]], text)
