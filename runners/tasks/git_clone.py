"""A Git repository in the working directory."""

from __future__ import annotations

import os
import re
import shlex
import socket
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from runners.egress import Barred, Unknown, checked
from runners.fields import Dynamic, Positive, Text
from runners.git import Address, GitTask, a_name, address_of
from runners.options.process import Process
from runners.protocol import Egress, Outcome, Result, Unusable
from runners.task import Command, Exit, Work
from runners.workspace import OWN

#: Cloned beside its place and moved there whole, so that a clone that was cut off is none. What stands in the folder already stays, where the
#: repository has no file of that name: a working directory begins with the files of the flow's own commit.
_SCRIPT = """set -e
trap 'rm -rf "$FRESH" "$KEY" "$ASK"' EXIT
command -v git >/dev/null || { echo "fatal: git is not installed on this runner" >&2; exit 1; }
if [ -e "$TARGET/.git" ]; then echo "fatal: there is a clone in this directory already; name another one in directory" >&2; exit 1; fi
if [ -f "$ASK" ]; then chmod 700 "$ASK"; fi
rm -rf "$FRESH"
git clone --quiet --no-checkout "$@" -- "$URL" "$FRESH"
if [ -n "$COMMIT" ] && ! git -C "$FRESH" cat-file -e "$COMMIT^{commit}" 2>/dev/null; then
    git -C "$FRESH" fetch --quiet --depth 1 origin "$COMMIT" 2>/dev/null ||
    git -C "$FRESH" fetch --quiet --unshallow origin '+refs/heads/*:refs/remotes/origin/*' ||
    git -C "$FRESH" fetch --quiet origin '+refs/heads/*:refs/remotes/origin/*'
    git -C "$FRESH" cat-file -e "$COMMIT^{commit}" 2>/dev/null || { echo "fatal: the repository has no commit $COMMIT" >&2; exit 1; }
fi
if [ -n "$COMMIT" ]; then git -C "$FRESH" update-ref --no-deref HEAD "$COMMIT^{commit}"; fi
mv "$FRESH/.git" "$TARGET/.git"
git -C "$TARGET" reset --quiet --hard
if [ -n "$SUBMODULES" ]; then git -C "$TARGET" submodule --quiet update --init --recursive; fi
git -C "$TARGET" log -1 --format='::commit %H'
"""
_ASK = '#!/bin/sh\nprintf "%s\\n" "$HEADGATE_GIT_PASSPHRASE"\n'
_HINTS = (
    ("could not read Username", "the host wants a user name and password (or there is no such repository): set username and password"),
    ("Authentication failed", "the host does not take this user name and password"),
    ("Permission denied (publickey", "the host does not take this private key"),
    ("ssh: not found", "there is no ssh on this runner; use an https address"),
)


class Clone(GitTask):
    """Clones a repository into the working directory, for the tasks that share it (`WorkingDirectory`). Most flows need none: the files of the commit that
    they run at are there already.
    """

    TYPE = "io.kestra.plugin.git.Clone"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.git.Clone",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {"directory": "The path of the clone."}

    url: Dynamic[Text] = Field(description="The repository's address: https://host/path, ssh://user@host/path or user@host:path.")
    directory: Dynamic[Text] | None = Field(None, description="The folder of the clone, in the working directory; that itself when absent.")
    depth: Dynamic[Positive] | None = Field(1, description="How many commits of the history come along; all when null.")
    commit: Dynamic[Text] | None = Field(None, description="Check out this commit.")
    tag: Dynamic[Text] | None = Field(None, description="Check out this tag.")
    clone_submodules: Dynamic[bool] | None = Field(None, description="Also clone the submodules. They get no credentials of another host.")
    clone_all_branches: Dynamic[bool] | None = Field(None, description="Bring all branches, not only the one that is checked out.")
    no_tags: Dynamic[bool] | None = Field(None, description="Bring no tags.")

    def run(self, work: Work) -> Outcome:
        """Clones with the real git, as a process of the runner's host."""
        address, name = address_of(self.url), _inside(work, self.directory)
        target = work.folder(name) if name else work.directory
        arguments, env = self._arguments(), self._environment(work, address, target)
        work.log("INFO", f"Cloning {address.url}")
        self._reach(address, env, work.job.egress)
        said = deque[str](maxlen=200)
        command = Command(("/bin/sh", "-c", _SCRIPT, "sh", *arguments), env=env, runner={"type": Process.TYPE})
        exit = work.execute(command, lambda _, lines: said.extend(lines))
        for line in said:
            if not line.startswith(("::commit ", "fatal: ")):
                work.log("INFO", line)
        if exit.reason or exit.code:
            return _failed(exit, list(said))
        work.log("INFO", f"Checked out {next((line.split()[1] for line in said if line.startswith('::commit ')), 'the repository')}")
        return Outcome(Result.SUCCESS, exit_code=0, outputs={"directory": str(target)})

    def _arguments(self) -> list[str]:
        if self.commit is not None and self.commit.strip() and not re.fullmatch(r"[0-9a-fA-F]{4,64}", self.commit.strip()):
            raise Unusable(f"commit: {self.commit[:100]!r} is not a commit's id")
        branch, tag = a_name(self.branch, "branch"), a_name(self.tag, "tag")
        arguments = [f"--branch={name}" for name in (tag or branch,) if name]
        arguments += [f"--depth={self.depth}"] if self.depth else []
        arguments += ["--no-single-branch" if self.clone_all_branches else "--single-branch"]
        return [*arguments, *(["--no-tags"] if self.no_tags and not tag else [])]

    def _environment(self, work: Work, address: Address, target: Path) -> dict[str, str]:
        own = f"{OWN}clone-{work.job.lease.key}"
        key, ask = (str(work.directory / f"{own}.{part}") for part in ("key", "ask"))
        env = {
            **self.environment(address),
            "URL": address.url,
            "TARGET": str(target),
            "FRESH": str(work.directory / own),
            "COMMIT": (self.commit or "").strip(),
            "SUBMODULES": "yes" if self.clone_submodules else "",
            "KEY": key,
            "ASK": ask,
        }
        if address.scheme != "ssh":
            return env
        patience = max(1, self.connect_timeout // 1000)
        options = f"-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout={patience}"
        if self.private_key:
            work.write(f"{own}.key", self.private_key.strip() + "\n")
            options += f" -o IdentitiesOnly=yes -i {shlex.quote(key)}"
        if self.passphrase:
            work.write(f"{own}.ask", _ASK)
            env |= {"SSH_ASKPASS": ask, "SSH_ASKPASS_REQUIRE": "force", "HEADGATE_GIT_PASSPHRASE": self.passphrase}
        return {**env, "GIT_SSH_COMMAND": f"ssh {options}" if self.passphrase else f"ssh -o BatchMode=yes {options}"}

    def _reach(self, address: Address, env: Mapping[str, str], egress: Egress) -> None:
        """Whether somebody listens there, and may be asked: git itself would wait for minutes. A proxy is left to git. Git that is served by the service
        itself may be read."""
        try:
            checked(address.host, address.port, replace(egress, own_port=None))
        except (Barred, Unknown) as problem:
            raise Unusable(f"url: {problem}") from problem
        if any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in env):
            return
        try:
            socket.create_connection((address.host, address.port), timeout=max(self.connect_timeout, 1) / 1000).close()
        except OSError as problem:
            why = "it took too long" if isinstance(problem, TimeoutError) else problem.strerror or str(problem)
            raise Unusable(f"{address.host}:{address.port} can't be reached: {why}") from problem


def _inside(work: Work, directory: str | None) -> str:
    """The folder's name below the working directory; "" for that itself."""
    plain = os.path.normpath((directory or "").strip() or ".")
    if plain == str(work.directory) or plain.startswith(f"{work.directory}/"):
        plain = os.path.relpath(plain, work.directory)
    if plain.startswith(("/", "..")):
        raise Unusable(f"directory: {directory!r} is not a path inside the working directory")
    return "" if plain == "." else plain


def _failed(exit: Exit, said: Sequence[str]) -> Outcome:
    if exit.reason in ("killed", "lost", "handed"):
        return Outcome(Result(exit.reason.upper()), exit.message)
    if exit.reason:
        return Outcome.failed(exit.message or exit.reason)
    fatal = [line.removeprefix("fatal: ") for line in said if line.startswith(("fatal: ", "ssh: "))] or said[-1:] or [f"git ended with exit code {exit.code}"]
    hint = next((hint for sign, hint in _HINTS if any(sign in line for line in said)), None)
    return Outcome.failed(f"the repository can't be cloned: {hint or '; '.join(fatal)}", exit_code=exit.code)
