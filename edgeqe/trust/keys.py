"""Ed25519 keys: the public one that a device trusts, and the private one that signs."""

from __future__ import annotations

import base64
import binascii
import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from edgeqe.errors import InputError, MissingFileError, MissingPackageError

_ED25519 = "cryptography.hazmat.primitives.asymmetric.ed25519"
#: Head of an Ed25519 key as openssl writes it (RFC 8410); the key's 32 bytes follow.
_PUBLIC_HEAD = bytes.fromhex("302a300506032b6570032100")
_PUBLIC = re.compile(
    rb"\s*-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PUBLIC KEY-----\s*"
)
#: Bytes of the largest file that is looked at as a key.
_LARGEST = 1 << 16
_MAKE = "openssl genpkey -algorithm ed25519 -out key.pem"
_MAKE_PUBLIC = "openssl pkey -in key.pem -pubout -out key.pub"


def read_public_key(path: Path) -> bytes:
    """The 32 bytes of a public key's file.

    Raises
    ------
    InputError
        If it is another kind of key, or none.
    """
    data = _read(path)
    if b"PRIVATE KEY" in data:
        raise InputError(
            f"'{path}' is a private key: keep it where you sign, and trust its public part "
            f"({_MAKE_PUBLIC})."
        )
    found = _PUBLIC.fullmatch(data)
    try:
        content = base64.b64decode(b"".join(found[1].split()), validate=True) if found else b""
    except binascii.Error:
        content = b""
    head, key = content[: len(_PUBLIC_HEAD)], content[len(_PUBLIC_HEAD) :]
    if head != _PUBLIC_HEAD or len(key) != 32:
        kind = "a public key, but not of Ed25519" if content else "no public key in PEM"
        raise InputError(f"'{path}' is {kind}: make one by '{_MAKE}', then '{_MAKE_PUBLIC}'.")
    return key


def read_private_key(path: Path) -> Any:
    """The private key of a file, as cryptography's ``Ed25519PrivateKey``.

    Raises
    ------
    InputError
        If it is another kind of key, encrypted, or none.
    MissingPackageError
        If cryptography is not installed.
    """
    data = _read(path)
    serialization = _module("cryptography.hazmat.primitives.serialization")
    kind = _module(_ED25519).Ed25519PrivateKey
    if b"PRIVATE KEY" not in data:
        what = "a public key" if b"PUBLIC KEY" in data else "no private key in PEM"
        raise InputError(f"'{path}' is {what}: sign with a private one ('{_MAKE}' makes one).")
    if b"ENCRYPTED" in data:
        raise InputError(
            f"'{path}' is encrypted: write it without a password where nobody else reads it "
            "(openssl pkey -in KEY.pem -out PLAIN.pem)."
        )
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except Exception as error:  # cryptography has many, and none for a wrong file
        raise InputError(f"'{path}' is no private key in PEM: '{_MAKE}' makes one.") from error
    if not isinstance(key, kind):
        raise InputError(f"'{path}' is a key of another kind than Ed25519: '{_MAKE}' makes one.")
    return key


def verified(public: bytes, value: bytes, message: bytes) -> bool:
    """Whether a signature is that of a key over a message.

    Raises
    ------
    MissingPackageError
        If cryptography is not installed.
    """
    module = _module(_ED25519)
    try:
        module.Ed25519PublicKey.from_public_bytes(public).verify(value, message)
    except _module("cryptography.exceptions").InvalidSignature:
        return False
    return True


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            "signed models need cryptography: pip install 'edgeqe[trust]'"
        ) from error


def _read(path: Path) -> bytes:
    try:
        strange = not path.is_file() and os.path.lexists(path)
        if not strange:
            with path.open("rb") as file:
                data = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise MissingFileError(f"there is no key '{path}': '{_MAKE}' makes one.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read the key '{path}': {reason}.") from error
    if strange:  # a folder, pipe, device, or link to nothing
        raise InputError(f"the key '{path}' is no plain file: name a file in PEM.")
    if len(data) > _LARGEST:
        raise InputError(f"'{path}' is larger than any key: name a file in PEM.")
    return data
