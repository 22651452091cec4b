"""A model that serves the codecs of clips, with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeqe import Enhancer
from tests import small_models


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "clips.onnx"
    small_models.write(
        small_models.strong_graph(), path, codecs=("jpeg", "h264", "hevc", "vvc", "av1")
    )
    return path


@pytest.fixture(scope="session")
def enhancer(model: Path) -> Iterator[Enhancer]:
    with Enhancer(model, threads=1) as opened:
        yield opened
