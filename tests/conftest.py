"""Settings that every test runs under."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Read when the library is imported, so they are set before any test module is.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products: threads only get in the way


@pytest.fixture(autouse=True)
def without_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own EDGEQE_ variables change no result."""
    for name in [name for name in os.environ if name.startswith("EDGEQE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def multiscale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Float32 ONNX file of a network of three scales: alignment 8, halo 64, random weights."""
    from edgeqe.converters.export import export
    from edgeqe.converters.sources import from_keras
    from edgeqe.zoo.weights import randomised

    path = tmp_path_factory.mktemp("multiscale") / "edgeqe-multiscale.onnx"
    export(from_keras(randomised("edgeqe-multiscale")), path)
    return path
