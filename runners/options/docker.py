"""Containers of a Docker daemon."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from runners.fields import Dynamic, Integer, Length, Model, Number, Text, Typed, wrong

#: A size: a number and its unit, if any.
SIZE = re.compile(r"(-?\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?")

#: A port inside, which one of the host leads to: as `docker run --publish` takes it, without ranges inside.
PORT = re.compile(
    r"(?:(?:(?P<address>\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):)?(?P<outside>\d{1,5}(?:-\d{1,5})?)?:)?(?P<inside>\d{1,5})(?:/(?P<protocol>tcp|udp|sctp))?"
)


def _is_size(text: str) -> str:
    if not SIZE.fullmatch(text.strip().lower()):
        raise wrong("size", "not a size", "for example 512MB or 2g")
    return text


def _is_port(text: str) -> str:
    if not PORT.fullmatch(text):
        raise wrong("port", "not a port binding", "for example 8080:80 or 127.0.0.1:8080:80/tcp")
    return text


_Size = Annotated[Text, AfterValidator(_is_size)]
_Port = Annotated[Text, AfterValidator(_is_port)]
_NOT_YET = PydanticCustomError("not_yet", "it is part of the language, but this version does not run it yet")


class Credentials(Model):
    """How to log in to a registry."""

    registry: Dynamic[Text] | None = Field(None, description="The registry's address.")
    username: Dynamic[Text] | None = Field(None, description="The user's name.")
    password: Dynamic[Text] | None = Field(None, description="The password; best a secret.")
    registry_token: Dynamic[Text] | None = Field(None, description="A token of the registry, in the place of a password.")
    identity_token: Dynamic[Text] | None = Field(None, description="A token that the registry gave for the user.")
    auth: Dynamic[Text] | None = Field(None, description="User and password as Docker's configuration has them, in base64.")


class Cpu(Model):
    """How much of the processors."""

    cpus: Dynamic[Annotated[Number, Field(gt=0)]] | None = Field(None, description="In processors; 0.5 is half of one.")


class Memory(Model):
    """How much memory; sizes like 512MB or 2g."""

    memory: Dynamic[_Size] | None = Field(None, description="The most that it may take.")
    memory_swap: Dynamic[_Size] | None = Field(None, description="Memory and swap together; -1 for no limit.")
    memory_swappiness: Dynamic[Annotated[Integer, Field(ge=0, le=100)]] | None = Field(None, description="How readily memory is swapped out, 0 to 100.")
    memory_reservation: Dynamic[_Size] | None = Field(None, description="What it is held to while the host is short of memory.")
    kernel_memory: Dynamic[_Size] | None = Field(None, description="The most that the kernel may take for it.")
    oom_kill_disable: Dynamic[bool] | None = Field(None, description="It is not killed for want of memory.")


class DeviceRequest(Model):
    """Devices that a driver of the daemon gives, as GPUs."""

    driver: Dynamic[Text] | None = Field(None, description="The driver, for example nvidia.")
    count: Dynamic[Integer] | None = Field(None, description="How many; -1 for all.")
    device_ids: Dynamic[list[Text]] | None = Field(None, description="Which ones, in the place of a count.")
    capabilities: Dynamic[list[list[Text]]] | None = Field(None, description="Lists of what is needed together, for example [[gpu]].")
    options: Dynamic[dict[str, Text]] | None = Field(None, description="The driver's own options.")


class Container(Model):
    """What may be said of a container, wherever one is run."""

    pull_policy: Dynamic[Literal["IF_NOT_PRESENT", "ALWAYS", "NEVER"]] = Field("IF_NOT_PRESENT", description="When the image is downloaded.")
    user: Dynamic[Text] | None = Field(None, description="User, or user:group; the image's own by default.")
    entry_point: Dynamic[list[Text]] | None = Field(None, description="Replaces the image's entry point; an empty list leaves it as it is.")
    extra_hosts: Dynamic[list[Text]] | None = Field(None, description="Further lines of /etc/hosts, each as name:address.")
    network_mode: Dynamic[Text] | None = Field(None, description="bridge (default), none, or a network's name.")
    cpu: Cpu | None = Field(None, description="How much of the processors.")
    memory: Memory | None = Field(None, description="How much memory.")
    shm_size: Dynamic[_Size] | None = Field(None, description="Size of /dev/shm.")
    credentials: Credentials | None = Field(None, description="Login for the image's registry.")
    config: Dynamic[dict[str, Any]] | Text | None = Field(None, description="A Docker config.json, as text or map, with logins.")
    kill_grace_period: Dynamic[Length] | None = Field(None, description="Time between SIGTERM and SIGKILL.")
    privileged: Dynamic[bool] = Field(False, description="All rights on the host. Refused unless this runner allows it.")
    volumes: Dynamic[list[Text]] | None = Field(None, description="Folders of the host to mount. Refused unless this runner allows it.")
    file_handling_strategy: Dynamic[Literal["VOLUME", "MOUNT"]] = Field("VOLUME", description="How files get in and out; without effect.")
    resume: Dynamic[bool] = Field(True, description="A restarted runner goes on with the container. If not, it ends it, and the attempt is lost.")
    delete: Dynamic[bool] = Field(True, description="The container is removed afterwards. If not, it stays, ended, until somebody removes it.")
    wait: Dynamic[bool] = Field(
        True, description="The task ends with the container. If not, it ends when that has begun: the container runs on, and nobody stops it."
    )
    host: Any = Field(None, description="Not run yet: the runner's own daemon is used.")
    port_bindings: Dynamic[list[Dynamic[_Port]]] | None = Field(None, description="Ports of the host that lead to the container's, each as 8080:80.")
    device_requests: list[DeviceRequest] | None = Field(None, description="Devices, as GPUs. Refused unless this runner allows it.")

    @field_validator("host")
    @classmethod
    def _not_yet(cls, value: Any) -> Any:
        if value:
            raise _NOT_YET
        return value


class Docker(Container, Typed):
    """Runs the commands in a container. The image's entry point is left out, where none is named."""

    TYPE = "io.kestra.plugin.scripts.runner.docker.Docker"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.scripts.runner.docker.DockerTaskRunner",)

    version: str | None = Field(None, description="The version of the plugin.")
    image: Dynamic[Text] | None = Field(None, description="The image; the task's containerImage goes first.")
