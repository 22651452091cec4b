"""Measures where a training's residual must fade in at the fine steps of each codec, and writes ``fades.toml``.

Usage: ``python scripts/fades RUN [RUN ...] --data DIR [--codec CODEC ...] [--part even|odd] [--threads N] [--write]``.
The pictures of DIR, downscaled by 0.7, are coded at each codec's fine strengths as luma and as RGB, and
enhanced by the unfaded network of each RUN at quarters of its residual. Printed are the means and worst pictures
without a fade and with the best one at which no picture loses more than 0.045 dB. ``--write`` writes it into
RUN's ``fades.toml``, which exports obey; that of a network that ships goes to
``edgeqe/zoo/training/fades/RECIPE.toml``. ``--part`` takes every second picture, to judge on the others.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from fitting import SHARES, Fade, Gains, fit

from edgeqe.runtimes.quiet import quiet_start

with quiet_start():
    from edgeqe.converters.export import export
    from edgeqe.converters.sources import from_training

from edgeqe import Enhancer, metrics
from edgeqe.bench.data import folder
from edgeqe.bench.quality import PSNR_CEILING
from edgeqe.cli.progress import phases
from edgeqe.codecs.strength import KEYS_PER_OCTAVE, STILLS, step_key
from edgeqe.errors import EdgeqeError
from edgeqe.protocols import CodingProtocol, MeasuredPicture, ReferencePicture, compress
from edgeqe.reports.output_file import written_whole
from edgeqe.typing import Array
from edgeqe.zoo.training.fades import FADES

#: Strengths by codec, from where every picture gains to past what trainings see.
STRENGTHS: Mapping[str, tuple[float, ...]] = {
    "jpeg": (85, 90, 93, 95, 97),
    "jpeg2000": (1.2, 2.4, 4, 6),
    "webp": (75, 80, 85, 90, 95, 100),
    "h264": (30, 27, 25, 22, 20, 17, 14, 12),
    "hevc": (32, 30, 27, 25, 23, 22, 20, 17, 14, 12),
    "vvc": (27, 25, 22, 20, 17, 14),
    "avif": (28, 20, 16, 10, 5),
}
#: Factor of the pictures' size: off the grid that those which were JPEGs were coded on.
SCALE = 0.7
PARTS = {"even": slice(0, None, 2), "odd": slice(1, None, 2)}


@dataclass(frozen=True)
class _Shared:
    """A network that makes a share of its residual, as the protocols take it."""

    network: Enhancer
    share: float
    takes_planes = False

    def enhance(self, image: Array, /, *, step: float, codec: str) -> Array:
        """Array of the same shape."""
        return self.network.enhance(image, step=step, codec=codec, amount=self.share)

    def enhance_planes(self, *planes: Array, step: float, codec: str) -> tuple[Array, Array, Array]:
        """Refuse: RGB is enhanced as RGB."""
        raise NotImplementedError


def measured(
    networks: Mapping[str, Enhancer], picture: ReferencePicture, codec: str
) -> Iterator[tuple[str, Gains]]:
    """Gains of every network on a picture, each coding made once."""
    for protocol in (CodingProtocol.GRAY, CodingProtocol.RGB):
        for value in STRENGTHS[codec]:
            shown = compress(picture, protocol, value, codec)
            before = _psnr(shown.reference, shown.decoded)
            for name, network in networks.items():
                gains = tuple(
                    _psnr(shown.reference, shown.enhanced(_Shared(network, share))) - before
                    for share in SHARES
                )
                row = (str(protocol), value)
                yield name, Gains(codec, row, picture.name, step_key(shown.step), gains)


def _psnr(reference: MeasuredPicture, shown: MeasuredPicture) -> float:
    return metrics.psnr(reference.pixels, shown.pixels, ceiling=PSNR_CEILING)


def said(name: str, codec: str, found: list[Gains], fade: Fade) -> str:
    """Line of a network and codec."""
    whole = [gains.gains[-1] for gains in found]
    rows = len({gains.row for gains in found})
    steps = "none needed" if fade.keys is None else "{:.1f} to {:.1f}".format(*_steps(fade))
    return (
        f"{name}, {codec}: fade {steps}; mean {fade.mean / rows:+.4f}, worst {fade.worst:+.3f} dB; "
        f"unfaded mean {sum(whole) / len(whole):+.4f}, worst {min(whole):+.3f}"
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
    try:
        found = _all_gains(given)
        for training in given.trainings:
            lines = []
            for codec in given.codec or STRENGTHS:
                own = found[training.name, codec]
                fade = fit(own)
                print(said(training.name, codec, own, fade), flush=True)
                if fade.keys is not None:
                    served = STILLS.get(codec, codec)
                    lines.append("{} = [{:.2f}, {:.2f}]".format(served, *_steps(fade)))
            if given.write:
                with written_whole(training / FADES) as path:
                    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    except EdgeqeError as error:
        print(f"fades: {error}", file=sys.stderr)
        return error.exit_code
    return 0


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
            unfaded = replace(from_training(training), fades={})
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
