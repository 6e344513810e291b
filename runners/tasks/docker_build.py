"""An image, built of a Dockerfile and the files of the working directory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, NamespaceFiles, Text
from runners.image_task import ImageTask
from runners.protocol import Outcome, Result, Unusable
from runners.task import Work
from runners.transfer import put_inputs, put_namespaces
from runners.workspace import inside

#: How a Dockerfile begins, where it is not named but written out.
_WRITTEN_OUT = re.compile(r"\s*(#|FROM\s|ARG\s)", re.IGNORECASE)


class Build(ImageTask):
    """Builds an image by the daemon of the runner that does this task. The working directory, with the files of the commit, is what it may copy from."""

    TYPE = "io.kestra.plugin.docker.Build"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"imageId": "The image's id."}

    dockerfile: Dynamic[Text] = Field("Dockerfile", description="The Dockerfile, written out; or its path in the working directory.")
    tags: Dynamic[list[Text]] = Field(min_length=1, description="Names of the image, each with a tag.")
    push: Dynamic[bool] = Field(False, description="Upload it under each of its names.")
    pull: Dynamic[bool] = Field(False, description="Look for newer images of those that it is built on.")
    no_cache: Dynamic[bool] = Field(False, description="Build every step anew.")
    build_args: Dynamic[dict[str, Text]] | None = Field(None, description="Values of the Dockerfile's ARGs. They stay readable in the image's history.")
    labels: Dynamic[dict[str, Text]] | None = Field(None, description="Labels of the image.")
    platforms: Dynamic[list[Text]] | None = Field(None, description="The platform, like linux/arm64; one at most.")
    input_files: Dynamic[dict[str, Text | None]] | None = Field(None, description="Files to make in the working directory: path → content or URI.")
    namespace_files: Dynamic[bool] | NamespaceFiles | None = Field(
        None, description="The namespace's files are there, as the commit's; this puts them into a folder for each namespace, too."
    )

    def run(self, work: Work) -> Outcome:
        """Files in, build, names, upload."""
        from runners.engine import Engine, EngineError
        from runners.images import Images, Recipe

        put_namespaces(work, self.namespace_files)
        put_inputs(work, self.input_files or {})
        path, text = self._dockerfile(work)
        if len(self.platforms or ()) > 1:
            raise Unusable("platforms: this builds for one platform at a time")
        arguments, labels = self.build_args or {}, self.labels or {}
        platform = next(iter(self.platforms or ()), None)
        recipe = Recipe(work.directory, path, text, self.tags[0].strip(), arguments, labels, platform, self.pull, not self.no_cache)
        logins, engine = {tag: self.login(tag.strip()) for tag in self.tags}, Engine()
        images = Images(engine, lambda line: work.log("INFO", line))
        try:
            id = images.build(recipe, [auth for auth in logins.values() if auth])
            for tag in self.tags[1:]:
                images.tag(id, tag.strip())
            for tag in self.tags if self.push else ():
                images.push(tag.strip(), logins[tag])
        except EngineError as problem:
            return Outcome.failed(f"the image {recipe.tag} can't be built: {problem}")
        finally:
            engine.close()
        return Outcome(Result.SUCCESS, outputs={"imageId": id})

    def _dockerfile(self, work: Work) -> tuple[str, str | None]:
        """Its path, and its text where that stands in the flow."""
        if "\n" in self.dockerfile.strip() or _WRITTEN_OUT.match(self.dockerfile):
            return "", self.dockerfile
        path = self.dockerfile.strip()
        file = inside(work.directory, path)
        if not file.is_file() or file.is_symlink():
            raise Unusable(f"dockerfile: there is no file {path!r} in the working directory")
        return path, None
