"""A work tree around the real git program, for tests: `Repo(path).write(name, text).commit("why").push(url)`.

Nothing of the user's or the machine's configuration, credentials or proxies is seen.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: What a git process of ours gets as its environment.
GIT_ENV: Mapping[str, str] = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}

ZERO = "0" * 40


class GitFailed(AssertionError):
    """The git program ended with an error; the message is what it said."""


def git(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs git and waits. Raises GitFailed unless `check` is off."""
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, env={**GIT_ENV, **(env or {})}, capture_output=True, text=True, errors="replace", timeout=60, check=False
    )
    if check and done.returncode:
        raise GitFailed(f"git {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done


@dataclass(frozen=True)
class Pushed:
    """How a push ended. `remote` holds the lines that the other side printed, without `remote: ` and trailing blanks."""

    ok: bool
    stderr: str

    @property
    def remote(self) -> tuple[str, ...]:
        return tuple(line.removeprefix("remote:").strip() for line in self.stderr.splitlines() if line.startswith("remote:"))


class Repo:
    """A work tree with one branch, `main`, until told otherwise. Steps give the repo back, so that they can be chained."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / ".git").exists():
            path.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", "--initial-branch=main")

    @classmethod
    def clone(cls, url: str, path: Path) -> Repo:
        """A clone of another repository."""
        path.parent.mkdir(parents=True, exist_ok=True)
        git("clone", "--quiet", url, str(path), cwd=path.parent)
        return cls(path)

    def git(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """What git printed, without the last newline."""
        return git(*arguments, cwd=self.path, env=env).stdout.rstrip("\n")

    def write(self, name: str, content: str | bytes, executable: bool = False) -> Repo:
        """Puts a file into the work tree."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(0o755 if executable else 0o644)
        return self

    def link(self, name: str, to: str) -> Repo:
        """Puts a symbolic link into the work tree."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(to)
        return self

    def remove(self, name: str) -> Repo:
        """Takes a file out of the work tree."""
        (self.path / name).unlink()
        return self

    def move(self, old: str, new: str) -> Repo:
        """Renames a file."""
        (self.path / new).parent.mkdir(parents=True, exist_ok=True)
        (self.path / old).rename(self.path / new)
        return self

    def commit(self, message: str = "change", date: str | None = None, amend: bool = False) -> Repo:
        """Commits all there is, also if nothing has changed. `date` as git reads it."""
        self.git("add", "--all")
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if date else None
        self.git("commit", "--quiet", "--allow-empty", *(["--amend"] if amend else []), "-m", message, env=dates)
        return self

    def branch(self, name: str, at: str = "HEAD") -> Repo:
        """Makes a branch, or moves it, and goes there."""
        self.git("checkout", "--quiet", "-B", name, at)
        return self

    def checkout(self, name: str) -> Repo:
        """Goes to a branch or commit."""
        self.git("checkout", "--quiet", name)
        return self

    def merge(self, name: str, message: str = "merge") -> Repo:
        """Merges a branch with a commit of its own."""
        self.git("merge", "--quiet", "--no-ff", "-m", message, name)
        return self

    def tag(self, name: str, message: str | None = None) -> Repo:
        """Tags the commit; with a message as an object of its own."""
        self.git("tag", *(["-a", "-m", message] if message else []), name)
        return self

    def reset(self, to: str) -> Repo:
        """Throws away what came after a commit."""
        self.git("reset", "--quiet", "--hard", to)
        return self

    @property
    def head(self) -> str:
        """The commit that we are at."""
        return self.sha("HEAD")

    def sha(self, name: str) -> str:
        """The commit behind a name."""
        return self.git("rev-parse", "--verify", f"{name}^{{commit}}")

    def push(self, url: str, branch: str = "main", *, force: bool = False, options: tuple[str, ...] = ()) -> Pushed:
        """Pushes HEAD to a branch."""
        return self.push_refs(url, f"HEAD:refs/heads/{branch}", force=force, options=options)

    def push_refs(self, url: str, *refspecs: str, force: bool = False, options: tuple[str, ...] = ()) -> Pushed:
        """Pushes what the refspecs say (`:refs/heads/x` deletes). A refusal by the other side is a value, not an error."""
        flags = [*(["--force"] if force else []), *(f"--push-option={option}" for option in options)]
        done = git("push", *flags, url, *refspecs, cwd=self.path, check=False)
        return Pushed(done.returncode == 0, done.stderr)


def remote_refs(url: str, cwd: Path) -> dict[str, str]:
    """Every ref that a repository offers, with what it points at."""
    lines = git("ls-remote", url, cwd=cwd).stdout.splitlines()
    return {name: sha for sha, _, name in (line.partition("\t") for line in lines)}
