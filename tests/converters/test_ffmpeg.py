"""The form for FFmpeg: its tensors, and its pictures beside `Enhancer`'s, called as FFmpeg does.

FFmpeg's ``dnn_processing`` turns samples of 8 bits into float32 of 0 to 1 by swscale's GRAYF32,
runs one tensor (1, C, H, W) of the whole frame, and rounds 255 times the result back, clipped.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner

from edgeqe import CheckError, Enhancer, InputError, ModelError
from edgeqe.cli import main
from edgeqe.converters import convert, convert_for_ffmpeg, ffmpeg
from edgeqe.converters.ffmpeg_nodes import PREFIX, Nodes, keep_flat_chroma, residual_weights
from edgeqe.views.flat_chroma import may_change, rounded
from tests.reference import photograph

#: Photographs, and corners of sizes even and odd, down to one pixel.
PICTURES = [
    (name, top, left, height, width)
    for name in ("camera", "moon", "coins", "text", "brick")
    for top, left, height, width in ((0, 0, 64, 96), (20, 30, 41, 57), (60, 10, 33, 64), (5, 5, 1, 3))
]  # fmt: skip


def as_ffmpeg(session: Any, picture: Any) -> Any:
    """What the filter makes of a frame (H, W) or (H, W, 3)."""
    planes = picture[None] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    (out,) = session.run(["enhanced"], {"frame": (planes / np.float32(255.0))[None]})
    levels = np.clip(np.rint(255.0 * out[0].astype(np.float64)), 0, 255).astype(np.uint8)
    return levels[0] if picture.ndim == 2 else np.moveaxis(levels, 0, -1)


def pictured(name: str, top: int, left: int, height: int, width: int, colour: bool) -> Any:
    picture = photograph(name, top, left, height, width)
    if not colour:
        return picture
    other = [photograph(name, top + k, left + 2 * k, height, width) for k in (3, 7)]
    coloured = np.stack([picture, other[0], 255 - other[1] // 2], -1)
    coloured[:, width // 2 :] = picture[:, width // 2 :, None]  # whose chroma may not change
    return coloured


def session_of(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("planes", ["y", "rgb"])
def test_twenty_pictures_equal_the_enhancer(planes: str, tmp_path: Path) -> None:
    made = convert_for_ffmpeg("edgeqe-nano", tmp_path / "f.onnx", planes=planes, quality=20)
    session = session_of(made.path)
    changed = 0
    with Enhancer("edgeqe-nano:int8", threads=1) as enhancer:
        for place in PICTURES:
            picture = pictured(*place, colour=planes == "rgb")
            wanted = enhancer.enhance(picture, quality=20)
            got = as_ffmpeg(session, picture)
            # One grey level, where a sum in another order rounds the other way.
            assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1, place
            changed += int((wanted != picture).sum())
    assert changed > 1000


@pytest.mark.parametrize(
    ("model", "how"),
    [
        ("edgeqe-nano", {"step": 0.75}),
        ("edgeqe-nano", {"step": 0.5}),
        ("edgeqe-tiny", {"step": 8.0, "codec": "webp"}),
        ("edgeqe-tiny", {"step": 3.5, "codec": "webp"}),
    ],
)
def test_at_the_finest_steps_the_change_fades_out(
    model: str, how: dict[str, Any], tmp_path: Path
) -> None:
    made = convert_for_ffmpeg(model, tmp_path / "f.onnx", **how)
    picture = pictured("camera", 20, 30, 64, 96, colour=False)
    noise = np.random.default_rng(1).normal(0, 12, picture.shape)  # something to change
    picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    with Enhancer(f"{model}:int8", threads=1) as enhancer:
        wanted = enhancer.enhance(picture, **how)
    got = as_ffmpeg(session_of(made.path), picture)
    assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1
    assert (got != picture).any() == (how["step"] in (0.75, 8.0))


def test_the_contract_of_the_tensors(tmp_path: Path) -> None:
    for planes, channels in (("y", 1), ("rgb", 3)):
        convert_for_ffmpeg("edgeqe-nano", tmp_path / f"{planes}.onnx", planes=planes, quality=40)
        session = session_of(tmp_path / f"{planes}.onnx")
        (given,), (out,) = session.get_inputs(), session.get_outputs()
        assert (given.name, out.name) == ("frame", "enhanced")
        assert given.type == out.type == "tensor(float)"
        assert given.shape == out.shape == [1, channels, "height", "width"]
    import onnx

    for planes in ("y", "rgb"):
        network = onnx.load(str(tmp_path / f"{planes}.onnx"))
        nodes = network.graph.node
        assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in nodes}
        onnx.checker.check_model(network, full_check=True)
        read = {name for node in nodes for name in node.input}
        # ONNX Runtime, and so FFmpeg, warns of others at each start
        assert {constant.name for constant in network.graph.initializer} <= read


@pytest.mark.parametrize("network", ["vrcnn", "mvgl-b"])  # of luma, and of R, G and B
def test_networks_at_full_size(network: str, tmp_path: Path) -> None:
    convert(network, tmp_path / "m.onnx")
    for planes in ("y", "rgb"):
        made = convert_for_ffmpeg(
            tmp_path / "m.onnx", tmp_path / f"{planes}.onnx", planes=planes, step=20.0
        )
        picture = pictured("camera", 3, 4, 41, 57, colour=planes == "rgb")
        with Enhancer(tmp_path / "m.onnx", threads=1) as enhancer:
            wanted = enhancer.enhance(picture, step=20.0)
        got = as_ffmpeg(session_of(made.path), picture)
        assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1


def test_what_has_no_such_form_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "f.onnx"
    for model, how, error, words in (
        ("edgeqe-nano:int8.tflite", {"quality": 20}, InputError, "TFLite"),
        ("edgeqe-nano", {}, InputError, "exactly one"),
        ("edgeqe-nano", {"qp": 30, "codec": "vvc"}, InputError, "vvc"),
        ("edgeqe-nanu", {"quality": 20}, ModelError, "edgeqe-nanu"),
    ):
        with pytest.raises(error, match=words):
            convert_for_ffmpeg(model, out, **how)
    with pytest.raises(InputError, match="end in .onnx"):
        convert_for_ffmpeg("edgeqe-nano", tmp_path / "f.tflite", quality=20)
    assert list(tmp_path.iterdir()) == []
    out.write_bytes(b"mine")
    with pytest.raises(InputError, match="overwrite"):
        convert_for_ffmpeg("edgeqe-nano", out, quality=20)
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize("reach", [0, 1, 4])
def test_flat_chroma_is_kept_as_on_the_device(reach: int) -> None:
    rng = np.random.default_rng(reach)
    chroma = rng.integers(0, 2, (2, 20, 24)).astype(np.float32)
    chroma[0, 3, 4], chroma[1, 15, 20] = 127.5, -9.0
    nodes = Nodes()
    keep_flat_chroma(nodes, "residual", reach, "kept")
    shapes = {f"{PREFIX}chroma": [1, 2, 20, 24], "residual": [1, 6, 20, 24], "kept": [1, 6, 20, 24]}
    given = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    constants = [onnx.numpy_helper.from_array(v, k) for k, v in nodes.constants.items()]
    graph = onnx.helper.make_graph(nodes.nodes, "rule", given[:2], given[2:], constants)
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feeds = {f"{PREFIX}chroma": chroma[None], "residual": np.ones((1, 6, 20, 24), np.float32)}
    (kept,) = session.run(None, feeds)
    mask = may_change(rounded(chroma), reach)
    assert mask.any() and not mask.all()
    np.testing.assert_array_equal(kept[0, :4], 1)
    np.testing.assert_array_equal(kept[0, 4:], np.broadcast_to(mask, (2, 20, 24)))


def test_a_file_that_differs_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = residual_weights("420-space-to-depth", "gray")
    monkeypatch.setattr(ffmpeg, "residual_weights", lambda *_: -weights)
    with pytest.raises(CheckError, match="nothing was written"):
        convert_for_ffmpeg("edgeqe-nano", tmp_path / "f.onnx", quality=20)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_prints_the_filter(tmp_path: Path) -> None:
    out = tmp_path / "it's 40.onnx"
    line = ["convert", "edgeqe-nano", "--for", "ffmpeg", "--quality", "40", "-o", str(out)]
    done = CliRunner().invoke(main, line)
    assert done.exit_code == 0, done.output
    assert "ffmpeg -i IN -vf" in done.output and ":input=frame:output=enhanced" in done.output
    assert "format=yuv420p,dnn_processing=dnn_backend=onnx" in done.output
    assert CliRunner().invoke(main, [*line, "--overwrite", "--float16"]).exit_code == 2
    other = ["convert", "edgeqe-nano", "--quality", "40", "-o", str(tmp_path / "a.onnx")]
    assert CliRunner().invoke(main, other).exit_code == 2


@pytest.mark.parametrize(
    ("path", "escaped"),
    [("a.onnx", "a.onnx"), ("a:b", r"a\\:b"), ("it's", r"it\\\'s"), ("a,b", r"a\,b")],
)
def test_a_path_is_escaped_twice(path: str, escaped: str) -> None:
    # By FFmpeg's own example of its documentation on filtergraph escaping: the option's colon
    # becomes \: and that, inside the chain, \\: ; a comma is of the chain alone.
    assert ffmpeg._escaped(path) == escaped
