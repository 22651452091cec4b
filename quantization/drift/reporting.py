"""What the reports of drift and blame share: where figures were measured, and tables."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeqe import __version__
from edgeqe.enhancer import Enhancer
from edgeqe.errors import InputError
from edgeqe.hardware.machine import read_hardware
from edgeqe.hardware.packages import installed_packages
from edgeqe.model.catalogue import find_model
from edgeqe.quantization.drift.decoders import islow_version
from edgeqe.reports.tables import counted
from edgeqe.runtimes.selection import chosen_file

#: Name of a shipped model, or a path.
Given = str | os.PathLike[str]


@dataclass(frozen=True)
class Model:
    """A model file as it ran."""

    given: str
    """Name or path that was asked for."""
    name: str
    """Name of the network."""
    path: str
    precision: str
    runtime: str
    runtime_version: str
    provider: str
    """As placed, read from the session."""
    threads: int
    file_bytes: int
    sha256: str
    """Of the file."""
    random_weights: bool = False
    """Whether nobody trained it, so that its gains say nothing."""
    not_fine_tuned: bool = False
    """Whether it was pruned, and no training won back what that costs."""

    def line(self) -> str:
        """All of it in one line."""
        caveat = "; pruned and not fine-tuned" if self.not_fine_tuned else ""
        if self.random_weights:
            caveat = "; random weights, for timing and tests alone"
        return (
            f"{self.given}: {self.name}, {self.precision}, {self.file_bytes} bytes, sha256 "
            f"{self.sha256[:16]}; {self.runtime} {self.runtime_version}, {self.provider}, "
            f"{counted(self.threads, 'thread')}"
            f"{caveat}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class OpenModel:
    """A model that enhances pictures, and its facts."""

    model: Model
    enhancer: Enhancer


@contextmanager
def opened(
    reference: Given, candidate: Given, *, threads: int | None, memory_limit: int | str
) -> Iterator[tuple[OpenModel, OpenModel]]:
    """Open two models on their own runtimes.

    Parameters
    ----------
    reference, candidate : str or path
        Names of shipped models or model files. A network's name alone is its float32 file as
        reference, and what this device runs as candidate.
    threads : int, optional
        Threads of each; all processors if left out.
    memory_limit : int or str
        Memory of each.

    Yields
    ------
    reference, candidate : OpenModel

    Raises
    ------
    InputError
        If one cannot be used, or needs the decoder's prediction residual.
    ProviderError
        If a runtime is not there.
    """
    paths = find_model(reference), chosen_file(candidate)
    with (
        Enhancer(paths[0], threads=threads, memory_limit=memory_limit) as first,
        Enhancer(paths[1], threads=threads, memory_limit=memory_limit) as second,
    ):
        yield _facts(reference, first), _facts(candidate, second)


def _facts(given: Given, enhancer: Enhancer) -> OpenModel:
    info, name = enhancer.info, os.fspath(given)
    if "residual" in info.card.inputs:
        raise InputError(
            f"'{name}' takes the decoder's prediction residual, which picture files do not carry: "
            "compare networks of pictures alone."
        )
    model = Model(
        given=name,
        name=info.model,
        path=info.path,
        precision=info.precision,
        runtime=info.runtime,
        runtime_version=info.runtime_version,
        provider=info.provider,
        threads=info.threads,
        file_bytes=info.file_bytes,
        sha256=hashlib.sha256(Path(info.path).read_bytes()).hexdigest(),
        random_weights=info.random_weights,
        not_fine_tuned=info.not_fine_tuned,
    )
    return OpenModel(model, enhancer)


def stand_in_notes(models: Iterable[OpenModel]) -> tuple[str, ...]:
    """Notes on models that do not serve JPEG, whose gains say nothing of their own codecs."""
    return tuple(
        f"{one.model.given} serves {', '.join(one.enhancer.codecs) or 'no codec'}: JPEG stands in, "
        "so the gains are not those on its own pictures"
        for one in models
        if "jpeg" not in one.enhancer.codecs
    )


def machine() -> dict[str, Any]:
    """What all figures of a report share: versions, processor, the encoder and decoder."""
    hardware, packages = read_hardware(), installed_packages()
    return {
        "edgeqe": __version__,
        "python": platform.python_version(),
        "numpy": packages["numpy"],
        "pillow": packages["pillow"],
        "jpeg": islow_version(),
        "system": f"{platform.system()} {platform.release()}, {hardware.machine}",
        "processor": hardware.processor,
        "cpu_features": list(hardware.cpu_features),
    }


def machine_line(stamp: dict[str, Any]) -> str:
    """`machine` in one line."""
    return (
        f"edgeqe {stamp['edgeqe']}, Python {stamp['python']}, numpy {stamp['numpy']}, Pillow "
        f"{stamp['pillow']} ({stamp['jpeg']}); {stamp['processor'] or 'unknown processor'} "
        f"({', '.join(stamp['cpu_features']) or 'no features known'}), {stamp['system']}"
    )


def signed(decibels: float) -> str:
    """Decibels with their sign; nothing is ``+0.0000``."""
    return f"{round(decibels, 4) + 0.0:+.4f}"
