"""Settings that every test runs under."""

from __future__ import annotations

import os

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
