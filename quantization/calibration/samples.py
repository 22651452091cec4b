"""Calibration samples: windows of reference pictures, compressed and decoded as network inputs."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from edgeqe.codecs import jpeg
from edgeqe.codecs.strength import nearest_quality
from edgeqe.errors import ImageError
from edgeqe.files.folders import list_pictures
from edgeqe.files.reading import read_picture
from edgeqe.typing import Float, Rgb
from edgeqe.views.colour import NEUTRAL, pool, rgb_to_ycc, space_to_depth

#: Side of a window, pixels, and the unit of its size: JPEG's blocks of subsampled chroma.
SIDE, UNIT = 256, 16
#: Pixels of all windows; more than that where every picture gives one.
PIXELS = 64 * SIDE**2
#: Pictures that are read, evenly chosen of the files in order.
MOST_PICTURES = 128
#: A window is the one of so many with the most gradient energy.
CANDIDATES = 4
#: Side of the small gray picture that tells pictures apart.
THUMBNAIL = 32
#: Radius of the box blur that stands for a codec's prediction, pixels.
PREDICTION_RADIUS = 2

ProgressCallback = Callable[[int, int], None]


@dataclass(frozen=True)
class Photograph:
    """Windows and facts that are kept of one reference picture."""

    name: str
    """Path below the folder."""
    sha256: str
    """Of the file."""
    size: tuple[int, int]
    """Width and height, pixels."""
    windows: tuple[Rgb, ...]
    """Shape (h, w, 3), sides multiples of `UNIT`; empty if the picture has no `UNIT` pixels
    both ways."""
    thumbnail: npt.NDArray[np.uint8]
    """The whole picture in gray, shape (THUMBNAIL, THUMBNAIL)."""
    jpeg_quality: int | None
    """IJG quality nearest to the luma table of a JPEG file, None for other formats."""


def read_photographs(
    folder: Path,
    *,
    block: int = 0,
    pixels: int = PIXELS,
    progress: ProgressCallback | None = None,
) -> list[Photograph]:
    """Read windows of the pictures of a folder, one picture in memory at a time.

    Parameters
    ----------
    folder : Path
        Searched with its sub-folders; of more than `MOST_PICTURES` some are chosen.
    block : int
        Side of the windows of a network that is defined on blocks; 0 for `SIDE`.
    pixels : int
        Pixels of all windows together; every picture gives at least one window.
    progress : callable, optional
        Called with the pictures done and their count.

    Returns
    -------
    list of Photograph
        In the order of their paths; the same for the same files.

    Raises
    ------
    InputError
        If there is no such folder, or it holds no pictures.
    ImageError
        If a picture cannot be read.
    """
    files = list_pictures(folder)
    if len(files) > MOST_PICTURES:
        files = tuple(files[index * len(files) // MOST_PICTURES] for index in range(MOST_PICTURES))
    side = block or SIDE
    count = max(1, round(pixels / side**2 / len(files)))
    photographs = []
    for done, file in enumerate(files, 1):
        photographs.append(_photograph(file, file.relative_to(folder).as_posix(), count, side))
        if progress is not None:
            progress(done, len(files))
    return photographs


def some_windows(photographs: Sequence[Photograph], most: int) -> list[Photograph]:
    """Photographs with about `most` of all their windows, evenly chosen, gray and coloured ones.

    Parameters
    ----------
    photographs : sequence of Photograph
    most : int
    """
    count = sum(len(photograph.windows) for photograph in photographs)
    step, first, chosen = max(1, count // most), 0, []
    for photograph in photographs:
        windows = [w for i, w in enumerate(photograph.windows, first) if i // 2 % step == 0]
        first += len(photograph.windows)
        chosen.append(replace(photograph, windows=tuple(windows)))
    return chosen


def inputs_at(
    photographs: Sequence[Photograph], layout: str, names: Collection[str], quality: int
) -> Iterator[dict[str, Float]]:
    """Network inputs of every window, compressed at a JPEG quality.

    Every other window is compressed in gray, because a device shows a colour network gray
    pictures too.

    Parameters
    ----------
    photographs : sequence of Photograph
    layout : str
        One of `card.LAYOUTS`.
    names : collection of str
        Inputs of the network. For ``residual``, a video codec's decoded prediction residual, the
        decoded luma minus its blurred copy stands in.
    quality : int
        IJG quality, 1 to 100.

    Yields
    ------
    dict of str to ndarray of float32, shape (1, C, h, w)
        8-bit sample values, the picture's level-shifted by 128.
    """
    windows = (window for photograph in photographs for window in photograph.windows)
    for index, window in enumerate(windows):
        gray = layout == "y" or index % 2 == 1
        picture = Image.fromarray(window)
        data = jpeg.encode(picture.convert("L") if gray else picture, quality)
        given = {"planes": _planes(data, layout, gray)[None]}
        if "residual" in names:
            given["residual"] = _prediction_residual(jpeg.decode_luma(data))[None]
        yield given


def targets_of(photographs: Sequence[Photograph], layout: str) -> Iterator[Float]:
    """Reference planes of every window, in the order of `inputs_at`.

    Yields
    ------
    ndarray of float32, shape (C, h, w)
        8-bit sample values.
    """
    windows = (window for photograph in photographs for window in photograph.windows)
    for index, window in enumerate(windows):
        gray = layout == "y" or index % 2 == 1
        luma = np.asarray(Image.fromarray(window).convert("L"), np.float32)
        if layout == "y":
            planes = luma[..., None]
        elif layout == "rgb":
            planes = np.repeat(luma[..., None], 3, -1) if gray else window.astype(np.float32)
        elif gray:
            planes = np.full((luma.shape[0] // 2, luma.shape[1] // 2, 6), NEUTRAL, np.float32)
            planes[..., :4] = space_to_depth(luma)
        else:
            ycc = rgb_to_ycc(window.astype(np.float32))
            planes = np.concatenate([space_to_depth(ycc[..., 0]), pool(ycc[..., 1:])], axis=-1)
        yield np.ascontiguousarray(planes.transpose(2, 0, 1))


def _planes(data: bytes, layout: str, gray: bool) -> Float:
    """Planes (C, h, w) of a JPEG, 8-bit sample values, level-shifted by 128."""
    if layout == "rgb":
        with Image.open(io.BytesIO(data)) as picture:
            planes = np.asarray(picture.convert("RGB"))
    elif layout == "y":
        planes = jpeg.decode_luma(data)[..., None]
    elif gray:
        phases = space_to_depth(jpeg.decode_luma(data))
        planes = np.full((*phases.shape[:2], 6), NEUTRAL, np.uint8)
        planes[..., :4] = phases
    else:
        y, cb, cr = jpeg.decode_420(data)
        planes = np.concatenate([space_to_depth(y), cb[..., None], cr[..., None]], axis=-1)
    return np.ascontiguousarray(planes.transpose(2, 0, 1), np.float32) - np.float32(NEUTRAL)


def _prediction_residual(luma: npt.NDArray[np.uint8]) -> Float:
    """Luma minus its blurred copy, shape (1, h, w)."""
    blurred = Image.fromarray(luma).filter(ImageFilter.BoxBlur(PREDICTION_RADIUS))
    return (luma.astype(np.float32) - np.asarray(blurred, np.float32))[None]


def _photograph(file: Path, name: str, count: int, side: int) -> Photograph:
    """Read a picture; the windows depend on the file's bytes, not on its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
        found = read_picture(file, as_coded=False)
    if found.bit_depth != 8:
        raise ImageError(f"'{file}' has more than 8 bits a sample: give it in 8 bits.")
    whole = Image.fromarray(found.pixels()).convert("RGB")
    digest = hashlib.sha256(file.read_bytes())
    thumbnail = whole.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX).convert("L")
    return Photograph(
        name,
        digest.hexdigest(),
        whole.size,
        _windows(whole, count, side, int.from_bytes(digest.digest()[:8], "big")),
        np.asarray(thumbnail),
        None if found.table is None else nearest_quality(found.table)[0],
    )


def _windows(picture: Image.Image, count: int, side: int, seed: int) -> tuple[Rgb, ...]:
    """Windows at random places, at most as many as lie side by side."""
    width, height = (min(side, length // UNIT * UNIT) for length in picture.size)
    if not height or not width:
        return ()
    rng = np.random.default_rng(seed)
    rights, downs = picture.width - width, picture.height - height
    windows = []
    for _ in range(min(count, picture.width * picture.height // (height * width))):
        places = zip(
            rng.integers(rights + 1, size=CANDIDATES).tolist(),
            rng.integers(downs + 1, size=CANDIDATES).tolist(),
            strict=True,
        )
        cuts = [
            np.asarray(picture.crop((left, top, left + width, top + height)))
            for left, top in places
        ]
        windows.append(max(cuts, key=_energy))
    return tuple(windows)


def _energy(window: Rgb) -> float:
    """Mean of the squared differences of neighbours, in green."""
    green = window[..., 1].astype(np.float32)
    across, down = np.diff(green, axis=1), np.diff(green, axis=0)
    return float(np.square(across).mean() + np.square(down).mean())
