"""Measures what shares of a training's residual to make, by codec, and where it must fade in at fine steps.

Usage: ``python scripts/fades RUN [RUN ...] --data DIR [--codec CODEC ...] [--part even|odd] [--threads N] [--write]``.
The pictures of DIR, downscaled by 0.7, are coded at each codec's strengths as luma and as RGB, and
enhanced by the whole, unfaded residual of each RUN; shares of it, and of chroma in it, are added to what was
decoded. Printed are the mean and worst picture of all of it, and those of the shares and the fade of most gain at
which no picture loses more than 0.046 dB. ``--write`` writes them into RUN's ``fades.toml``, which exports obey;
those of a network that ships go to ``edgeqe/zoo/training/fades/RECIPE.toml``. ``--part`` takes every second
picture, to judge on the others. Minutes a codec.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from fitting import CHROMA, SHARES, Fade, Gains, fit

from edgeqe.runtimes.quiet import quiet_start

with quiet_start():
    from edgeqe.converters.export import export
    from edgeqe.converters.sources import Source, from_training

from edgeqe import Enhancer, metrics
from edgeqe.bench.data import folder
from edgeqe.bench.quality import PSNR_CEILING
from edgeqe.cli.progress import phases
from edgeqe.codecs.strength import KEYS_PER_OCTAVE, STILLS, step_key
from edgeqe.errors import EdgeqeError
from edgeqe.protocols import CodingProtocol, CompressedPicture, ReferencePicture, compress
from edgeqe.reports.output_file import written_whole
from edgeqe.typing import Array
from edgeqe.views.colour import RGB_TO_YCC
from edgeqe.zoo.training.fades import FADES

#: Strengths by codec, from coarse ones to past what trainings see.
STRENGTHS: Mapping[str, tuple[float, ...]] = {
    "jpeg2000": (0.27, 0.6, 1.2, 2.4, 4, 6),
    "webp": (50, 65, 75, 80, 85, 90, 95, 100),
    "h264": (37, 32, 27, 22, 20, 17, 14, 12),
    "hevc": (37, 32, 27, 25, 22, 20, 17, 14, 12),
    "vvc": (37, 32, 27, 22, 20, 17, 14),
    "avif": (44, 28, 20, 16, 10, 5),
}
#: Factor of the pictures' size: off the grid that those which were JPEGs were coded on.
SCALE = 0.7
#: What 8-bit samples are multiplied by to span 16 bits.
DEPTH = 257
PARTS = {"even": slice(0, None, 2), "odd": slice(1, None, 2)}


def measured(
    networks: Mapping[str, Enhancer], picture: ReferencePicture, codec: str
) -> Iterator[tuple[str, Gains]]:
    """Gains of every network on a picture, each coding made once."""
    for protocol in (CodingProtocol.GRAY, CodingProtocol.RGB):
        for value in STRENGTHS[codec]:
            shown = compress(picture, protocol, value, codec)
            for name, network in networks.items():
                row = (str(protocol), value)
                deep = shown.decoded.pixels.astype(np.uint16) * DEPTH  # the residual unrounded
                made = network.enhance(deep, step=shown.step, codec=codec)
                gains = gains_of(shown, (made.astype(np.float64) - deep) / DEPTH)
                yield name, Gains(codec, row, picture.name, step_key(shown.step), gains)


def gains_of(shown: CompressedPicture, change: Array) -> tuple[tuple[float, ...], ...]:
    """Gains of shares of a change, as of `Gains`; gray has no chroma, so its rows are the same.

    Parameters
    ----------
    shown : CompressedPicture
    change : ndarray of float64, shape (H, W) or (H, W, 3)
        8-bit levels.
    """
    reference, decoded = shown.reference.pixels, shown.decoded.pixels
    before = metrics.psnr(reference, decoded, ceiling=PSNR_CEILING)
    parts = change @ RGB_TO_YCC.T if change.ndim == 3 else change
    found: list[tuple[float, ...]] = []
    for chroma in CHROMA:
        if change.ndim == 2 and found:
            found.append(found[0])
            continue
        mixed = (
            (parts * (1.0, chroma, chroma)) @ np.linalg.inv(RGB_TO_YCC).T
            if change.ndim == 3
            else change
        )
        made = [
            np.clip(np.rint(decoded + share * mixed), 0, 255).astype(np.uint8) for share in SHARES
        ]
        found.append(tuple(metrics.psnr(reference, m, ceiling=PSNR_CEILING) - before for m in made))
    return tuple(found)


def said(name: str, codec: str, found: list[Gains], fade: Fade) -> str:
    """Line of a network and codec."""
    every = [gains.gains[-1][-1] for gains in found]
    steps = "none" if fade.keys is None else "{:.2f} to {:.2f}".format(*_steps(fade))
    return (
        f"{name}, {codec}: luma {fade.whole:.2f}, chroma {fade.whole * fade.chroma:.2f}, fade {steps}; mean "
        f"{fade.mean:+.4f}, worst {fade.worst:+.3f} dB; all of it {sum(every) / len(every):+.4f}, "
        f"{min(every):+.3f}"
    )


def _steps(fade: Fade) -> tuple[float, float]:
    """Steps of a fade, 8-bit sample values."""
    assert fade.keys is not None, "only what has keys has steps"
    first, last = (2.0 ** (key / KEYS_PER_OCTAVE) for key in fade.keys)
    return first, last


def main() -> int:
    """Read the command line, measure, fit, print."""
    parser = argparse.ArgumentParser(prog="fades", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "trainings", nargs="+", type=Path, metavar="RUN", help="folder of a training"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of validation pictures")
    parser.add_argument(
        "--codec", action="append", choices=tuple(STRENGTHS), help="all if left out"
    )
    parser.add_argument(
        "--part", choices=tuple(PARTS), help="every second picture; all if left out"
    )
    parser.add_argument("--threads", type=int, help="all processors if left out")
    parser.add_argument("--write", action="store_true", help=f"write {FADES} into each RUN")
    given = parser.parse_args()
    if given.write and given.codec:
        parser.error("--write is of all codecs: leave --codec out.")
    try:
        found = _all_gains(given)
        for training in given.trainings:
            lines, shares = list[str](), list[str]()
            for codec in given.codec or STRENGTHS:
                own = found[training.name, codec]
                fade = fit(own)
                print(said(training.name, codec, own, fade), flush=True)
                served = STILLS.get(codec, codec)
                if fade.whole * fade.chroma < 1.0:
                    luma, chroma = fade.whole, fade.whole * fade.chroma
                    shares.append(f"{served} = [{luma:.2f}, {chroma:.2f}]")
                if fade.keys is not None:
                    lines.append("{} = [{:.2f}, {:.2f}]".format(served, *_steps(fade)))
            if given.write:
                with written_whole(training / FADES) as path:
                    path.write_text("\n".join([*lines, "[shares]", *shares, ""]), encoding="utf-8")
    except EdgeqeError as error:
        print(f"fades: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def whole_residual(training: Path) -> Source:
    """Network of a training without the fades and shares of its files."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / training.name
        shutil.copytree(training, copy)
        (copy / FADES).write_text("", encoding="utf-8")  # before the shipped one of its recipe
        return from_training(copy)


def _all_gains(given: argparse.Namespace) -> dict[tuple[str, str], list[Gains]]:
    """Gains by training and codec."""
    pictures = [picture for picture in folder(given.data, SCALE) if not picture.gray]
    pictures = pictures[PARTS.get(given.part, slice(None))]
    found: dict[tuple[str, str], list[Gains]] = {}
    with (
        tempfile.TemporaryDirectory() as place,
        ExitStack() as stack,
        phases(hide=False) as progress,
    ):
        networks = {}
        for training in given.trainings:
            unfaded = whole_residual(training)
            path = Path(place) / f"{training.name}.onnx"
            export(unfaded, path)
            networks[training.name] = stack.enter_context(Enhancer(path, threads=given.threads))
        for codec in given.codec or STRENGTHS:
            for done, picture in enumerate(pictures, 1):
                for name, gains in measured(networks, picture, codec):
                    found.setdefault((name, codec), []).append(gains)
                progress(codec, done, len(pictures))
    return found


if __name__ == "__main__":
    sys.exit(main())
