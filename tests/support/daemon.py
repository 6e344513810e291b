"""The Docker daemon that DOCKER_HOST names, or the usual one."""

from __future__ import annotations

import gc
import warnings

import docker
from docker.errors import DockerException

from tests.require import need


def connected() -> docker.APIClient | str:
    """A client, to be closed; or what keeps us from the daemon."""
    try:
        return docker.from_env(timeout=30).api
    except DockerException as problem:
        told = str(problem)
    # When nobody answers, the SDK forgets its socket; here that must not become a failure of some later test.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return told


def needed() -> docker.APIClient:
    """A client, to be closed; without a daemon the test that calls it ends."""
    client = connected()
    if isinstance(client, str):
        need("docker", f"no Docker daemon answers ({client})")
    return client
