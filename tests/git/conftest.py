from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

from service.git import serve
from service.git.helper import Helper
from service.git.hooks import HookAnswer, HookServer
from service.git.host import Host
from service.git.repository import Git
from tests.git.world import Raw, Site, serving


@pytest.fixture(scope="session")
def helper() -> Iterator[Helper]:
    serve.neutral()
    pygit2.settings.enable_fsync_gitdir(False)  # what the tests themselves write may be lost
    helper = Helper()
    yield helper
    helper.close()


@pytest.fixture
def git(tmp_path: Path, helper: Helper) -> Git:
    return Git(tmp_path / "repositories", helper)


@pytest.fixture
def bare(git: Git) -> Path:
    """An empty bare repository named `demo`."""
    return git.create("demo")


@pytest.fixture
def raw(bare: Path) -> Raw:
    return Raw(bare)


class Ear:
    """A hook handler that remembers what it was told, and answers what it is told to."""

    def __init__(self) -> None:
        self.pushes: list[tuple] = []
        self.answers = {"pre-receive": HookAnswer(), "post-receive": HookAnswer()}
        self.before = lambda hook, repository, updates, quarantine: None

    def __call__(self, hook, repository, updates, quarantine, options) -> HookAnswer:
        self.pushes.append((hook, repository, updates, options))
        return self.before(hook, repository, updates, quarantine) or self.answers[hook]


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def hooks(git: Git, ear: Ear) -> Iterator[HookServer]:
    with HookServer(git.root, ear) as server:
        yield server


@pytest.fixture(scope="session")
def server() -> Iterator[Site]:
    """One HTTP server for all tests; `site` moves it from one test's repositories to the next one's."""
    with serving(Site()) as server:
        yield server


@pytest.fixture
def site(server: Site, git: Git, bare: Path, hooks: HookServer) -> Site:
    """The host over HTTP, with the repository `demo`."""
    return server.at(git.root, lambda: Host(git.root, lambda: hooks.socket))
