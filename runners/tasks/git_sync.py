"""Git to Kestra: tasks that Headgate has no use for, because the tip of a branch is what runs. They are read, and say so."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.git import GitTask


class _Sync(GitTask):
    RUN = False
    INSTEAD: ClassVar[str | None] = (
        "add the repository to Headgate (`headgate repo add`): each push to it is live at once, and what was deleted there is gone here, too"
    )
    NEVER = "has nothing to do here, because Headgate syncs flows and files from Git by itself"

    git_directory: Dynamic[Text] | None = Field(None, description="The folder of the repository.")
    dry_run: Dynamic[bool] = Field(False, description="Only say what would change.")
    kestra_url: Dynamic[Text] | None = Field(None, description="The address of the service.")
    auth: Dynamic[dict[str, Any]] | None = Field(None, description="The login of the service.")


class _Into(_Sync):
    delete: Dynamic[bool] = Field(False, description="Also delete what the repository does not have.")
    include_child_namespaces: Dynamic[bool] = Field(False, description="Sub-folders are namespaces below the namespace.")
    fail_on_missing_directory: Dynamic[bool] | None = Field(None, description="A folder that is not there is a failure.")


class SyncFlows(_Into):
    """Brought the flows of a repository's folder into a namespace."""

    TYPE = "io.kestra.plugin.git.SyncFlows"

    target_namespace: Dynamic[Text] = Field(description="The namespace of the flows.")
    ignore_invalid_flows: Dynamic[bool] = Field(False, description="Leave out flows that are not valid.")


class SyncFlow(_Sync):
    """Brought one flow of a repository into a namespace."""

    TYPE = "io.kestra.plugin.git.SyncFlow"

    target_namespace: Dynamic[Text] = Field(description="The namespace of the flow.")
    flow_path: Dynamic[Text] = Field(description="The flow's file in the repository.")


class SyncNamespaceFiles(_Into):
    """Brought the files of a repository's folder into a namespace. Here the files of a namespace are those of its repository."""

    TYPE = "io.kestra.plugin.git.SyncNamespaceFiles"

    namespace: Dynamic[Text] | None = Field(None, description="The namespace of the files.")


class SyncDashboards(_Into):
    """Brought dashboards of a repository's folder."""

    TYPE = "io.kestra.plugin.git.SyncDashboards"


class Sync(_Sync):
    """Brought flows and files of a repository; long deprecated."""

    TYPE = "io.kestra.plugin.git.Sync"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.git.Sync",)

    namespace_files_directory: Dynamic[Text] | None = Field(None, description="The folder of the files.")
    clone_submodules: Dynamic[bool] | None = Field(None, description="Also clone the submodules.")


class _Both(_Sync):
    source_of_truth: Dynamic[Literal["GIT", "KESTRA"]] = Field("KESTRA", description="Which side is right.")
    when_missing_in_source: Dynamic[Literal["DELETE", "KEEP", "FAIL"]] | None = Field(None, description="What becomes of what only the other side has.")
    protected_namespaces: Dynamic[list[Text]] = Field(["system"], description="Namespaces that are left alone.")
    on_invalid_syntax: Dynamic[Literal["SKIP", "WARN", "FAIL"]] | None = Field(None, description="What becomes of flows that are not valid.")
    commit_message: Dynamic[Text] | None = Field(None, description="The message of the commit.")
    author_email: Dynamic[Text] | None = Field(None, description="The author's address.")
    author_name: Dynamic[Text] | None = Field(None, description="The author's name.")


class NamespaceSync(_Both):
    """Brought a namespace and a repository together. Here they are one."""

    TYPE = "io.kestra.plugin.git.NamespaceSync"

    namespace: Dynamic[Text] | None = Field(None, description="The namespace.")


class TenantSync(_Both):
    """Brought all namespaces and a repository together. Here they are one."""

    TYPE = "io.kestra.plugin.git.TenantSync"
