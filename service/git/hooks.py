"""The server's end of the hook scripts: a unix socket with threads of its own, so that a push needs no event loop of ours.

One connection is one hook of one push: a line of JSON in, lines of JSON out, the last of them the verdict. Only the
user who runs the service can open the socket (its folder has mode 0700), so it asks for no password. The socket lies
in a short temporary folder: its path may have 107 bytes. Where it lies stands in a file beside the scripts.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import shutil
import socket
import socketserver
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from service.git import hook, layout

HOOKS = ("pre-receive", "post-receive")
LARGEST_REQUEST = 64 * 1024 * 1024
LONGEST_LINE = 2000
_SOCKET = "socket"
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_LOG = logging.getLogger(__name__)

Update = tuple[str, str, str]  # old commit, new commit, ref; forty zeros stand for none


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """`ok` False refuses the push (pre-receive only). `lines` go to the person who pushes, each as soon as it is there."""

    ok: bool = True
    lines: Iterable[str] = field(default=())


Handler = Callable[[str, str, list[Update], Path | None, list[str]], HookAnswer]


class HookServer:
    """Listens from `start` to `close`; calls `handler(hook, repository, updates, quarantine, options)` in a thread per push.

    A handler that raises is logged, and the push is taken: what a push says can be read again from the repository.
    """

    def __init__(self, root: Path, handler: Handler) -> None:
        self._root = root.resolve()
        self._handler = handler
        self._server: _Server | None = None
        self._folder: Path | None = None

    @property
    def socket(self) -> Path | None:
        """Where it listens."""
        return self._folder / "s" if self._folder is not None else None

    def start(self) -> None:
        """Installs the scripts, makes the socket and begins to answer."""
        hooks = install(self._root)
        _remove_stale(hooks / _SOCKET)
        self._folder = Path(tempfile.mkdtemp(prefix="headgate-", dir=_short_folder()))
        address = self._folder / "s"
        self._server = _Server(str(address), self._answer)
        layout.replace(hooks / _SOCKET, f"{address}\n")
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="hooks", daemon=True).start()

    def close(self) -> None:
        """Stops listening; a push that is being answered is answered to its end."""
        if self._server is not None and self._folder is not None:
            (self._root / layout.HOOKS / _SOCKET).unlink(missing_ok=True)
            self._server.shutdown()
            self._server.server_close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._server = self._folder = None

    def __enter__(self) -> HookServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _answer(self, push: dict[str, Any]) -> HookAnswer:
        place = Path(push["repository"]).resolve()
        if place.parent != self._root or place.suffix != ".git" or push["hook"] not in HOOKS:
            raise ValueError("a hook of a repository that is not ours")
        updates: list[Update] = [(old, new, ref) for old, new, ref in push["updates"]]
        quarantine = Path(push["quarantine"]) if push["quarantine"] else None
        return self._handler(push["hook"], place.name.removesuffix(".git"), updates, quarantine, [str(option) for option in push["options"]])


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: str, answer: Callable[[dict[str, Any]], HookAnswer]) -> None:
        self.answer = answer
        super().__init__(address, _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Logged here; the script hears no verdict, and takes the push."""
        if not isinstance(sys.exc_info()[1], BrokenPipeError):
            _LOG.exception("a hook could not be answered")


class _Connection(socketserver.StreamRequestHandler):
    timeout = 60.0

    def handle(self) -> None:
        line = self.rfile.readline(LARGEST_REQUEST)
        if not line.endswith(b"\n"):
            return
        assert isinstance(self.server, _Server)
        answer = self.server.answer(json.loads(line))
        for text in answer.lines:
            for part in text.split("\n"):
                self._say({"line": _CONTROL.sub(_escaped, part)[:LONGEST_LINE]})
        self._say({"ok": answer.ok})

    def _say(self, answer: dict[str, Any]) -> None:
        self.wfile.write(json.dumps(answer).encode() + b"\n")


def _escaped(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"


def install(root: Path) -> Path:
    """Writes the scripts of all repositories under `root`; gives their folder. They find this Python by its full path."""
    hooks = root / layout.HOOKS
    hooks.mkdir(parents=True, exist_ok=True)
    for name in HOOKS:
        command = [sys.executable, "-I", "-S", hook.__file__, name, str(hooks)]
        python, _, _, script, *_ = (shlex.quote(part) for part in command)
        text = (
            "#!/bin/sh\n"
            "# Written by Headgate at its start.\n"
            f"if [ -x {python} ] && [ -f {script} ]; then exec {shlex.join(command)}; fi\n"
            "cat >/dev/null\n"
            "echo 'Headgate is not at its place: the push is taken, and will be synced when it starts.'\n"
        )
        path = hooks / name
        if not path.exists() or path.read_text("utf-8") != text:
            layout.replace(path, text)
        path.chmod(0o700)
    return hooks


def _remove_stale(file: Path) -> None:
    """Takes away the socket folder of a server that was killed."""
    with suppress(OSError):
        folder = Path(file.read_text("utf-8").strip()).parent
        mine = folder.name.startswith("headgate-") and folder.stat().st_uid == os.getuid()
        if mine and not _alive(folder / "s"):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(address)) == 0


def _short_folder() -> str:
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) < 70 else "/tmp"
