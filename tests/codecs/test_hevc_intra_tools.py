"""The HEVC intra decoder on tools that x265 does not have, and on damaged streams."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the HEVC decoder needs numba: pip install 'edgeqe[codecs]'")

from edgeqe.codecs.hevc_intra import decode
from edgeqe.codecs.hevc_intra.sequence import RANGE_TOOLS
from edgeqe.errors import InputError
from tests.hevc_headers import Design
from tests.hevc_writer import HevcWriter

ROOT = Path(__file__).resolve().parents[2]

DESIGNS = {
    "plain": Design(),
    "one block": Design(width=8, height=8),
    "PCM": Design(pcm=(8, 8)),
    "PCM of few bits": Design(pcm=(5, 3)),
    "gray PCM": Design(chroma=0, pcm=(7, 2)),
    "PCM of 10 bits, lossless blocks": Design(
        bit_depth=10, pcm=(9, 10), lossless=True, qp_delta_depth=1
    ),
    "lossless blocks": Design(lossless=True),
    "transform skip": Design(transform_skip=True),
    "QP of coding tree blocks": Design(qp_delta_depth=0),
    "QP of coding blocks": Design(qp_delta_depth=1),
    "QP of 10 bits": Design(bit_depth=10, qp_delta_depth=1, qp=-5),
    "scaling lists": Design(scaling=True),
    "scaling lists and transform skip": Design(scaling=True, transform_skip=True, bit_depth=10),
    "tiles": Design(tiles=(2, 2)),
    "tiles and slices": Design(tiles=(3, 2), slices=(2,)),
    "tiles and dependent segments": Design(tiles=(2, 1), segments=(3,)),
    "slices": Design(slices=(3, 7)),
    "dependent segments": Design(segments=(2, 5), slices=(3,)),
    "wavefronts": Design(wavefront=True),
    "wavefronts, a segment a row": Design(wavefront=True, segments=(4, 8)),
    "wavefronts, segments inside rows": Design(wavefront=True, segments=(2, 4, 6)),
    "wavefronts one block wide": Design(width=16, height=64, wavefront=True, segments=(1, 2)),
    "window on all sides": Design(width=72, height=56, window=(1, 2, 1, 3)),
    "references": Design(pictures=3),
    "all": Design(
        width=136,
        height=104,
        pcm=(8, 8),
        lossless=True,
        transform_skip=True,
        qp_delta_depth=1,
        scaling=True,
        tiles=(3, 2),
        pictures=2,
        qp=20,
    ),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_written_streams_are_decoded_as_ffmpeg_decodes_them(name: str) -> None:
    pytest.importorskip("av", reason="streams are checked by PyAV")
    from tests.hevc_streams import decode_by_ffmpeg

    design = DESIGNS[name]
    stream = HevcWriter(design, seed=len(name)).stream()
    pictures = decode(stream)
    references = decode_by_ffmpeg(stream)
    assert len(pictures) == len(references) == design.pictures
    for picture, reference in zip(pictures, references, strict=True):
        for plane, expected in zip(picture.reconstruction, reference, strict=True):
            np.testing.assert_array_equal(plane, expected)
        for whole, predicted, residual in zip(
            picture.reconstruction, picture.prediction, picture.residual, strict=True
        ):
            added = predicted.astype(int) + residual
            np.testing.assert_array_equal(added.clip(0, (1 << design.bit_depth) - 1), whole)


def test_the_blocks_are_those_that_were_written() -> None:
    writer = HevcWriter(Design(width=136, height=104, pcm=(8, 8), qp_delta_depth=0, slices=(9,)))
    (picture,) = decode(writer.stream())
    np.testing.assert_array_equal(picture.tu_log2, writer.tu_log2)
    np.testing.assert_array_equal(picture.qp, writer.qp)
    assert len(np.unique(writer.qp)) > 5


def test_the_residual_is_zero_exactly_where_no_coefficients_are() -> None:
    # At QP 51 any first coefficient shows in every sample of its block.
    writer = HevcWriter(Design(width=136, height=104, pcm=(8, 8), qp=51))
    (picture,) = decode(writer.stream())
    coded = writer.coded.repeat(4, 0).repeat(4, 1)
    assert 0.1 < coded.mean() < 0.9
    np.testing.assert_array_equal(picture.residual[0] != 0, coded)


def test_tiles_and_wavefronts_together() -> None:
    # FFmpeg does not decode both at once. The same blocks without wavefronts differ in no
    # sample, because nothing but the arithmetic coding depends on them.
    both = HevcWriter(Design(width=96, height=64, tiles=(2, 2), wavefront=True), 5).stream()
    tiles = HevcWriter(Design(width=96, height=64, tiles=(2, 2)), 5).stream()
    assert both != tiles
    np.testing.assert_array_equal(
        decode(both)[0].reconstruction[0], decode(tiles)[0].reconstruction[0]
    )


@pytest.mark.parametrize("tool", range(len(RANGE_TOOLS)))
def test_range_extensions_are_refused_by_name(tool: int) -> None:
    stream = HevcWriter(Design(range_tool=tool)).stream()
    with pytest.raises(InputError, match=RANGE_TOOLS[tool]):
        decode(stream)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"", "start code"),
        (b"RIFF\0\0\1", "start code"),
        (b"\0\0\1", "no picture"),
        (b"\0\0\1\x28\1\xff\xff", "parameter set 0"),
    ],
)
def test_no_stream_at_all(stream: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode(stream)


def test_a_missing_slice_is_an_error() -> None:
    stream = HevcWriter(Design(slices=(3, 7))).stream()
    head, *units = stream.split(b"\0\0\0\1")
    units = [b"\0\0\0\1" + unit for unit in units]
    assert len(units) == 6
    for missing, message in ((3, "first slice"), (4, "before block 7"), (5, "7 of a picture's 12")):
        kept = b"".join(unit for index, unit in enumerate(units) if index != missing)
        with pytest.raises(InputError, match=message):
            decode(head + kept)
    with pytest.raises(InputError, match="before block 3|behind the last block"):
        decode(stream + units[4])


def test_a_truncated_stream_is_an_error() -> None:
    stream = HevcWriter(Design(pcm=(8, 8))).stream()
    for length in range(90, len(stream) - 1, 97):
        with pytest.raises(InputError):
            decode(stream[:length])


def test_damaged_streams_end_in_an_error_or_a_picture() -> None:
    # In a process of its own: numba checks no bounds. 2,000 and more by hand, see the script.
    done = subprocess.run(
        [sys.executable, "-m", "tests.hevc_fuzz", "300", "7"],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "'damaged'" in done.stdout and "'pictures'" in done.stdout
    assert "'pictures': 300" not in done.stdout


def test_compiled_code_is_out_of_date_when_any_file_of_the_package_changes(tmp_path: Path) -> None:
    package = tmp_path / "kernels"
    package.mkdir()
    source = ROOT / "edgeqe" / "codecs" / "hevc_intra" / "jit.py"
    (package / "jit.py").write_bytes(source.read_bytes())
    (package / "function.py").write_text(
        "from kernels import constants\nfrom kernels.jit import compiled\n"
        "@compiled\ndef value():\n    return constants.VALUE\n"
    )
    program = "from kernels.function import value as f; print(f(), len(f.stats.cache_hits))"

    def run() -> str:
        return subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True, text=True, check=True,
            env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        ).stdout.strip()  # fmt: skip

    (package / "constants.py").write_text("VALUE = 1\n")
    assert [run(), run()] == ["1 0", "1 1"]
    (package / "constants.py").write_text("VALUE = 22\n")
    assert run() == "22 0"


def test_without_a_place_for_compiled_code_there_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import numba

    from edgeqe.codecs.hevc_intra.jit import compiled

    compile_any: Any = numba.njit

    def njit(cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function")
        return compile_any(**options)

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(lambda x: x + 1)(2) == 3


def test_without_numba_the_error_has_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgeqe.codecs.hevc_intra.jit import compiled

    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(InputError, match=r"pip install 'edgeqe\[codecs\]'"):
        compiled(lambda: None)


def test_the_face_is_there_without_numba() -> None:
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "from edgeqe.codecs.hevc_intra import IntraPicture, decode"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
