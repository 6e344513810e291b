"""What is stored opens with its key and in its place, and nowhere else."""

from __future__ import annotations

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Forbidden, Invalid
from service.secrets.cipher import Cipher, Undecryptable, load_or_create

KEY, OTHER = b"k" * 32, b"o" * 32


@given(st.text(), st.text())
def test_what_is_closed_opens(text, scope):
    cipher = Cipher(KEY)
    assert cipher.decrypt(cipher.encrypt(text, scope), scope) == text


def test_the_same_text_is_never_closed_the_same_way():
    assert Cipher(KEY).encrypt("x", "s") != Cipher(KEY).encrypt("x", "s")


def test_a_closed_text_does_not_open_in_another_place():
    cipher = Cipher(KEY)
    with pytest.raises(Undecryptable, match="hook/b"):
        cipher.decrypt(cipher.encrypt("hunter2", "hook/a"), "hook/b")


def test_a_changed_byte_does_not_open():
    cipher = Cipher(KEY)
    form, key_id, packed = cipher.encrypt("hunter2", "s").split(":")
    for at in range(len(base64.b64decode(packed))):
        changed = bytearray(base64.b64decode(packed))
        changed[at] ^= 1
        with pytest.raises(Undecryptable):
            cipher.decrypt(f"{form}:{key_id}:{base64.b64encode(bytes(changed)).decode()}", "s")


def test_another_key_is_named():
    with pytest.raises(Undecryptable, match=Cipher(OTHER).key_id):
        Cipher(KEY).decrypt(Cipher(OTHER).encrypt("x", "s"), "s")


def test_an_older_key_still_opens_and_the_new_one_closes():
    old = Cipher(OTHER)
    both = Cipher(KEY, OTHER)
    assert both.decrypt(old.encrypt("x", "s"), "s") == "x"
    assert both.encrypt("x", "s").split(":")[1] == Cipher(KEY).key_id


@pytest.mark.parametrize(
    "sealed", ["", "x", "hg1", "hg1::", "hg1:abc:", "hg2:{id}:AAAA", "hg1:{id}:!!", "hg1:{id}:AAAA", "hg1:{id}:" + "A" * 16, "hg1:{id}:" + "A" * 20, "é"]
)
def test_what_we_never_wrote_does_not_open(sealed):
    with pytest.raises(Undecryptable):
        Cipher(KEY).decrypt(sealed.format(id=Cipher(KEY).key_id), "s")


def test_keys_come_as_base64():
    cipher = Cipher.from_text([base64.b64encode(KEY).decode() + "\n"])
    assert cipher.key_id == Cipher(KEY).key_id


@pytest.mark.parametrize("text", ["", "short", "!" * 44, base64.b64encode(b"k" * 31).decode()])
def test_a_wrong_key_is_refused_and_not_shown(text):
    with pytest.raises(Invalid) as refused:
        Cipher.from_text([text])
    assert not text or text not in refused.value.message


def test_a_key_is_made_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "secret.key"
    sealed = load_or_create(path).encrypt("x", "s")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["secret.key"]
    assert load_or_create(path).decrypt(sealed, "s") == "x"


def test_those_who_start_at_once_get_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        ids = {cipher.key_id for cipher in pool.map(lambda _: load_or_create(tmp_path / "secret.key"), range(40))}
    assert len(ids) == 1
    assert os.listdir(tmp_path) == ["secret.key"]


def test_a_key_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "secret.key"
    load_or_create(path)
    path.chmod(0o644)
    with pytest.raises(Forbidden, match="chmod 600"):
        load_or_create(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not a key"])
def test_a_broken_key_file_is_never_replaced(tmp_path, content):
    path = tmp_path / "secret.key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(Invalid):
        load_or_create(path)
    assert path.read_bytes() == content
