"""Encryption with a key of the user's: AES-GCM in the form that Kestra writes. Messages show neither keys nor texts."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from service.expressions.errors import Refused
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import kind

_NONCE, _TAG = 12, 16
_KEY_LENGTHS = (16, 24, 32)


@function("encrypt", also={"text": "plaintext"})
def encrypt(call: Run, key: Any, plaintext: Any) -> str | None:
    """A text made unreadable for everybody without the key, which is Base64 of 32 random bytes (or 24, or 16). The result is Base64 of a random nonce of 12
    bytes, the ciphertext and a tag of 16 bytes. Null and the empty text stay what they are.

    {{ encrypt('MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=', 'a text') | length }} -> 48
    """
    if plaintext is None or plaintext == "":
        return plaintext  # type: ignore[no-any-return]  # it is one of these two
    secret = _key("encrypt", key)
    data = _text("encrypt", plaintext).encode("utf-8", "replace")
    nonce = call.ports.token(_NONCE)
    return base64.b64encode(nonce + call.ports.seal(secret, nonce, data)).decode()


@function("decrypt", also={"text": "encrypted"})
def decrypt(call: Run, key: Any, encrypted: Any) -> str | None:
    """What `encrypt` made, back. It fails for another key, and for a text that was changed.

    {{ decrypt('MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=', 'AAECAwQFBgcICQoLTMXPGaFsUXWeSiwjHhYM4JeWVCQxUw==') }} -> a text
    """
    if encrypted is None or encrypted == "":
        return encrypted  # type: ignore[no-any-return]  # it is one of these two
    secret = _key("decrypt", key)
    data = _bytes(_text("decrypt", encrypted))
    if data is None or len(data) < _NONCE + _TAG:
        raise Refused("`decrypt` takes what `encrypt` made, and this text is not that")
    text = call.ports.unseal(secret, data[:_NONCE], data[_NONCE:])
    if text is None:
        raise Refused("this text can't be decrypted with this key: the key is another one, or the text was changed")
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise Refused("what was encrypted here is not a text") from None


def _key(name: str, key: Any) -> bytes:
    data = _bytes(_text(name, key))
    if data is None:
        raise Refused(f"the key of `{name}` is not Base64")
    if len(data) not in _KEY_LENGTHS:
        raise Refused(f"the key of `{name}` must be Base64 of 32 bytes (or of 24 or 16), not of {len(data)}")
    return data


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Refused(f"`{name}` takes texts, not {kind(value)}")
    return value


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
