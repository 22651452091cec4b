"""JPEGs that are cut short or have holes, and intact ones that must never be taken for such."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeqe.codecs.jpeg_layout import read_layout
from edgeqe.codecs.jpeg_whole import largest_share
from edgeqe.errors import ImageError
from edgeqe.files.enhance import enhance_file, read_picture
from tests.files.jpegs import frame_changed, jpeg, photo, scans, segment, with_hole, with_segment
from tests.files.test_files import Stand

KINDS: dict[str, dict[str, Any]] = {
    "4:2:0": {},
    "4:2:2": {"subsampling": 1},
    "4:4:4": {"subsampling": 0},
    "gray": {"mode": "L"},
    "RGB": {"keep_rgb": True},
    "progressive": {"progressive": True},
    "gray progressive": {"mode": "L", "progressive": True},
    "own codes": {"optimize": True},
    "restarts": {"restart_marker_blocks": 3},
    "restarts by row": {"restart_marker_rows": 1},
    "progressive restarts": {"progressive": True, "restart_marker_blocks": 5},
}


def without_stand_in(content: bytes) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("quality", [5, 60, 100])
@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_whole(kind: str, quality: int) -> None:
    for image in (photo(), photo(33, 50), np.full((40, 40, 3), 128, np.uint8)):
        content = jpeg(image, **{**KINDS[kind], "quality": quality})
        for whole in (content, content[:-2], content[:-1], content + b"behind", content + bytes(9)):
            found = read_picture(whole)
            assert found.present is None
            np.testing.assert_array_equal(found.pixels(), without_stand_in(content))


@pytest.mark.parametrize("kept", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_holes_are_found(kind: str, kept: float) -> None:
    """libjpeg shows such a file without a word, gray where nothing is there."""
    holed = with_hole(jpeg(**KINDS[kind]), 0, kept)
    assert without_stand_in(holed).size
    with pytest.raises(ImageError, match="damaged or cut short .* --accept-truncated"):
        read_picture(holed)
    found = read_picture(holed, accept_truncated=True)
    np.testing.assert_array_equal(found.pixels(), without_stand_in(holed))
    assert found.present is not None
    if "restarts" not in kind:  # one row of units is a sixth of the picture
        assert found.present == pytest.approx(kept, abs=0.17)


@pytest.mark.parametrize("scan", range(10))
def test_a_hole_in_any_scan_is_found(scan: int) -> None:
    content = jpeg(progressive=True)
    assert len(scans(content)) == 10
    with pytest.raises(ImageError, match="cut short"):
        read_picture(with_hole(content, scan, 0.5))


def test_a_hole_between_restarts_costs_its_interval_alone() -> None:
    content = jpeg(restart_marker_rows=1)  # 96 rows: six rows of units
    first = content.index(b"\xff\xd1") + 2
    second = content.index(b"\xff\xd2")
    holed = content[: first + 4] + content[second:]
    present = read_picture(holed, accept_truncated=True).present
    assert present is not None and 5 / 6 <= present < 1.0


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_restarts_that_are_missing_are_found(end: bytes) -> None:
    """Cut behind a whole interval: libjpeg reads no data that is not there."""
    content = jpeg(restart_marker_rows=1)
    cut = content[: content.index(b"\xff\xd2")] + end
    with pytest.raises(ImageError, match="at most 50 %"):
        read_picture(cut)
    assert read_picture(cut, accept_truncated=True).present == pytest.approx(0.5)


@pytest.mark.parametrize("part", [0.3, 0.7, 0.97])
def test_what_is_there_of_a_cut_file_is_enhanced(tmp_path: Path, part: float) -> None:
    content = jpeg()
    start, stop = scans(content)[0]
    cut = content[: start + round(part * (stop - start))]
    with pytest.raises(ImageError, match="--accept-truncated"):
        enhance_file(Stand(), cut, tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []
    report = enhance_file(Stand(), cut, tmp_path / "out.png", accept_truncated=True)
    assert report.present is not None
    assert report.present == pytest.approx(part, abs=0.17)
    rows = int(16 * (96 * report.present // 16)) - 16  # but the filter of chroma looks down
    whole = without_stand_in(content)
    np.testing.assert_array_equal(read_picture(tmp_path / "out.png").pixels()[:rows], whole[:rows])


def test_a_progressive_file_without_its_last_scans() -> None:
    content = jpeg(progressive=True)
    cut = content[: scans(content)[4][1]]
    with pytest.raises(ImageError, match="all, without its last details, is there"):
        read_picture(cut)
    assert read_picture(cut, accept_truncated=True).present == 1.0
    # with an end it is what its maker wanted: no less than other files say
    assert read_picture(cut + b"\xff\xd9").present is None


def test_a_component_without_a_scan_is_missing() -> None:
    content = jpeg(progressive=True)
    # the first scan has the means of all components; keep the second, of luma alone
    first, second = scans(content)[:2]
    header = content.rindex(b"\xff\xda", 0, first[0])
    with pytest.raises(ImageError, match="cut short"):
        read_picture(content[:header] + content[first[1] : second[1]] + b"\xff\xd9")


def test_a_size_that_the_bytes_cannot_hold_is_refused_undecoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = jpeg(photo(32, 32))
    huge = frame_changed(small, 5, *(10000).to_bytes(2, "big") * 2)
    layout = read_layout(huge)
    assert layout is not None and largest_share(layout) < 0.01
    from PIL import JpegImagePlugin

    def reached(*_: object) -> None:
        raise AssertionError("the decoder was reached")

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "_open", reached)
    with pytest.raises(ImageError, match="of 10000x10000 pixels at most 0 % is there"):
        read_picture(huge, pixel_limit=10**9)


def test_the_fewest_bits_of_a_flat_picture() -> None:
    """Flat and with codes of its own: 1 bit for a mean that stays, 1 for the end of a block."""
    content = jpeg(np.full((64, 640, 3), 90, np.uint8), "L", optimize=True)
    layout = read_layout(content)
    assert layout is not None and largest_share(layout) == 1.0
    (scan,) = layout.scans
    assert 8 * (scan.stop - scan.start) < 2 * 640 + 64
    assert read_picture(content).present is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (frame_changed(jpeg(), 0, 0xC3), r"lossless JPEGs \(ITU-T T.81, annex H\) are not read"),
        (frame_changed(jpeg(), 0, 0xCB), "lossless JPEGs"),
        (frame_changed(jpeg(), 0, 0xC5), r"hierarchical JPEGs \(ITU-T T.81, annex J\)"),
        (with_segment(jpeg(), 0xDE, bytes((8, 0, 9, 0, 9, 0))), "hierarchical JPEGs"),
        (frame_changed(frame_changed(jpeg(), 0, 0xC1), 4, 12), "JPEGs of 12 bits a sample"),
        (frame_changed(jpeg(), 5, 0, 0), r"state their height behind the picture \(DNL\)"),
        (frame_changed(frame_changed(jpeg(), 11, 0x33), 14, 0x22), "no whole parts of each other"),
    ],
)
def test_kinds_that_are_not_read_are_called_by_name(content: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        read_picture(content)
    assert "damaged" not in str(caught.value) and "convert it" in str(caught.value)


def test_two_components_are_called_by_name() -> None:
    content = jpeg(subsampling=0)
    frame = content.index(b"\xff\xc0")
    header = content[frame + 4 : frame + 9] + b"\x02" + content[frame + 10 : frame + 16]
    scan = content.index(b"\xff\xda")
    two = content[:frame] + segment(0xC0, header) + content[frame + 19 : scan]
    two += segment(0xDA, b"\x02" + content[scan + 5 : scan + 9] + b"\0\x3f\0")
    two += content[scan + 14 :]
    with pytest.raises(ImageError, match="JPEGs of 2 components are not read"):
        read_picture(two)


@pytest.mark.parametrize("transform", [0, 2])
def test_cmyk_and_ycck_are_called_by_name(transform: int) -> None:
    content = jpeg(mode="CMYK")
    adobe = content.index(b"Adobe")
    content = content[: adobe + 11] + bytes((transform,)) + content[adobe + 12 :]
    with pytest.raises(ImageError, match="pixels of the kind CMYK, which edgeqe does not enhance"):
        read_picture(content)


def test_arithmetic_coding_is_read_or_called_by_name() -> None:
    """By what libjpeg makes of Huffman codes: its decoder takes any bits, and no fewest."""
    content = frame_changed(jpeg(mode="L"), 0, 0xC9)
    layout = read_layout(content)
    assert layout is not None and layout.arithmetic and largest_share(layout) == 1.0
    try:
        expected = without_stand_in(content)
    except OSError:
        with pytest.raises(ImageError, match="arithmetic-coded JPEG that this Pillow does not"):
            read_picture(content)
    else:
        found = read_picture(content)
        assert found.present is None
        np.testing.assert_array_equal(found.pixels(), expected)
        with pytest.raises(ImageError, match="cut short"):
            read_picture(content[:-2])  # nothing but the end marker says that all is there
    with pytest.raises(ImageError, match="arithmetic-coded JPEG that this Pillow does not decode"):
        read_picture(frame_changed(jpeg(mode="L"), 0, 0xCA))
