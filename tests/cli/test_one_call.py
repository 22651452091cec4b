"""The verbs that make models, as one Python call each, and what the packages hand on."""

from __future__ import annotations

import subprocess
import sys
from enum import Enum
from pathlib import Path

import click
import pytest

from edgeqe import converters, quantization
from edgeqe.cli import convert, prune, quantize, train
from edgeqe.errors import InputError
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.zoo import training

ROOT = Path(__file__).resolve().parents[2]


def test_packages_hand_on_their_calls_without_loading_them() -> None:
    code = (
        "import sys\n"
        "from edgeqe import converters, quantization\n"
        "from edgeqe.zoo import training\n"
        "heavy = {'keras', 'onnx', 'onnxruntime', 'tensorflow', 'PIL', 'flatbuffers'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("package", [converters, quantization, training])
def test_every_name_that_is_handed_on_is_there(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined]
    assert all(getattr(package, name).__doc__ for name in names)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("command", "option", "choices"),
    [
        (convert.command, "gives", converters.OutputKind),
        (quantize.command, "statistic", quantization.RangeStatistic),
        (prune.command, "importance", quantization.ImportanceCriterion),
        (train.command, "precision", training.Precision),
    ],
)
def test_options_have_the_words_of_the_enumerations(
    command: click.Command, option: str, choices: type[Enum]
) -> None:
    (found,) = (each for each in command.params if each.name == option)
    assert isinstance(found.type, click.Choice)
    assert {str(word) for word in found.type.choices} == {choice.value for choice in choices}


def test_an_unknown_word_is_an_error_that_names_the_others() -> None:
    with pytest.raises(InputError, match="no output kind 'x': choose one of picture, residual, no"):
        converters.OutputKind("x")


def test_a_conversion_in_one_call(tmp_path: Path) -> None:
    out = tmp_path / "nano.onnx"
    made = converters.convert("edgeqe-nano", out, float16=True)
    card = ModelFile(out).card
    assert (card.name, card.precision) == ("edgeqe-nano", "float16")
    assert made.exported.card == card and made.exported.file_bytes == out.stat().st_size
    # no kernel of this network is shared: half of float32's bytes
    plain = ModelFile(find_model("edgeqe-nano:float32")).card
    assert made.shared_bytes == made.exported.constant_bytes == 2 * plain.parameters
    with pytest.raises(InputError, match="exists"):
        converters.convert("edgeqe-nano", out)
    with pytest.raises(InputError, match="go together"):
        converters.convert("asqe-gray", tmp_path / "a.onnx", freeze_gates=True)


def test_quantizing_and_training_check_their_words_first(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to do"):
        quantization.quantize("edgeqe-nano", calibration=tmp_path)
    with pytest.raises(InputError, match="need pictures"):
        quantization.prune("edgeqe-nano", tmp_path / "o.onnx", ratio=0.5, importance="taylor")
    with pytest.raises(InputError, match="no folder"):
        training.train("edgeqe-nano", data=tmp_path / "none")
    assert not list(tmp_path.iterdir())
