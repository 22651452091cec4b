"""Files as they came: what the conversion leaves out on purpose is taken away, no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from edgeqe.converters.graph.convention import Convention, OutputKind
from edgeqe.converters.onnx_io.reference import reference_bytes, residual_of
from edgeqe.errors import InputError
from tests.onnx_files import make, model, random, run

KERNEL = random(3, 3, 3, 3) * 0.3
NODES = [
    make("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1]),
    make("Cast", ["c"], ["d"], to=TensorProto.FLOAT),
    make("Add", ["x", "d"], ["s"]),
    make("Clip", ["s", "nought", "one"], ["y"]),
]
CONSTANTS: dict[str, Any] = {"k": KERNEL, "nought": np.float32(0), "one": np.float32(1)}


def by_hand(planes: Any) -> Any:
    """255 times the convolution of planes / 255."""
    padded = np.pad(planes / 255, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return 255 * np.einsum("ocij,chwij->ohw", KERNEL, windows)


@pytest.mark.parametrize("as_nodes", [False, True])
@pytest.mark.parametrize("size", [("h", "w"), (32, 48)])
def test_size_and_clip_do_not_count(size: tuple[Any, Any], as_nodes: bool) -> None:
    proto = model(NODES, CONSTANTS, shape=(1, 3, *size), as_nodes=as_nodes)
    planes = np.random.default_rng(1).integers(0, 256, (3, 10, 14)).astype(np.uint8)
    found = residual_of(
        proto.SerializeToString(), Convention("rgb", 0.0, 1.0, OutputKind("picture"))
    )
    expected = by_hand(planes)
    # (x + r) - x in float32: its rounding, in grey levels
    np.testing.assert_allclose(found(planes), expected, rtol=0, atol=255 * 1e-6)
    assert (planes + expected > 256).any()  # where the file's Clip bites


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_precision_does_not_count(dtype: Any) -> None:
    kind = {np.float16: TensorProto.FLOAT16, np.float64: TensorProto.DOUBLE}[dtype]
    nodes = [
        NODES[0],
        make("Cast", ["c"], ["f"], to=TensorProto.FLOAT),
        make("Cast", ["f"], ["d"], to=kind),
        *NODES[2:],
    ]
    constants = {name: value.astype(dtype) for name, value in CONSTANTS.items()}
    proto = model(nodes, constants, shape=(1, 3, "h", "w"), kind=kind)
    x = np.random.default_rng(2).uniform(0, 1, (1, 3, 9, 9)).astype(np.float32)
    half = {**CONSTANTS, "k": KERNEL.astype(dtype).astype(np.float32)}
    free = model([*NODES[:2], make("Add", ["x", "d"], ["y"])], half, shape=(1, 3, "h", "w"))
    result = run(reference_bytes(proto.SerializeToString()), x)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, run(free.SerializeToString(), x), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("gives", "sign"), [("residual", 1), ("noise", -1)])
def test_what_it_gives_and_its_range(gives: str, sign: int, tmp_path: Path) -> None:
    proto = model([make("Conv", ["x", "k"], ["y"], pads=[1, 1, 1, 1])], {"k": KERNEL},
                  shape=(1, 3, "h", "w"))  # fmt: skip
    path = tmp_path / "net.onnx"
    onnx.save(proto, path, save_as_external_data=True, location="net.bin", size_threshold=0)
    planes = np.random.default_rng(1).integers(0, 256, (3, 10, 14)).astype(np.uint8)
    residual = residual_of(path, Convention("rgb", -1.0, 1.0, OutputKind(gives)))(planes)
    unit = (planes / 255 * 2 - 1).astype(np.float32)[None]
    expected = sign * run(reference_bytes(path), unit)[0] * 255 / 2
    np.testing.assert_allclose(residual, expected, rtol=0, atol=1e-6 * np.ptp(expected))
    # gray level 127.5 is 0 to it: the kernel sums over the middle of a plain picture
    plain = residual_of(path, Convention("rgb", -1.0, 1.0, OutputKind(gives)))(
        np.full((3, 5, 5), 255, "u1")
    )
    np.testing.assert_allclose(plain[:, 2, 2], sign * KERNEL.sum(axis=(1, 2, 3)) * 127.5, rtol=1e-5)


def test_what_the_runtime_cannot_run_is_one_line() -> None:
    proto = model([make("Concat", ["x", "z"], ["y"], axis=1)], {"z": random(1, 1, 3, 3)})
    with pytest.raises(InputError, match="cannot run") as caught:
        residual_of(proto.SerializeToString(), Convention("rgb", 0.0, 1.0, OutputKind("residual")))(
            np.zeros((2, 8, 8), np.uint8)
        )
    assert "\n" not in str(caught.value)
