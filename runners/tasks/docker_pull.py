"""An image, downloaded ahead of the tasks that need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.image_task import ImageTask
from runners.protocol import Outcome, Result, Unusable
from runners.task import Work


class Pull(ImageTask):
    """Downloads an image to the daemon of the runner that does this task."""

    TYPE = "io.kestra.plugin.docker.Pull"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"imageId": "The image's id."}

    image: Dynamic[Text] = Field(description="The image: its name, and its tag or digest.")
    platform: Dynamic[Text] | None = Field(None, description="The platform, like linux/arm64; the daemon's own when absent.")

    def run(self, work: Work) -> Outcome:
        """Asks the daemon, and tells what it says."""
        from runners.engine import Engine, EngineError
        from runners.images import Images

        image = self.image.strip()
        if not image:
            raise Unusable("image is empty")
        auth, engine = self.login(image), Engine()
        try:
            id = Images(engine, lambda line: work.log("INFO", line)).pull(image, auth, self.platform)
        except EngineError as problem:
            return Outcome.failed(f"the image {image} can't be pulled: {problem}")
        finally:
            engine.close()
        return Outcome(Result.SUCCESS, outputs={"imageId": id})
