"""dbt's command line."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from runners.console import Console
from runners.dbt import NODES_CAP, Unreadable, entry, results, trouble
from runners.fields import Dynamic, Spelling, Text, is_template, not_yet
from runners.protocol import Outcome, Result, Unusable
from runners.scripts import ScriptTask, localised
from runners.task import Command, Work

_FILES = ("run_results.json", "manifest.json")
_OLD = {name: f"dbt {name.lower()}" for name in ("Build", "Run", "Test", "Seed", "Snapshot", "Compile", "Deps", "List")} | {"Freshness": "dbt source freshness"}


class DbtCLI(ScriptTask):
    """Runs dbt commands on a project of the working directory, in a container or with the `dbt` of the runner's host. Each node of the run is a result."""

    TYPE = "io.kestra.plugin.dbt.cli.DbtCLI"
    SPELLINGS: ClassVar[Mapping[str, Spelling]] = {
        f"io.kestra.plugin.dbt.cli.{name}": Spelling(fixed={"commands": [command]}) for name, command in _OLD.items()
    }
    IMAGE = "ghcr.io/kestra-io/dbt"
    LANGUAGE_ENV: ClassVar[Mapping[str, str]] = {"PYTHONUNBUFFERED": "true", "DBT_USE_COLORS": "false"}
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        **ScriptTask.OUTPUTS,
        "results": "What became of each node: `id`, `type`, `status`, `state`, `seconds`, `message`, times.",
    }

    commands: Dynamic[list[Text]] = Field(description="The commands, like `dbt deps` and `dbt build`; all run in one shell.")
    project_dir: Dynamic[Text] | None = Field(None, description="The project's folder; the working directory when absent.")
    profiles: Dynamic[Text] | None = Field(None, description="The text of profiles.yml, which is written beside the project.")
    parse_run_results: Dynamic[bool] = Field(True, description="Read what became of each node, and store manifest.json and run_results.json.")
    log_format: Dynamic[Literal["JSON", "TEXT"]] = Field("JSON", description="JSON: each line of dbt's log has its own level.")
    engine: Dynamic[Literal["CORE", "FUSION"]] | None = Field(None, description="CORE. FUSION is not run yet.")
    store_manifest: Dynamic[dict[str, Any]] | None = Field(None, description="Not run yet.")
    load_manifest: Dynamic[dict[str, Any]] | None = Field(None, description="Not run yet.")

    @field_validator("store_manifest", "load_manifest")
    @classmethod
    def _no_manifest(cls, value: Any) -> Any:
        if value:
            raise not_yet("storeManifest and loadManifest")
        return value

    @field_validator("engine")
    @classmethod
    def _core(cls, value: Any) -> Any:
        if value is not None and not is_template(value) and value != "CORE":
            raise not_yet("the engine FUSION")
        return value

    def text(self, work: Work) -> str:
        """The commands, in the project's folder."""
        inside = self._inside(work)
        if self.profiles:
            work.write(f"{inside}/profiles.yml" if inside else "profiles.yml", localised(work, self.profiles))
        folder = self._folder(work)
        return localised(work, "\n".join((*([f"cd {shlex.quote(folder)}"] if folder != str(work.directory) else []), *self.commands)))

    def run(self, work: Work) -> Outcome:
        """As every script, with dbt's own log read, and its results."""
        outcome = super().run(work)
        if outcome.exit_code is None:
            return outcome
        if outcome.exit_code == 127:
            return replace(outcome, message="there is no dbt here: install it on the runner's host, or name a container image that has it")
        return self._with_results(work, outcome) if self.parse_run_results else outcome

    def console(self, work: Work) -> Console:
        """One that knows dbt's log."""
        return _DbtConsole(work)

    def _command(self, work: Work, argv: tuple[str, ...], places: Mapping[str, str]) -> Command:
        command, own = super()._command(work, argv, places), {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        if self.log_format == "JSON":
            own["DBT_LOG_FORMAT"] = "json"
        if self.profiles:
            own["DBT_PROFILES_DIR"] = str(work.directory / (self._inside(work) or ""))
        if self._inside(work) is None:
            # A project of the image or the host: only what is left in the working directory can be read.
            own["DBT_TARGET_PATH"] = str(work.directory / "target")
        return replace(command, env={**own, **command.env})

    def _inside(self, work: Work) -> str | None:
        """The project's folder below the working directory, "" for that itself; None for one elsewhere."""
        path = PurePosixPath((self.project_dir or "").strip() or ".")
        if path.is_relative_to(work.directory):
            path = path.relative_to(work.directory)
        if ".." in path.parts:
            raise Unusable(f"projectDir: {self.project_dir!r} is not a path inside the working directory")
        return None if path.is_absolute() else "" if path == PurePosixPath() else str(path)

    def _folder(self, work: Work) -> str:
        inside = self._inside(work)
        return str(self.project_dir).strip() if inside is None else str(work.directory / inside)

    def _with_results(self, work: Work, outcome: Outcome) -> Outcome:
        target = f"{self._inside(work)}/target" if self._inside(work) else "target"
        stored = {name: uri for name in _FILES for uri in work.upload(f"{target}/{name}").values()}
        outputs = {**outcome.outputs, "outputFiles": {**outcome.outputs.get("outputFiles", {}), **stored}}
        if _FILES[0] not in stored:
            return replace(outcome, outputs={**outputs, "results": []})
        folder = work.directory / target
        try:
            found = results(folder / _FILES[0], folder / _FILES[1] if _FILES[1] in stored else None)
        except Unreadable as problem:
            return replace(outcome, outputs=outputs) if outcome.result is Result.FAILED else Outcome.failed(str(problem), outputs=outputs)
        if len(found) > NODES_CAP:
            work.log("WARN", f"{len(found)} nodes: the outputs have the first {NODES_CAP} of them, run_results.json has all")
        outputs["results"] = [one.shown() for one in found[:NODES_CAP]]
        failed = trouble(found) if outcome.result is Result.FAILED else None
        return replace(outcome, outputs=outputs, message=f"{outcome.message}; {failed}" if failed else outcome.message)


class _DbtConsole(Console):
    """Reads dbt's log lines, too."""

    def _plain(self, stream: str, texts: Sequence[str]) -> None:
        plain: list[str] = []
        for text in texts:
            known = entry(text)
            if known is None:
                plain.append(text)
                continue
            super()._plain(stream, plain)
            plain = []
            self._counts[stream] += 1
            if known[1].strip():
                self._work.log(*known)
        super()._plain(stream, plain)
