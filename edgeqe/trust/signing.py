"""Signing a model file: an entry at its end, or a new signature in the place of the old one."""

from __future__ import annotations

from pathlib import Path

from edgeqe.errors import InputError, ModelError
from edgeqe.model.file import ModelFile
from edgeqe.reports.output_file import written_whole
from edgeqe.trust.embedding import with_text
from edgeqe.trust.keys import read_private_key, verified
from edgeqe.trust.signature import (
    LARGEST_COUNTER,
    SIGNATURE_KEY,
    TEXT_BYTES,
    Signature,
    empty,
    filled,
    identity,
    message,
    signature_of,
)


def sign(path: Path, key: Path, destination: Path, counter: int = 0) -> Signature:
    """Write a model file with a signature.

    Everything in the file stays as it is, byte for byte, but for an earlier signature.

    Parameters
    ----------
    path : Path
        Model file of edgeqe.
    key : Path
        Private Ed25519 key in PEM.
    destination : Path
        File to write, whole or not at all; may be `path`.
    counter : int
        0 to 9,999,999,999: a device refuses a file with a lower one than it has run.

    Returns
    -------
    Signature

    Raises
    ------
    ModelError
        If the file is none that edgeqe opens.
    InputError
        If the key or the counter is wrong, or the file cannot be written.
    MissingPackageError
        If cryptography is not installed.
    """
    if not 0 <= counter <= LARGEST_COUNTER:
        raise InputError(f"the counter {counter} is not from 0 to {LARGEST_COUNTER}.")
    private = read_private_key(key)
    public = private.public_key().public_bytes_raw()
    file = ModelFile(path)
    data = _with_place(file, empty(identity(public), counter))
    data = filled(data, private.sign(message(data)))
    made = signature_of(data)
    assert made is not None and verified(public, made.value, message(data))
    with written_whole(destination) as temporary:
        temporary.write_bytes(data)
        again = ModelFile(temporary)
        if again.card != file.card or again.format != file.format:
            raise ModelError(f"'{path}' is another model once it is signed: convert it anew.")
    return made


def _with_place(file: ModelFile, text: bytes) -> bytes:
    """A file with a text at its end, in the place of an earlier signature if there is one."""
    earlier = file.outline.metadata.get(SIGNATURE_KEY)
    if earlier is None:
        return with_text(file.data, text)
    if file.data[-TEXT_BYTES:] != earlier.encode():
        raise ModelError(
            f"'{file.path}' has a signature that is not at its end, so another tool wrote it: "
            "convert it anew (edgeqe convert), then sign that."
        )
    return file.data[:-TEXT_BYTES] + text
