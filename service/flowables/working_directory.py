"""Tasks that share a folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Length, Model, NamespaceFiles, Text
from service.flowables import FlowableTask


class Cache(Model):
    """Files kept from one run to the next."""

    patterns: list[Text] = Field(min_length=1, description="Globs of the files.")
    ttl: Dynamic[Length] | None = Field(None, description="How long they are kept.")


class WorkingDirectory(FlowableTask):
    """Runs its tasks one after another in one shared folder, on one runner."""

    TYPE = "io.kestra.plugin.core.flow.WorkingDirectory"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.WorkingDirectory", "io.kestra.core.tasks.flows.Worker")
    OUTPUTS: ClassVar[Mapping[str, str]] = {"outputFiles": "Stored files: path → URI."}
    NESTS = False
    RUN = False

    input_files: Dynamic[dict[str, Text | None]] | None = Field(None, description="Files to make in the folder: path → content or URI.")
    output_files: Dynamic[list[Text]] | None = Field(None, description="Globs; what matches is stored, as `outputs.<task>.outputFiles['path']`.")
    namespace_files: Dynamic[bool] | NamespaceFiles | None = Field(None, description="Copies files of the namespace: true, or which ones.")
    cache: Cache | None = Field(None, description="Files kept from one run to the next.")
