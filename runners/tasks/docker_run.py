"""A container of an image, as `docker run` makes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.console import Console
from runners.fields import Dynamic, NamespaceFiles, Text
from runners.options.docker import Container, Docker
from runners.protocol import Outcome, Unusable
from runners.scripts import ScriptTask
from runners.task import Command, RunnerTask, Work
from runners.transfer import put_inputs, put_namespaces, take_outputs


class Run(Container, RunnerTask):
    """Runs an image's own program, or another command in it. The working directory is the container's, with the files of the commit; no shell is between."""

    TYPE = "io.kestra.plugin.docker.Run"
    OUTPUTS: ClassVar[Mapping[str, str]] = ScriptTask.OUTPUTS

    container_image: Dynamic[Text] = Field(description="The image.", examples=["ubuntu"])
    commands: Dynamic[list[Text]] | None = Field(None, description="The command and its arguments, one each; the image's own when absent.")
    env: Dynamic[dict[str, Text | None]] | None = Field(None, description="Environment variables. Their values are not logged.")
    input_files: Dynamic[dict[str, Text | None]] | None = Field(None, description="Files to make in the working directory: path → content or URI.")
    output_files: Dynamic[list[Text]] | None = Field(None, description="Globs; what matches is stored, as `outputs.<task>.outputFiles['path']`.")
    namespace_files: Dynamic[bool] | NamespaceFiles | None = Field(
        None, description="The namespace's files are there, as the commit's; this puts them into a folder for each namespace, too."
    )
    fail_fast: Dynamic[bool] = Field(True, description="Without effect: there is one command.")
    warning_on_std_err: Dynamic[bool] = Field(True, description="Without effect.")
    output_directory: Dynamic[bool] = Field(False, alias="outputDirectory", description="Also store every file below `$OUTPUT_DIR`.")

    def run(self, work: Work) -> Outcome:
        """Files in, the container, files out."""
        if not self.container_image.strip():
            raise Unusable("containerImage is empty")
        put_namespaces(work, self.namespace_files)
        put_inputs(work, self.input_files or {})
        made = work.job.output
        places = {"WORKING_DIR": str(work.directory), "OUTPUT_DIR": str(work.folder(made))}
        console = Console(work)
        exit = work.execute(self._command(places), console.lines)
        files: dict[str, str] = {}
        if exit.reason in (None, "oom") and self.wait:
            try:
                take_outputs(work, self.output_files or (), files)
                files |= {name.removeprefix(f"{made}/"): uri for name, uri in work.upload(f"{made}/**").items()} if self.output_directory else {}
            except Unusable as problem:
                console.fail(str(problem))
        return console.outcome(exit, files)

    def _command(self, places: Mapping[str, str]) -> Command:
        options = self.model_dump(mode="json", by_alias=True, exclude_unset=True, include=set(Container.model_fields))
        env = {name: value for name, value in (self.env or {}).items() if value is not None}
        # None would take the entry point away, as scripts want it.
        entry = {"entryPoint": self.entry_point or []}
        return Command(tuple(self.commands or ()), env={**env, **places}, image=self.container_image.strip(), runner={"type": Docker.TYPE, **options, **entry})
