"""Kestra to Git: tasks that Headgate has no use for, because an edit of a flow is a commit already. They are read, and say so."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.git import GitTask


class _Push(GitTask):
    RUN = False
    INSTEAD: ClassVar[str | None] = "leave the task out: an edit in the editor, by the API or the command line is a commit in the flow's repository"
    NEVER = "has nothing to do here, because Headgate keeps flows and files in Git by itself"

    git_directory: Dynamic[Text] | None = Field(None, description="The folder of the repository.")
    commit_message: Dynamic[Text] | None = Field(None, description="The message of the commit.")
    author_email: Dynamic[Text] | None = Field(None, description="The author's address.")
    author_name: Dynamic[Text] | None = Field(None, description="The author's name.")
    dry_run: Dynamic[bool] = Field(False, description="Only say what would change.")
    delete: Dynamic[bool] = Field(True, description="Also delete what is only in the repository.")
    kestra_url: Dynamic[Text] | None = Field(None, description="The address of the service.")
    auth: Dynamic[dict[str, Any]] | None = Field(None, description="The login of the service.")


class PushFlows(_Push):
    """Committed the flows of a namespace."""

    TYPE = "io.kestra.plugin.git.PushFlows"

    source_namespace: Dynamic[Text] | None = Field(None, description="The namespace of the flows.")
    target_namespace: Dynamic[Text] | None = Field(None, description="The namespace that they have in the repository.")
    flows: Dynamic[list[Text]] | Dynamic[Text] = Field("**", description="Globs of the flows.")
    include_child_namespaces: Dynamic[bool] = Field(False, description="Also the flows of the namespaces below.")


class PushNamespaceFiles(_Push):
    """Committed the files of a namespace."""

    TYPE = "io.kestra.plugin.git.PushNamespaceFiles"

    namespace: Dynamic[Text] | None = Field(None, description="The namespace of the files.")
    files: Dynamic[list[Text]] | Dynamic[Text] = Field("**", description="Globs of the files.")


class PushDashboards(_Push):
    """Committed dashboards."""

    TYPE = "io.kestra.plugin.git.PushDashboards"

    dashboards: Dynamic[list[Text]] | Dynamic[Text] = Field("**", description="Globs of the dashboards.")


class PushExecutionFiles(_Push):
    """Committed files that an execution has made. Not run: the one of them whose work Headgate does not do by itself."""

    TYPE = "io.kestra.plugin.git.PushExecutionFiles"
    INSTEAD: ClassVar[str | None] = "commit the files in a script that runs git, in a WorkingDirectory behind io.kestra.plugin.git.Clone"
    NEVER = "is not run by this version"

    files: Dynamic[list[Text]] | Dynamic[Text] | None = Field(None, description="Globs of the files.")
    files_map: Dynamic[dict[str, Text]] | Dynamic[Text] | None = Field(None, description="Path in the repository → URI.")


class Push(_Push):
    """Committed flows and files; long deprecated."""

    TYPE = "io.kestra.plugin.git.Push"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.git.Push",)

    flows: Dynamic[dict[str, Any]] | None = Field(None, description="Whether flows are committed, and which folder they go to.")
    namespace_files: Dynamic[Any] | None = Field(None, description="Which files of the namespace are committed.")
    input_files: Dynamic[dict[str, Text | None]] | None = Field(None, description="Files to commit: path → content or URI.")
    directory: Dynamic[Text] | None = Field(None, description="The folder of an existing clone.")
    add_files_pattern: Dynamic[list[Text]] | Dynamic[Text] | None = Field(None, description="What is added to the commit.")
