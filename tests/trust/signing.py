"""Keys and signed copies of a shipped model, made once for the tests of a module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edgeqe.model.catalogue import find_model
from edgeqe.trust.signing import sign

#: One model of each format.
FORMS = {"onnx": "edgeqe-nano:int8", "tflite": "edgeqe-nano:int8.tflite"}


def write_key(key: Any, folder: Path, name: str = "key") -> Path:
    """Write a private key and its public part as PEM; the private one's path."""
    private = folder / f"{name}.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    private.with_suffix(".pub").write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private


def new_key(folder: Path, name: str = "key") -> Path:
    """Make an Ed25519 key; the private one's path."""
    return write_key(Ed25519PrivateKey.generate(), folder, name)


def signed(key: Path, form: str, counter: int = 0, name: str = "signed") -> Path:
    """A signed copy of a shipped model beside its key."""
    path = key.with_name(f"{name}.{form}")
    sign(find_model(FORMS[form]), key, path, counter)
    return path
