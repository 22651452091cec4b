"""Facts of the zoo: the data equal what building each network gives, and need neither Keras nor a runtime."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edgeqe import zoo
from edgeqe.zoo.facts import network_facts
from tests.source_tree import ROOT

BLOCKED = ("tensorflow", "keras", "onnxruntime", "ai_edge_litert", "tflite_runtime", "PIL")
PROGRAM = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in {blocked} else real(name, *more)
for name in {blocked}:
    sys.modules[name] = None  # importing it raises ModuleNotFoundError
from edgeqe.cli import main
main({words})
"""


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_the_data_are_what_the_networks_are(name: str) -> None:
    pytest.importorskip("keras")
    from edgeqe.converters import sources

    assert network_facts()[name] == json.loads(json.dumps(sources.facts(name)))


def test_every_network_has_facts() -> None:
    assert list(network_facts()) == list(zoo.NETWORKS)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["models", "--all"], "dcad-qp"),
        (["models"], "no runtime is installed that runs them"),
        (["inspect", "edgeqe-nano"], "exact, with a halo of 8 pixels"),
        (["inspect", "vrcnn"], "none are shipped"),
    ],
)
def test_listing_needs_no_runtime_and_no_keras(words: list[str], told: str) -> None:
    program = PROGRAM.format(blocked=BLOCKED, words=words)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert told in done.stdout


def test_one_halo_a_network() -> None:
    from edgeqe.model.catalogue import shipped_files
    from edgeqe.model.file import ModelFile

    for name, path in shipped_files().items():
        card = ModelFile(path).card
        assert network_facts()[name.partition(":")[0]]["halo"] == card.halo
