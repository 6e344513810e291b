"""Which text of a flow is live, decided from Git alone.

At a commit, every flow file *claims* an identity `(namespace, id)`. A claim that is alone and right wins. When the only claims are wrong, or several
files claim the same identity, nobody wins and the flow stays at the newest good text that was alone with that identity along the first-parent history
of the tip. With no claim left the flow is deleted. Because only the tip's history is asked, an incremental sync and a fresh one give the same answer.
The walk is bounded. A flow whose last good text lies further back than it goes stays what it is: nothing is deleted for being old.

A file whose own text does not tell its identity (it can't be read as YAML) is taken to mean the one it last had; such a *guess* never stands against a claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from service.flows.flow import Reading
from service.git.values import History, Step
from service.store.flows import File, Identity

Read = Callable[[str, str], Reading]  #: (path, blob) → reading


@dataclass(frozen=True, slots=True)
class Text:
    """A flow's text: the file it lies in and its blob."""

    path: str
    blob: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is live of an identity: a text, or None when it is deleted."""

    identity: Identity
    text: Text | None


def decide(claims: Mapping[Identity, Sequence[File]], history: Callable[[], History], read: Read) -> dict[Identity, Verdict]:
    """The verdicts; none on an identity that the bounded history can't tell. `history` is asked only when somebody's claim is not clear."""
    verdicts: dict[Identity, Verdict] = {}
    unclear: dict[Identity, Sequence[File]] = {}
    for identity, files in claims.items():
        own = [file for file in files if not file.guessed]
        if len(own) == 1 and own[0].valid:
            verdicts[identity] = Verdict(identity, Text(own[0].path, own[0].blob))
        elif not files:
            verdicts[identity] = Verdict(identity, None)
        else:
            unclear[identity] = own
    if unclear:
        past = history()
        found = _last_good(unclear, past.steps, read)
        verdicts |= {identity: Verdict(identity, found.get(identity)) for identity in unclear if identity in found or past.whole}
    return verdicts


def _last_good(claims: Mapping[Identity, Sequence[File]], history: Iterable[Step], read: Read) -> dict[Identity, Text]:
    """Walks back and undoes each commit's changes on the set of files that claim an identity, until just one is left and it is right."""
    standing: dict[Identity, dict[str, tuple[str, bool]]] = {
        identity: {file.path: (file.blob, file.valid) for file in files} for identity, files in claims.items()
    }
    holders = {path: identity for identity, files in standing.items() for path in files}
    found: dict[Identity, Text] = {}
    for step in history:
        touched = _undo(step, standing, holders, read)
        for identity in touched:
            files = standing[identity]
            if len(files) == 1:
                ((path, (blob, valid)),) = files.items()
                if valid:
                    found[identity] = Text(path, blob)
                    del standing[identity]
        if not standing:
            break
    return found


def _undo(step: Step, standing: dict[Identity, dict[str, tuple[str, bool]]], holders: dict[str, Identity], read: Read) -> list[Identity]:
    """The identities whose claims differ before the step; `holders` says which one each path claims, so that a step costs its own changes."""
    touched: dict[Identity, None] = {}
    for change in step.changes:
        holder = holders.pop(change.path, None)
        if holder in standing:
            del standing[holder][change.path]
            touched[holder] = None
        if change.old is None:
            continue
        reading = read(change.path, change.old)
        if reading.identity in standing:
            standing[reading.identity][change.path] = (change.old, reading.flow is not None)
            holders[change.path] = reading.identity
            touched[reading.identity] = None
    return list(touched)


def guess(path: str, history: Iterable[Step], read: Read) -> Identity | None:
    """The identity that a file last told in the tip's history; None when it never did."""
    for step in history:
        for change in step.changes:
            if change.path == path and change.old is not None:
                identity = read(path, change.old).identity
                if identity is not None:
                    return identity
    return None
