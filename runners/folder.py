"""The properties of a folder that tasks share: what is put into it, and what is taken out in the end."""

from __future__ import annotations

from pydantic import Field

from runners.fields import Dynamic, Length, Model, NamespaceFiles, Text


class Cache(Model):
    """Files kept from one run to the next."""

    patterns: list[Text] = Field(min_length=1, description="Globs of the files.")
    ttl: Dynamic[Length] | None = Field(None, description="How long they are kept.")


class FolderProperties(Model):
    """What is put into the folder before the first task, and what is taken out of it after the last."""

    input_files: Dynamic[dict[str, Text | None]] | None = Field(None, description="Files to make in the folder: path → content or URI.")
    output_files: Dynamic[list[Text]] | None = Field(None, description="Globs; what matches is stored, as `outputs.<task>.outputFiles['path']`.")
    namespace_files: Dynamic[bool] | NamespaceFiles | None = Field(
        None, description="The folder begins as the commit's tree, so the namespace's files are there; this puts them into a folder for each namespace, too."
    )
    cache: Cache | None = Field(None, description="Files kept from one run to the next: of this task, for each environment by itself.")
