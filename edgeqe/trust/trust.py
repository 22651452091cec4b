"""`Trust`: model files that a key signed are opened, all others refused before they are parsed."""

from __future__ import annotations

import os
from pathlib import Path

from edgeqe.errors import InputError, InputTypeError, SignatureError
from edgeqe.model.file import ModelFile
from edgeqe.trust.counters import keep_counter, lowest_counter
from edgeqe.trust.keys import read_public_key, verified
from edgeqe.trust.signature import Signature, identity, message, signature_of

TRUST_VARIABLE = "EDGEQE_TRUST"


class Trust:
    """A public key, and the model files that were opened with it.

    Parameters
    ----------
    path : Path
        File of the key, in PEM.
    stated_by : str
        Variable of the environment that names it, for messages; empty if none does.

    Raises
    ------
    InputError
        If it is no public Ed25519 key.
    """

    def __init__(self, path: Path, stated_by: str = "") -> None:
        try:
            self._public = read_public_key(path)
        except InputError as error:
            if not stated_by:
                raise
            raise InputError(f"{stated_by} = '{path}': {error}") from error
        self.key = identity(self._public)
        """Its identity, 16 hexadecimal digits."""
        self._called = f"the key '{path}'{f' ({stated_by})' if stated_by else ''}"
        self._opened: list[tuple[str, int]] = []

    def open(self, path: Path) -> ModelFile:
        """Open a model file, its signature first.

        Raises
        ------
        SignatureError
            If it is not signed by the key, was changed afterwards, or is older than one that ran.
        MissingPackageError
            If cryptography is not installed.
        ModelError
            As of `ModelFile`.
        """
        file = ModelFile(path, accept=lambda data: self._check(path, data))
        name, signature = file.card.name, signature_of(file.data)
        assert signature is not None
        lowest = lowest_counter(self._public, name)
        if signature.counter < lowest:
            raise SignatureError(
                f"'{path}' has counter {signature.counter}, this device has run '{name}' with "
                f"{lowest}: install the newer file, or sign this one again with --counter {lowest}."
            )
        self._opened.append((name, signature.counter))
        return file

    def keep(self) -> None:
        """Refuse older files than the opened ones from now on, for they run.

        Raises
        ------
        InputError
            If that cannot be written.
        """
        for name, counter in self._opened:
            keep_counter(self._public, name, counter)

    def _check(self, path: Path, data: bytes) -> Signature:
        """Refuse bytes that the key did not sign."""
        signature = signature_of(data)
        if signature is None:
            raise SignatureError(
                f"'{path}' is not signed, or was cut short: only files signed for {self._called} "
                "are trusted. Get the signed one from its maker, or sign it by 'edgeqe sign'."
            )
        if signature.key != self.key:
            raise SignatureError(
                f"'{path}' is signed by the key {signature.key}, and not for {self._called}, which "
                f"is {self.key}: get the file or the key that belong together."
            )
        if not verified(self._public, signature.value, message(data)):
            raise SignatureError(
                f"'{path}' was changed after it was signed for {self._called}: get it again from "
                "its maker."
            )
        return signature


def trust_of(given: str | os.PathLike[str] | None) -> Trust | None:
    """Trust in a key that is named, or that ``EDGEQE_TRUST`` names; None without any.

    Raises
    ------
    InputError
        If it is no public Ed25519 key.
    """
    if given is None:
        named = os.environ.get(TRUST_VARIABLE)
        return Trust(Path(named), TRUST_VARIABLE) if named else None
    if not isinstance(given, (str, os.PathLike)):
        raise InputTypeError(f"trust {given!r} is no path: name a public key's file.")
    return Trust(Path(given))


def open_model(path: Path, trust: Trust | None) -> ModelFile:
    """Open a model file, with its signature where a key is trusted."""
    return ModelFile(path) if trust is None else trust.open(path)
