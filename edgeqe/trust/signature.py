"""A model file's signature: the last bytes of the file, over all bytes before them.

::

    | model file ... metadata "edgeqe.signature": | edgeqe signature 1; key K; counter N; | hex |
    '------------------------------- what is signed --------------------------------------' 128

The text is the last value of the file's metadata, so other tools open the file as before. It has
one length, and the signature one place: nothing that is not signed can carry a meaning. What the key
signs is a short text of its own with the hash of those bytes, so a key that signs other things too
cannot be made to sign a model.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

#: Key of the metadata.
SIGNATURE_KEY = "edgeqe.signature"
#: Largest counter, which has ten digits.
LARGEST_COUNTER = 9_999_999_999
_HEAD = re.compile(rb"edgeqe signature 1; key ([0-9a-f]{16}); counter ([0-9]{10}); ")
_HEAD_BYTES = len("edgeqe signature 1; key ; counter ; ") + 16 + 10
_HEX = re.compile(rb"[0-9a-f]{128}")
#: Bytes of the signature in the file, and of the whole text.
_SIGNATURE_BYTES = 128
TEXT_BYTES = _HEAD_BYTES + _SIGNATURE_BYTES


@dataclass(frozen=True)
class Signature:
    """What a file says of its signature, not verified yet."""

    key: str
    """Identity of the key, as of `identity`."""
    counter: int
    value: bytes
    """64 bytes, as Ed25519 gives them."""


def identity(public: bytes) -> str:
    """Short name of a public key: 16 digits of its hash.

    Parameters
    ----------
    public : bytes
        32 bytes, as Ed25519 has them.
    """
    return hashlib.sha256(public).hexdigest()[:16]


def signature_of(data: bytes) -> Signature | None:
    """What the end of a file says; None of one that is not signed."""
    head = _HEAD.fullmatch(data[-TEXT_BYTES:-_SIGNATURE_BYTES])
    value = data[-_SIGNATURE_BYTES:]
    if head is None or not _HEX.fullmatch(value):
        return None
    return Signature(head[1].decode(), int(head[2]), bytes.fromhex(value.decode()))


def head(key: str, counter: int) -> bytes:
    """Text in front of a signature."""
    return f"edgeqe signature 1; key {key}; counter {counter:010}; ".encode()


def empty(key: str, counter: int) -> bytes:
    """Text of a signature that is still to be made."""
    return head(key, counter) + b"0" * _SIGNATURE_BYTES


def message(data: bytes) -> bytes:
    """What is signed, of a file whose signature has its place, made or not."""
    signed = memoryview(data)[:-_SIGNATURE_BYTES]
    return b"edgeqe model signature 1: " + hashlib.sha256(signed).hexdigest().encode()


def filled(data: bytes, value: bytes) -> bytes:
    """A file with its signature in its place.

    Parameters
    ----------
    data : bytes
    value : bytes
        64 bytes.
    """
    return data[:-_SIGNATURE_BYTES] + value.hex().encode()
