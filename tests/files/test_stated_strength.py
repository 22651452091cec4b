"""The report of a coded picture says the strength that its encoder was asked for."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from edgeqe.codecs import bpg
from edgeqe.codecs.strength import step_from_qp, step_from_quality, step_from_table
from edgeqe.errors import ImageError
from edgeqe.estimation import FACTOR
from edgeqe.files.enhance import enhance_file
from edgeqe.files.reading import PictureFile
from edgeqe.files.stated import strength_shown
from tests import coded_files
from tests.files.coded_pictures import PHOTO
from tests.files.test_files import Stand
from tests.reference import photograph

CODED: dict[str, tuple[list[float], Callable[[float], bytes]]] = {
    "jpeg": (
        [1, 5, 10, 20, 40, 50, 70, 85, 95, 100],
        lambda quality: coded_files.pillow("JPEG", PHOTO, quality=int(quality)),
    ),
    "heif": (
        [*range(10, 100, 10), 94],
        lambda quality: coded_files.heic(PHOTO, int(quality)),
    ),
    "bpg": (
        [0, 5, 10, 17, 22, 27, 32, 37, 45, 51],
        lambda qp: bpg.write(coded_files.hevc_intra(int(qp)), 96, 64),
    ),
    "jpeg2000": (
        [24 / ratio for ratio in (8, 10, 13, 16, 20, 30, 40, 50, 70, 100)],
        lambda rate: coded_files.pillow(
            "JPEG2000", PHOTO, irreversible=True, no_jp2=True, quality_mode="rates",
            quality_layers=[24 / rate],
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("codec", "asked"), [(codec, asked) for codec, (values, _) in CODED.items() for asked in values]
)
def test_the_report_says_what_the_encoder_was_asked_for(codec: str, asked: float) -> None:
    data = CODED[codec][1](asked)
    stand = Stand()
    report = enhance_file(stand, data, io.BytesIO())
    assert (report.codec, report.strength_from) == (codec, "file")
    assert (stand.codecs, stand.steps) == ([codec], [report.step])
    assert report.number is not None
    if codec == "jpeg2000":
        # the encoder cuts whole code-blocks, so in so small a picture it may stay below
        assert report.number == 8 * len(data) / (96 * 64)
        assert report.number == pytest.approx(asked, rel=0.25)
        return
    # libheif's plugin of x265: QP 47 less half the quality, measured
    assert report.number == (47 - asked // 2 if codec == "heif" else asked)
    if codec == "jpeg":
        with Image.open(io.BytesIO(data)) as picture:
            table: Any = getattr(picture, "quantization")[0]  # noqa: B009
        assert report.step == pytest.approx(step_from_table(table))
        assert (report.quality, report.quality_exact) == (asked, True)
    else:
        assert report.step == pytest.approx(step_from_qp(report.number))
        assert (report.quality, report.quality_exact) == (None, None)


@pytest.mark.parametrize("kind", ["AVIF", "WEBP"])
@pytest.mark.parametrize("quality", range(5, 100, 10))
def test_avif_and_webp_say_their_index(kind: str, quality: int) -> None:
    """The index itself is compared with FFmpeg's reading in tests/codecs."""
    data = coded_files.pillow(kind, PHOTO, quality=quality)
    said = PictureFile(data).strength
    assert said is not None
    report = enhance_file(Stand(), data, io.BytesIO())
    assert (report.codec, report.scale) == (kind.lower(), "index")
    assert (report.number, report.step) == (said.number, said.step)


def test_a_file_without_loss_says_so() -> None:
    data = coded_files.pillow("WEBP", PHOTO, lossless=True)
    with pytest.raises(ImageError, match="coded without loss, so it carries no strength"):
        enhance_file(Stand(), data, io.BytesIO())
    assert enhance_file(Stand(), data, io.BytesIO(), quality=20).strength_from == "argument"


def test_the_coarser_of_two_codings_on_one_grid_is_seen_in_planes_too() -> None:
    # quality 80 has steps of some twice those of 90, whose grid of levels hides the first coding
    # where luma is looked at as it was coded
    rgb = photograph("coffee", 40, 60, 256, 320)
    once = io.BytesIO()
    Image.fromarray(rgb).save(once, "JPEG", quality=80)
    twice = io.BytesIO()
    Image.open(once).save(twice, "JPEG", quality=90)
    file = PictureFile(twice.getvalue())
    stated, _ = strength_shown(file, file.decode())
    true = step_from_quality(80)
    assert stated.origin == "pixels"
    assert true / FACTOR <= stated.strength.step <= true * FACTOR
