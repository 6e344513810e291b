"""What the tasks share that have to do with container images. The daemon's library is theirs to import, when they run."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from runners.fields import Dynamic, Text, not_yet
from runners.logins import login
from runners.options.docker import Credentials
from runners.protocol import Unusable
from runners.task import RunnerTask


class ImageTask(RunnerTask):
    """Properties of the tasks that have to do with images."""

    #: The daemon may be silent for as long as it likes.
    APART: ClassVar[bool] = True

    host: Any = Field(None, description="Not run yet: the runner's own daemon is used.")
    config: Dynamic[dict[str, Any]] | Text | None = Field(None, description="A Docker config.json, as text or map, with logins.")
    credentials: Credentials | None = Field(None, description="Login for the registry.")

    @field_validator("host")
    @classmethod
    def _no_host(cls, value: Any) -> Any:
        if value:
            raise not_yet("host")
        return value

    def login(self, image: str) -> dict[str, Any] | None:
        """The login for an image's registry; raises Unusable."""
        try:
            return login(image, self.credentials, self.config)
        except ValueError as problem:
            raise Unusable(str(problem)) from problem
