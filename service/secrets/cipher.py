"""Encrypts what we must keep and give back: tokens of forges, secrets of hooks, secret inputs.

AES-256-GCM with a random nonce. A sealed text names its format and its key, so that keys can be replaced one value at a time, and is
bound to its *scope* (`hook/demo`): moved to another row it does not open. The key is made at first start, in a file that only
its owner reads. Whoever has the file and the database has the secrets; a copy of the database alone has nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runners.crashpoints import crashpoint
from service.errors import Forbidden, Invalid, ServiceError

KEY_BYTES = 32

_FORMAT = "hg1"
_NONCE_BYTES = 12
_KEY_SIZES = (16, 24, KEY_BYTES)


def seal(key: bytes, nonce: bytes, text: bytes) -> bytes:
    """Bare AES-GCM, for keys that users bring: the ciphertext and its tag. A nonce must never be used twice with a key."""
    return AESGCM(key).encrypt(nonce, text, None)


def unseal(key: bytes, nonce: bytes, sealed: bytes) -> bytes | None:
    """What `seal` closed; None where the key is another one or something was changed."""
    try:
        return AESGCM(key).decrypt(nonce, sealed, None)
    except InvalidTag:
        return None


class Undecryptable(ServiceError):
    """A stored value that no key of ours opens: another key file, another scope, or a changed row."""


class Cipher:
    """Encrypts with its first key, and opens what any of its keys closed."""

    def __init__(self, key: bytes, *older: bytes) -> None:
        for one in (key, *older):
            if len(one) not in _KEY_SIZES:
                raise Invalid(f"an encryption key has {KEY_BYTES} bytes, this one has {len(one)}")
        self.key_id = _id(key)
        self._keys = {_id(one): AESGCM(one) for one in (key, *older)}

    @classmethod
    def from_text(cls, texts: Sequence[str]) -> Self:
        """From keys in base64, the one to encrypt with first: the form of `kestra.encryption.secret-key`."""
        return cls(*(_from_base64(text) for text in texts))

    def encrypt(self, text: str, scope: str) -> str:
        """Printable text that only `decrypt` with the same scope opens."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys[self.key_id].encrypt(nonce, text.encode(), _bound(self.key_id, scope))
        return f"{_FORMAT}:{self.key_id}:{base64.b64encode(nonce + sealed).decode()}"

    def decrypt(self, sealed: str, scope: str) -> str:
        """The text again. Raises Undecryptable."""
        key_id, packed = _parts(sealed)
        key = self._keys.get(key_id)
        if key is None:
            raise Undecryptable(f"a stored value was encrypted with key {key_id}, we have {', '.join(self._keys)}: give the key that belongs to this database")
        try:
            return key.decrypt(packed[:_NONCE_BYTES], packed[_NONCE_BYTES:], _bound(key_id, scope)).decode()
        except (InvalidTag, ValueError):
            raise Undecryptable(f"a stored value of {scope} does not open with its key: it was changed, or belongs elsewhere") from None


def load_or_create(path: Path) -> Cipher:
    """The key in a file, made at first start (0600). Two processes that start at once get the same one; a crash leaves none or a whole one, and the next start
    removes what was not to be kept."""
    if not path.exists():
        _create(path)
    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink(missing_ok=True)
    if path.stat().st_mode & 0o077:
        raise Forbidden(f"{path} is readable by others than its owner: run chmod 600 {path}, and replace the key if somebody may have read it")
    return Cipher.from_text([path.read_text("ascii", errors="replace")])


def _create(path: Path) -> None:
    handle, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(base64.b64encode(os.urandom(KEY_BYTES)).decode() + "\n")
            out.flush()
            os.fsync(out.fileno())
        crashpoint("start.before_key")
        _name(made, path)
        crashpoint("start.key")
    finally:
        Path(made).unlink(missing_ok=True)


def _name(made: str, path: Path) -> None:
    """A link, not a rename: the key of whoever was first must not be replaced. A rename only where the file system has no links."""
    try:
        os.link(made, path)
    except FileExistsError:
        return
    except OSError:
        if path.exists():  # somebody was first, and has cleared away after all others
            return
        os.rename(made, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _id(key: bytes) -> str:
    return hashlib.sha256(b"headgate key id" + key).hexdigest()[:8]


def _bound(key_id: str, scope: str) -> bytes:
    return f"{_FORMAT}|{key_id}|{scope}".encode()


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(f"an encryption key is {KEY_BYTES} bytes in base64, this is not base64") from None


def _parts(sealed: str) -> tuple[str, bytes]:
    form, _, rest = sealed.partition(":")
    key_id, _, packed = rest.partition(":")
    try:
        found = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if form != _FORMAT or len(found) <= _NONCE_BYTES:
        raise Undecryptable("a stored value is not in a form that we wrote")
    return key_id, found
