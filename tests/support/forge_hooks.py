"""Webhooks in GitHub's form: payloads, signatures, sending."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2

from tests.support.repo import ZERO, git


@dataclass(frozen=True)
class Hook:
    """Where deliveries of a repository go."""

    id: int
    url: str
    secret: str
    form: bool = False


@dataclass(frozen=True)
class Delivery:
    """One webhook, ready to be sent any number of times."""

    id: str
    event: str
    hook: Hook
    headers: Mapping[str, str]
    body: bytes


def signed(hook: Hook, event: str, payload: Mapping[str, Any], secret: str | None = None) -> Delivery:
    """A new delivery, signed with the hook's secret or another one."""
    text = json.dumps(payload)
    body = urlencode({"payload": text}).encode() if hook.form else text.encode()
    key = (hook.secret if secret is None else secret).encode()
    identity = str(uuid.uuid4())
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/x-www-form-urlencoded" if hook.form else "application/json",
        "User-Agent": "GitHub-Hookshot/7f3a2b1",
        "X-GitHub-Delivery": identity,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-Hub-Signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
    }
    return Delivery(identity, event, hook, headers, body)


def post(delivery: Delivery) -> int:
    """The status of the answer; 0 where nobody answered within GitHub's ten seconds."""
    try:
        return httpx2.post(delivery.hook.url, content=delivery.body, headers=delivery.headers, timeout=10.0, trust_env=False).status_code
    except httpx2.TransportError:
        return 0


def push_payload(bare: Path, repository: Mapping[str, Any], ref: str, before: str, after: str) -> dict[str, Any]:
    """What a push event says."""
    commits = _commits(bare, before, after)
    return {
        "ref": ref,
        "before": before,
        "after": after,
        "created": before == ZERO,
        "deleted": after == ZERO,
        "forced": ZERO not in (before, after) and git("merge-base", "--is-ancestor", before, after, cwd=bare, check=False).returncode != 0,
        "base_ref": None,
        "compare": f"{repository['html_url']}/compare/{before[:12]}...{after[:12]}",
        "commits": commits,
        "head_commit": commits[-1] if commits else None,
        "repository": repository,
        "pusher": {"name": "ada", "email": "ada@example.com"},
        "sender": {"login": "ada", "id": 583231, "type": "User"},
    }


def _commits(bare: Path, before: str, after: str) -> list[dict[str, Any]]:
    if after == ZERO:
        return []
    shown = git("log", "--reverse", "--max-count=20", "--format=%H%x00%cI%x00%s", after if before == ZERO else f"{before}..{after}", cwd=bare).stdout
    found = [line.split("\0") for line in shown.splitlines()]
    return [{"id": sha, "timestamp": date, "message": subject, "distinct": True} for sha, date, subject in found]
