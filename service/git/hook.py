"""The hook script: hands a push to the server over a unix socket and prints what it says.

Run by Git as `python -I -S hook.py pre-receive|post-receive HOOKS_FOLDER`, so it knows the standard library alone. Lines
that it prints reach the person who pushes as `remote: …`. It never blocks a push for ever: when the server is not there,
or is silent for too long, the push is taken, and the sync at the next start picks it up.
"""

import json
import os
import socket
import sys
import time

PROTECTED = ("refs/headgate", "refs/notes/headgate")
#: Seconds without a line, and in all.
SILENCE, LONGEST = 30.0, 120.0
AWAY = "Headgate is not running: the push is taken, and will be synced when it starts."
SLOW = "Headgate did not answer in time: the push is taken, and will be synced."


def say(line: str) -> None:
    """One line for the person who pushes."""
    sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def address(hooks: str) -> str:
    """Where the server listens: the host says it, else the file that the server wrote beside the scripts."""
    named = os.environ.get("HEADGATE_HOOK_SOCKET")
    if named:
        return named
    with open(os.path.join(hooks, "socket"), encoding="utf-8") as file:
        return file.read().strip()


def options() -> list[str]:
    """What was given by `git push -o`."""
    count = os.environ.get("GIT_PUSH_OPTION_COUNT", "0")
    return [os.environ.get(f"GIT_PUSH_OPTION_{index}", "") for index in range(int(count) if count.isdigit() else 0)]


def ask(hook: str, hooks: str, updates: list[list[str]], silence: float = SILENCE) -> bool:
    """Hands the push over, prints the answer as it comes; False when it is refused. Raises OSError when nobody answers."""
    push = {"hook": hook, "repository": os.getcwd(), "updates": updates, "quarantine": os.environ.get("GIT_QUARANTINE_PATH"), "options": options()}
    until = time.monotonic() + LONGEST
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.settimeout(silence)
        server.connect(address(hooks))
        server.sendall(json.dumps(push).encode() + b"\n")
        with server.makefile("rb") as answers:
            for raw in answers:
                answer = json.loads(raw)
                if "ok" in answer:
                    return bool(answer["ok"])
                say(answer["line"])
                if time.monotonic() > until:
                    raise TimeoutError
    raise TimeoutError


def main(hook: str, hooks: str) -> int:
    """The exit code: 1 refuses the push, where the hook can."""
    lines = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").splitlines()
    updates = [line.split(" ", 2) for line in lines]
    if hook == "pre-receive":
        forbidden = [ref for _, _, ref in updates if ref in PROTECTED or ref.startswith(tuple(f"{name}/" for name in PROTECTED))]
        for ref in forbidden:
            say(f"{ref} is written by Headgate alone.")
        if forbidden:
            return 1
    try:
        return 0 if ask(hook, hooks, updates) else 1
    except (TimeoutError, ValueError, KeyError):
        say(SLOW)
    except OSError:
        if hook == "pre-receive":
            say(AWAY)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
