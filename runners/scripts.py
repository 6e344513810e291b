"""What script tasks of all languages share: their properties, the shell text they become, the `::{…}::` line protocol, their outputs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from runners.fields import Dynamic, NamespaceFiles, Text, is_template, parse_duration
from runners.protocol import OUTPUT_LIMIT, Metric, Outcome, Result, Unusable
from runners.task import Command, Exit, RunnerTask, Work
from runners.transfer import put_inputs, take_outputs
from runners.workspace import OWN

#: What a task may publish with `::{"outputs": …}::`, in names; and how many metrics.
NAMES_CAP = 10_000
METRICS_CAP = 10_000

DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"
PROCESS = "io.kestra.plugin.core.runner.Process"

_TOO_LARGE = (
    f"the outputs are too large: more than {OUTPUT_LIMIT:,} bytes of JSON with the names of files, or {NAMES_CAP:,} names; "
    "write values to a file and name it in outputFiles, pack many files into one"
)

_SHELLS = {"sh", "bash", "dash", "ash", "ksh", "zsh", "busybox"}
_STORED = re.compile(r"kestra:///[^\s\"'`<>|;,)\]}]+")
#: The kernel takes 128 KiB in one argument; longer texts go through a file, and so do those that may hold secrets: everybody on a host can
#: read everybody's arguments.
_ARGUMENT_CAP = 100_000
_COMMANDS = f"{OWN}commands.sh"


def not_yet(name: str) -> PydanticCustomError:
    """The answer to a property of the language that is not run."""
    return PydanticCustomError("not_yet", "{name} is part of the language, but this version does not run it yet", {"name": name})


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
    namespace_files: Dynamic[bool] | NamespaceFiles | None = Field(None, description="Not run yet.")
    warning_on_std_err: Dynamic[bool] = Field(True, description="Without effect.")
    target_os: Dynamic[Text] = Field("AUTO", alias="targetOS", description="Without effect.")
    runner: Dynamic[Text] | None = Field(None, description="Old spelling of `taskRunner`: DOCKER or PROCESS.")
    docker: Dynamic[dict[str, Any]] | None = Field(None, description="Old spelling of `containerImage` and of the Docker task runner's properties.")

    @field_validator("namespace_files")
    @classmethod
    def _no_namespace_files(cls, value: Any) -> Any:
        enabled = value.enabled if isinstance(value, NamespaceFiles) else value
        if enabled and not is_template(enabled):
            raise not_yet("namespaceFiles")
        return value

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
        """The shell text to run. May write files into the working directory."""
        raise NotImplementedError

    def run(self, work: Work) -> Outcome:
        """Inputs in, commands run, outputs out."""
        put_inputs(work, self.input_files or {})
        output_dir = work.folder(_output(work))
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
        return Console(work, hidden=bool(self.before_commands))

    def _argv(self, work: Work, console: Console) -> tuple[str, ...]:
        interpreter = self.interpreter or ["/bin/sh", "-c"]
        body = self.text(work)
        if interpreter[0].rpartition("/")[2] in _SHELLS:
            body = self._shell_text(body, interpreter, console)
            if (work.job.masks or len(body.encode("utf-8", "replace")) > _ARGUMENT_CAP) and interpreter[-1].endswith("c"):
                # Gone before the first command, so that no command finds it and no archive of the folder holds it.
                work.write(_COMMANDS, f'rm -f "$WORKING_DIR/{_COMMANDS}" 2>/dev/null || :; {body}')
                body = f'. "$WORKING_DIR/{_COMMANDS}"'
        return (*interpreter, body)

    def _shell_text(self, body: str, interpreter: list[str], console: Console) -> str:
        lines = []
        if self.fail_fast:
            lines.append("set -eo pipefail" if interpreter[0].endswith("bash") else "set -e")
        if self.before_commands:
            lines += [console.fence, *self.before_commands, console.fence]
        return "\n".join((*lines, body))

    def _command(self, work: Work, argv: tuple[str, ...], places: Mapping[str, str]) -> Command:
        env = {name: value for name, value in (self.env or {}).items() if value is not None}
        options, image = self._placement()
        if image is not None and not image.strip():
            raise Unusable("containerImage is empty")
        return Command(argv, env={**self.LANGUAGE_ENV, **env, **places}, image=image, default_image=self.IMAGE, runner=options)

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
            folder = _output(work)
            stored.update({name.removeprefix(f"{folder}/"): uri for name, uri in work.upload(f"{folder}/**").items()})


def _output(work: Work) -> str:
    """Where `$OUTPUT_DIR` is; in a folder that it shares with others each job has its own."""
    return ".output" if work.job.folder is None else f".output/{work.job.lease.key}"


def localised(work: Work, text: str) -> str:
    """The text with every `kestra:///…` URI downloaded and replaced by a path."""
    fetched: dict[str, str] = {}
    for uri in _STORED.findall(text):
        if uri not in fetched:
            target = work.directory / f".headgate-files/{len(fetched)}-{uri.rpartition('/')[2]}"
            work.fetch(uri, target)
            fetched[uri] = str(target)
    return _STORED.sub(lambda found: fetched[found[0]], text)


class Console:
    """Reads what a script prints: plain lines become log entries, `::{…}::` lines outputs, metrics and log entries of their own."""

    def __init__(self, work: Work, hidden: bool = False) -> None:
        self._work = work
        self._mark = f"::headgate-{work.job.lease.key}::"
        self._hidden = dict.fromkeys(("stdout", "stderr"), False) if hidden else {}
        self._counts = {"stdout": 0, "stderr": 0}
        self._vars: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._size = 0
        self._metrics = 0
        self._fault: str | None = None

    @property
    def fence(self) -> str:
        """The shell line that stands before and after the commands whose lines are logged at DEBUG."""
        return f"echo '{self._mark}'; echo '{self._mark}' >&2"

    def lines(self, stream: str, texts: Sequence[str]) -> None:
        """Lines that follow each other. The plain ones are logged many at once: there may be millions."""
        done = 0
        for at in [at for at, text in enumerate(texts) if text.startswith("::")]:
            self._plain(stream, texts[done:at])
            self._special(stream, texts[at])
            done = at + 1
        self._plain(stream, texts[done:] if done else texts)

    def _special(self, stream: str, text: str) -> None:
        if text == self._mark and stream in self._hidden:
            self._hidden[stream] = not self._hidden[stream]
        elif self._message(text):
            self._counts[stream] += 1
        else:
            self._plain(stream, (text,))

    def _plain(self, stream: str, texts: Sequence[str]) -> None:
        self._counts[stream] += len(texts)
        plain = "ERROR" if stream == "stderr" else "INFO"
        self._work.log_all("DEBUG" if self._hidden.get(stream) else plain, texts)

    def fail(self, message: str) -> None:
        """Something went wrong beside the commands; the first of it is told, unless they failed themselves."""
        self._fault = self._fault or message

    def outcome(self, exit: Exit, files: Mapping[str, str]) -> Outcome:
        """What the attempt came to."""
        outputs = {
            "exitCode": exit.code,
            "outputFiles": dict(files),
            "vars": self._vars,
            "stdOutLineCount": self._counts["stdout"],
            "stdErrLineCount": self._counts["stderr"],
            "taskRunner": {"type": exit.runner} if exit.runner else None,
        }
        if len(_json(outputs)) > OUTPUT_LIMIT:
            self.fail(_TOO_LARGE)
            outputs |= {"outputFiles": {}, "vars": {}}
        result, message = self._judged(exit)
        return Outcome(result, message, exit.code, outputs)

    def _judged(self, exit: Exit) -> tuple[Result, str | None]:
        if exit.reason in ("killed", "lost", "handed"):
            return Result(exit.reason.upper()), exit.message
        if exit.reason:
            return Result.FAILED, exit.message or exit.reason
        if exit.code:
            return Result.FAILED, f"the command ended with exit code {exit.code}{_explained(exit.code)}"
        return (Result.FAILED, self._fault) if self._fault else (Result.SUCCESS, None)

    def _message(self, text: str) -> bool:
        """Whether the line was one of the protocol, and has been taken."""
        if not (text.startswith("::{") and text.endswith("}::")):
            return False
        try:
            message = json.loads(text[2:-2], parse_constant=_no_constant, parse_float=_finite)
            outputs, metrics, logs = _outputs(message), _metrics(message), _logs(message)
        except (ValueError, TypeError, RecursionError, KeyError, AttributeError, OverflowError):
            return False
        self._take(outputs, metrics)
        for grade, entry in logs:
            self._work.log(grade, entry)
        return True

    def _take(self, outputs: Mapping[str, Any], metrics: list[Metric]) -> None:
        sizes = {name: len(_json({name: value})) for name, value in outputs.items()}
        size = self._size + sum(new - self._sizes.get(name, 0) for name, new in sizes.items())
        self._metrics += len(metrics)
        if size > OUTPUT_LIMIT or len(self._sizes) + sum(name not in self._sizes for name in sizes) > NAMES_CAP:
            self.fail(_TOO_LARGE)
            return
        if self._metrics > METRICS_CAP:
            self.fail(f"more than {METRICS_CAP} metrics")
            return
        self._size, self._sizes = size, self._sizes | sizes
        self._vars |= outputs
        for metric in metrics:
            self._work.metric(metric)


def _outputs(message: Mapping[str, Any]) -> dict[str, Any]:
    outputs: dict[str, Any] = _clean(message.get("outputs") or {})
    if not isinstance(outputs, dict):
        raise TypeError
    return outputs


def _logs(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(entry.get("level") or "INFO"), _clean(str(entry["message"]))) for entry in message.get("logs") or ()]


def _metrics(message: Mapping[str, Any]) -> list[Metric]:
    return [_metric(entry) for entry in message.get("metrics") or ()]


def _metric(entry: Mapping[str, Any]) -> Metric:
    kind = str(entry["type"]).lower()
    if kind not in ("counter", "timer", "gauge"):
        raise ValueError
    raw = entry["value"]
    value = parse_duration(raw).total_seconds() if isinstance(raw, str) and kind == "timer" and raw[:1] in "P-+" else float(raw)
    if not math.isfinite(value):
        raise ValueError
    tags = {_clean(str(key)): _clean(str(tag)) for key, tag in (entry.get("tags") or {}).items()}
    return Metric(_clean(str(entry["name"])), kind, value, tags, entry.get("description") and _clean(str(entry["description"])))


def _clean(value: Any) -> Any:
    """Half of a surrogate pair is JSON, and yet no text: it becomes U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number


def _explained(code: int) -> str:
    return {126: " (not executable)", 127: " (command not found)", 137: " (killed by SIGKILL, perhaps for want of memory)", 143: " (SIGTERM)"}.get(code, "")
