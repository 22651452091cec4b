"""Frames that are timed, and the network that is timed between them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.bench import reference as module
from edgeqe.bench.data import folder
from edgeqe.bench.frames import decoded_frame, frame_of_size
from edgeqe.bench.reference import ReferenceNetwork, reference_file, reference_stamp
from edgeqe.errors import InputError
from edgeqe.model.file import ModelFile
from edgeqe.protocols import ReferencePicture
from edgeqe.runtimes.selection import Selection, profile_for
from edgeqe.targets.profile import Backend


def test_frames_have_each_layout() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (33, 47, 3), np.uint8)
    frame = decoded_frame(ReferencePicture("noise", pixels), 20)
    assert frame.gray.shape == frame.gray_out.shape == (33, 47)
    assert frame.rgb is not None and frame.rgb.shape == (33, 47, 3)
    assert frame.planes is not None
    assert [plane.shape for plane in frame.planes] == [(33, 47), (17, 24), (17, 24)]
    gray = decoded_frame(ReferencePicture("gray", pixels[..., 0]), 20)
    assert gray.rgb is None and gray.planes is None


def test_a_small_picture_is_mirrored_to_the_size(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None] * 3, (64, 96))
    Image.fromarray(np.ascontiguousarray(ramp)).save(tmp_path / "a.png")
    Image.merge("RGB", [Image.fromarray(np.ascontiguousarray(ramp))] * 3).save(tmp_path / "b.png")
    pictures = folder(tmp_path)
    frame = frame_of_size(pictures, "720p", 95, colour=False)
    assert (frame.height, frame.width, frame.rgb) == (720, 1280, None)
    # Rows 64 to 127 show the ramp upside down; quality 95 is within a few grey levels, and the
    # studio range would show as 16 levels at the black end: a gray picture is taken as it is.
    assert abs(int(frame.gray[64, 0]) - 189) <= 4
    assert int(frame.gray[127, 0]) <= 4
    frame = frame_of_size(pictures, "720p", 95, colour=True)
    assert frame.rgb is not None and frame.rgb.shape == (720, 1280, 3)
    (tmp_path / "b.png").unlink()
    with pytest.raises(InputError, match="no colour picture to time"):
        frame_of_size(folder(tmp_path), "720p", 95, colour=True)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("runtime", ["onnxruntime", "litert"])
def test_the_reference_network_is_the_same_work_on_every_runtime(
    runtime: str, precision: str
) -> None:
    pytest.importorskip({"onnxruntime": "onnxruntime", "litert": "ai_edge_litert"}[runtime])
    card = ModelFile(reference_file(runtime, precision)).card
    # 3x3 convolutions: 1 to 32, four times 32 to 32, 32 to 1
    assert card.kmac_per_pixel * 1e3 == pytest.approx(9 * (32 + 4 * 32 * 32 + 32))
    assert card.precision == precision
    # One kernel, four times, and the shift of the input. INT8 has a scale and a bias for each of the
    # 5 * 32 + 1 channels, and scales of 8 values: input, shifted input, five ReLUs, output.
    more = 0 if precision == "float32" else 2 * (5 * 32 + 1) + 8
    assert card.parameters == 9 * (32 + 32 * 32 + 32) + 1 + more


@pytest.mark.parametrize("runtime", ["onnxruntime", "litert"])
def test_the_reference_is_half_float_and_half_integer(runtime: str) -> None:
    pytest.importorskip({"onnxruntime": "onnxruntime", "litert": "ai_edge_litert"}[runtime])
    profile = profile_for("cpu")
    heads = [
        f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}, "
        for path in (reference_file(runtime, "float32"), reference_file(runtime, "int8"))
    ]
    told = reference_stamp(profile, runtime).split("; ")
    assert len(told) == 2 and all(map(str.startswith, told, heads))
    reference = ReferenceNetwork(profile, runtime, 2)
    assert reference.balance() is None
    reference.run()
    balance = reference.balance()
    assert balance is not None and balance > 0
    reference.close()
    with pytest.raises(RuntimeError, match="after shutdown"):
        reference.run()


def test_an_accelerator_s_reference_is_float(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes INT8 files of its own, and nobody has seen its balance move."""
    way = Backend("onnxruntime", "CUDAExecutionProvider", ("float32",))
    monkeypatch.setattr(module, "select", lambda path, profile: Selection(path, way))
    told = reference_stamp(profile_for("cpu"), "onnxruntime")
    assert told.startswith("reference.float32.onnx ") and "int8" not in told
