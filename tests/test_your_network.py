"""docs/your-network.md: each command runs as it is written, on networks as PyTorch and Keras write them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edgeqe.cli import main
from edgeqe.model.file import ModelFile
from tests.fitted_networks import head, tail
from tests.onnx_files import make, model
from tests.quantization.photographs import folder_of
from tests.reference import photograph

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def commands(page: str) -> list[list[str]]:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("edgeqe ")]


def run(words: list[str]) -> str:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, (words, result.output, result.exception)
    return result.output


def write_theirs(path: Path) -> None:
    """A small network under a global skip that is normalised, as PyTorch's exporter writes it."""
    kernel, bias = head()
    round_ = [1, 1, 1, 1]
    nodes = [
        make("Sub", ["x", "half"], ["c"]), make("Div", ["c", "half"], ["n"]),
        make("Conv", ["n", "w1", "b1"], ["h"], pads=round_, kernel_shape=[3, 3]),
        make("Clip", ["h", "0", "6"], ["a"]), make("Conv", ["a", "w2"], ["r"], pads=round_),
        make("Add", ["n", "r"], ["s"]), make("Mul", ["s", "half"], ["t"]),
        make("Add", ["t", "half"], ["y"]),
    ]  # fmt: skip
    constants = {
        "half": np.float32(0.5), "0": np.float32(0), "6": np.float32(6), "b1": bias,
        "w1": kernel / 2, "w2": 2 * tail(kernel, bias, lambda x: np.clip(x, 0, 6)),
    }  # fmt: skip
    path.write_bytes(model(nodes, constants, shape=(1, 1, "h", "w")).SerializeToString())


def write_mine(path: Path) -> None:
    """A small Keras network of usual layers."""
    import keras

    kernel, bias = head()
    x = keras.Input((None, None, 1))
    first, last = (keras.layers.Conv2D(count, 3, padding="same") for count in (8, 1))
    y = keras.layers.ReLU()(keras.layers.BatchNormalization()(first(x)))
    y = keras.layers.Rescaling(0.05)(last(y))
    network = keras.Model(x, keras.layers.Add()([x, y]), name="mine")
    spread = np.float32(np.sqrt(1.001))  # of a batch norm that has seen nothing
    first.set_weights([kernel.transpose(2, 3, 1, 0) * spread, bias * spread])
    fitted = tail(kernel, bias, lambda x: np.maximum(x, 0))
    last.set_weights([fitted.transpose(2, 3, 1, 0) / 0.05, np.zeros(1)])
    network.save(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pictures").mkdir()
    folder_of(tmp_path / "pictures")
    Image.fromarray(photograph("coffee", 0, 0, 120, 160)).save(tmp_path / "in.jpg", quality=20)
    write_theirs(tmp_path / "theirs.onnx")
    write_mine(tmp_path / "mine.keras")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_runs(folder: Path) -> None:
    found = commands("docs/your-network.md")
    assert [words[0] for words in found] == [
        "convert", "verify", "enhance", "quantize", "drift",
        "convert", "enhance", "quantize", "drift",
    ]  # fmt: skip
    for words in found:
        run(words)
    for name in ("out.png", "mine.png"):
        with Image.open(folder / name) as picture:
            assert picture.size == (160, 120)
    for name in ("ours8.tflite", "mine8.tflite"):
        assert ModelFile(folder / name).card.precision == "int8"


def test_a_file_without_a_card_names_the_command(folder: Path) -> None:
    result = CliRunner().invoke(main, ["enhance", "in.jpg", "-o", "out.png", "-m", "theirs.onnx"])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "it carries no card" in line
    (command,) = re.findall(r"'edgeqe (convert [^']*)'", line)
    run([*command.split(), "--gives", "picture"])
    run(["enhance", "in.jpg", "-o", "out.png", "-m", command.split()[-1]])


def test_a_foreign_network_is_pruned_where_it_is_trained(folder: Path) -> None:
    run(["convert", "theirs.onnx", "-o", "ours.onnx", "--gives", "picture"])
    for name in ("theirs.onnx", "ours.onnx"):
        result = CliRunner().invoke(main, ["prune", name, "-o", "half.onnx", "--ratio", "0.5"])
        assert result.exit_code == 2 and not (folder / "half.onnx").exists()
        (line,) = result.stderr.splitlines()
        assert "prune another tool's network there" in line
