"""Images of a Docker daemon: built, pulled, named and pushed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker.auth import AuthConfig
from docker.utils import tar

from runners.engine import Engine, EngineError
from runners.workspace import OWN

#: A Dockerfile that stands in the flow is called so in the build.
INLINE = f"{OWN}dockerfile"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to build an image of: `text` in place of a Dockerfile at `path`, in a folder whose files the build may use."""

    folder: Path
    path: str
    text: str | None
    tag: str
    arguments: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    platform: str | None = None
    pull: bool = False
    cached: bool = True


class Images:
    """The images of the runner's daemon. `say` gets each line that the daemon tells. All raise EngineError."""

    def __init__(self, engine: Engine, say: Callable[[str], None]) -> None:
        self._engine = engine
        self._say = say

    def pull(self, image: str, auth: Mapping[str, Any] | None, platform: str | None = None) -> str:
        """Downloads an image; its id."""
        self._tell(lambda: self._engine.api.pull(image, stream=True, decode=True, auth_config=dict(auth) if auth else None, platform=platform))
        return self._id(image)

    def build(self, recipe: Recipe, logins: Sequence[Mapping[str, Any]]) -> str:
        """Builds an image; its id."""
        api, text = self._engine.api, recipe.text
        # The SDK knows no other way to give a build its logins than the configuration that it has read.
        vars(api)["_auth_configs"] = AuthConfig({"auths": {str(one["serveraddress"]): dict(one) for one in logins}})
        name = INLINE if text is not None else recipe.path
        packed: Any = tar(recipe.folder, exclude=_excluded(recipe.folder), dockerfile=(name, text))
        with packed as context:
            self._tell(
                lambda: api.build(
                    fileobj=context,
                    custom_context=True,
                    dockerfile=name,
                    tag=recipe.tag,
                    buildargs=dict(recipe.arguments),
                    labels=dict(recipe.labels),
                    platform=recipe.platform,
                    pull=recipe.pull,
                    nocache=not recipe.cached,
                    rm=True,
                    forcerm=True,
                    decode=True,
                )
            )
        return self._id(recipe.tag)

    def tag(self, image: str, name: str) -> None:
        """Gives an image another name."""
        repository, tag = _named(name)
        self._tell(lambda: () if self._engine.api.tag(image, repository, tag) else ({"error": f"the image can't be named {name}"},))

    def push(self, name: str, auth: Mapping[str, Any] | None) -> None:
        """Uploads an image."""
        repository, tag = _named(name)
        self._tell(lambda: self._engine.api.push(repository, tag=tag, stream=True, decode=True, auth_config=dict(auth) if auth else None))

    def _id(self, image: str) -> str:
        known = self._engine.image(image)
        if known is None:
            raise EngineError(f"the image {image} is not here, although the daemon says that it is done")
        return str(known["Id"])

    def _tell(self, call: Callable[[], Any]) -> None:
        for event in self._engine.events(call):
            # What has progress is told again and again.
            text = str(event.get("stream") or ("" if event.get("progressDetail") else event.get("status") or ""))
            for line in text.splitlines():
                if line.strip():
                    self._say(f"{event['id']}: {line}" if "id" in event and "stream" not in event else line.rstrip())


def _named(name: str) -> tuple[str, str]:
    """Repository and tag of an image's name."""
    head, _, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return f"{head}/{last}" if head else last, tag or "latest"


def _excluded(folder: Path) -> list[str]:
    """What `.dockerignore` leaves out, and files of ours."""
    ignore = folder / ".dockerignore"
    lines = ignore.read_text("utf-8", "replace").splitlines() if ignore.is_file() and not ignore.is_symlink() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")] + [f"{OWN}*"]
