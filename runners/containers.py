"""What a container is made with, as the engine wants it: two profiles.

*Standard* is for work of people who may push: the image's user, a root that can be written to, the engine's own capabilities, so that flows run as
they did elsewhere. *Strict* is for what is not trusted: nothing of the host, nobody's rights, no network unless the runner allows that, little of
everything. In both privileges can't grow, and processes, memory and logs are bounded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from runners.backend import Launch, NotStarted
from runners.options.docker import PORT, SIZE, Docker, Memory

#: Processes and threads in one container.
PIDS, STRICT_PIDS = 4096, 256

#: Whom a container that is not trusted runs as, where its image names nobody with a number.
NOBODY = "65532:65532"

_MEMORY, _SHM, _CPUS, _FILES = 1 << 30, 64 << 20, 1.0, 1024
_SCRATCH = {"/tmp": "rw,exec,nosuid,nodev,size=256m,mode=1777"}  # noqa: S108 - inside the container

#: Tells the init process to pass signals on to the program's children too: a shell keeps them from what it runs.
_INIT = {"TINI_KILL_PROCESS_GROUP": "1"}

#: What stands behind `network_mode` for a network of the container's own.
_OWN = (None, "default", "bridge")


def check(launch: Launch, options: Docker, allow: frozenset[str]) -> None:
    """Raises NotStarted for what this runner does not allow, and for what nobody allows to work that is not trusted."""
    network = options.network_mode
    dangerous = {
        "privileged": options.privileged,
        "volumes": bool(options.volumes),
        "host network": (network or "").startswith(("host", "container:")),
        "device requests": bool(options.device_requests),
    }
    for name, wanted in dangerous.items():
        if wanted and (name.replace(" ", "_") not in allow or not launch.trusted):
            raise NotStarted(f"this runner does not allow {name} for containers; whoever runs it can" if launch.trusted else _untrusted(name))
    if launch.trusted:
        return
    limited = {
        "port bindings": bool(options.port_bindings),
        f"the network {network}": network not in (*_OWN, "none"),
        "wait: false": not options.wait,
        "delete: false": not options.delete,
    }
    for name, wanted in limited.items():
        if wanted:
            raise NotStarted(_untrusted(name))


def may_share(launch: Launch, options: Docker) -> bool:
    """Whether the container needs nothing of its own network that another's would not give it, and leaves nothing behind in it."""
    return bool(
        launch.execution
        and launch.trusted
        and options.wait
        and options.delete
        and options.network_mode is None
        and not (options.extra_hosts or options.port_bindings or options.privileged)
    )


def settings(launch: Launch, options: Docker, user: str, *, log_size: int, network: bool = False) -> dict[str, Any]:
    """For `Engine.create`. `user` is the image's, `log_size` in bytes; `network`: what is not trusted may have one."""
    host = {
        "init": True,
        "security_opt": ["no-new-privileges"],
        "pids_limit": PIDS,
        "log_config": {"type": "json-file", "config": {"max-size": f"{max(1, log_size >> 20)}m", "max-file": "2"}},
        "network_mode": options.network_mode,
        "extra_hosts": options.extra_hosts or None,
        "nano_cpus": int(options.cpu.cpus * 10**9) if options.cpu and options.cpu.cpus else None,
        **_memory(options),
        "privileged": options.privileged,
        "binds": options.volumes,
        "port_bindings": _bindings(options),
        "device_requests": [one.model_dump(exclude_none=True) for one in options.device_requests or ()] or None,
    }
    made = {
        "image": launch.image or options.image or launch.default_image,
        "command": list(launch.argv),
        "entrypoint": [""] if options.entry_point is None else options.entry_point or None,
        "environment": {**launch.env, **_INIT},
        "working_dir": str(launch.work),
        "user": options.user,
        "ports": [tuple(port.split("/")) for port in _bindings(options) or ()] or None,
    }
    if not launch.trusted:
        host |= _strict(host, network)
        # The root can't be written to: the files go into a volume of the container's own, which goes with it.
        made |= {"user": _somebody(options.user or user), "volumes": [str(launch.work.parent)], "environment": {"HOME": "/tmp", **launch.env, **_INIT}}  # noqa: S108
    return {**made, "host": {name: value for name, value in host.items() if value is not None}}


def _strict(host: Mapping[str, Any], network: bool) -> dict[str, Any]:
    """What is different for work that is not trusted. What it asks for counts where it is less."""
    memory = min(host["mem_limit"] or _MEMORY, _MEMORY)
    return {
        "cap_drop": ["ALL"],
        "read_only": True,
        "tmpfs": _SCRATCH,
        "pids_limit": STRICT_PIDS,
        "ulimits": [{"Name": "nofile", "Soft": _FILES, "Hard": _FILES}],
        "mem_limit": memory,
        "memswap_limit": memory,
        "mem_swappiness": None,
        "kernel_memory": None,
        "oom_kill_disable": None,
        "oom_score_adj": 500,
        "shm_size": min(host["shm_size"] or _SHM, _SHM),
        "nano_cpus": int(min((host["nano_cpus"] or math.inf) / 10**9, _CPUS) * 10**9),
        "ipc_mode": "private",
        "network_mode": "bridge" if network and host["network_mode"] in _OWN else "none",
        "privileged": None,
        "binds": None,
    }


def _memory(options: Docker) -> dict[str, Any]:
    memory = options.memory or Memory()
    return {
        "mem_limit": size(memory.memory),
        "memswap_limit": size(memory.memory_swap),
        "mem_swappiness": memory.memory_swappiness,
        "mem_reservation": size(memory.memory_reservation),
        "kernel_memory": size(memory.kernel_memory),
        "oom_kill_disable": bool(memory.oom_kill_disable),
        "shm_size": size(options.shm_size),
    }


def _bindings(options: Docker) -> dict[str, list[tuple[str, str | None]]] | None:
    """Ports inside, each with the addresses and ports of the host that lead to it."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    for text in options.port_bindings or ():
        parts = PORT.fullmatch(text)
        if parts:
            address = (parts["address"] or "").strip("[]")
            found.setdefault(f"{parts['inside']}/{parts['protocol'] or 'tcp'}", []).append((address, parts["outside"] or None))
    return found or None


def _somebody(user: str) -> str:
    """The user, if that is one by number and not root; a name could mean root inside."""
    own, _, group = user.partition(":")
    if not own.isdecimal() or int(own) == 0:
        return NOBODY
    return f"{int(own)}:{int(group) if group.isdecimal() and int(group) else int(own)}"


def _untrusted(name: str) -> str:
    return f"work that is not trusted may not have {name}"


def size(text: str | None) -> int | None:
    """Bytes of a size like 512MB, 2g, 1.5GiB; a unit is 1024 of the one before, as for the docker command."""
    if text is None:
        return None
    found = SIZE.fullmatch(text.strip().lower())
    if not found:
        raise NotStarted(f"{text!r} is not a size; write for example 512MB or 2g")
    return int(float(found[1]) * 1024 ** " kmgt".index(found[2] or " "))
