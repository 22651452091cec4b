"""A setting made ready: an `Enhancer` on a profile of its own, as a user would open it."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from edgeqe.bench.data import packaged_file, read_picture
from edgeqe.bench.frames import TimedFrame, decoded_frame
from edgeqe.bench.tuning.settings import Setting, Space, nothing_runs
from edgeqe.bench.tuning.tuned import profile_text
from edgeqe.enhancer import Enhancer
from edgeqe.errors import InputError, ProviderError
from edgeqe.metrics import psnr
from edgeqe.model.catalogue import shipped_models
from edgeqe.protocols import ReferencePicture
from edgeqe.targets.profile import Profile
from edgeqe.typing import Uint8

#: Levels of the timed picture, each of half the sides of the one before, and its least side in
#: pixels.
LEVELS, LEAST_SIDE = 4, 64
#: What drift is measured on: scikit-image's photographs that show faces, fur and glazed china.
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png")
QUALITIES = (10, 40, 80)


class TuningCandidate:
    """An open setting; see `trials.OpenSetting`."""

    def __init__(self, enhancer: Enhancer, sizes: Sequence[tuple[int, int]]) -> None:
        self._enhancer = enhancer
        info = enhancer.info
        self.window = info.window
        self._step = info.card.default_step
        # what a picture shows makes no difference to the time
        rng = np.random.default_rng(5)
        self._pictures = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
        self._out = [np.zeros_like(picture) for picture in self._pictures]
        self._residuals = [
            np.zeros(size, np.int16) if "residual" in info.card.inputs else None for size in sizes
        ]

    def run(self, level: int) -> Uint8:
        """Enhance the picture of a level: uint8 in, uint8 out."""
        return self._enhancer.enhance(
            self._pictures[level],
            step=self._step,
            prediction_residual=self._residuals[level],
            out=self._out[level],
        )

    def close(self) -> None:
        """Free sessions and threads."""
        self._enhancer.close()


class Opener:
    """Opens settings of one model on one target.

    Parameters
    ----------
    model : str or path
    profile : Profile
        The target's.
    limit : int
        Memory limit of each candidate, bytes.
    height, width : int
        Of the timed picture, pixels.
    folder : Path
        For the profiles; empty.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        profile: Profile,
        limit: int,
        height: int,
        width: int,
        folder: Path,
    ) -> None:
        self._model, self._profile, self._limit, self._folder = model, profile, limit, folder
        self._names = count()
        self.versions: dict[str, None] = {}
        """Runtimes that were opened, with their versions."""
        self.network = str(model) if str(model) in shipped_models() else ""
        """Name of the network where it alone is given; else empty."""
        halved = [(height >> level, width >> level) for level in range(LEVELS)]
        self.sizes = [halved[0], *(size for size in halved[1:] if min(size) >= LEAST_SIDE)]
        """Height and width of the picture by level, pixels."""

    @property
    def pixels(self) -> list[int]:
        """Of the picture by level."""
        return [height * width for height, width in self.sizes]

    def enhancer(self, setting: Setting) -> Enhancer:
        """Enhancer of a setting, on its own backend or not at all.

        Raises
        ------
        InputError, ProviderError
            As of `Enhancer`.
        """
        path = self._folder / f"candidate-{next(self._names)}.toml"
        source = str(Path(self._profile.source).resolve())
        text = profile_text(self._profile, setting, self.network, source, alone=True)
        path.write_text(text, encoding="utf-8")
        enhancer = Enhancer(self._model, target=str(path), memory_limit=self._limit)
        self.versions[f"{enhancer.info.runtime} {enhancer.info.runtime_version}"] = None
        return enhancer

    def __call__(self, setting: Setting) -> TuningCandidate:
        """Open a setting for timing."""
        return TuningCandidate(self.enhancer(setting), self.sizes)

    def running(self, space: Space) -> tuple[Space, dict[int, str]]:
        """Space whose default is the first backend that runs, as an `Enhancer` finds it.

        A runtime lists an accelerator's provider even where its libraries are not there, so the
        backends before that one drop out.

        Returns
        -------
        Space
        dict of int to str
            Backends that do not run, and why.

        Raises
        ------
        ProviderError
            If no backend runs.
        """
        refused: dict[int, str] = {}
        for setting in space.defaults():
            if self._profile.backends[setting.backend].on_accelerator:
                try:
                    self.enhancer(setting).close()
                except ProviderError as error:
                    refused[setting.backend] = str(error).rstrip(".")
                    continue
            kept = space.without([form for form in space.forms if form[0] in refused])
            start = replace(space.start, backend=setting.backend, form=setting.form)
            return replace(kept, default=setting, start=start), refused
        raise nothing_runs(self._profile, refused, str(self._model))

    def losses(
        self, space: Space, progress: Callable[[str], None] = lambda text: None
    ) -> dict[tuple[int, str], float]:
        """PSNR that each form but float32 loses against the float32 form, dB.

        It is the largest of JPEG qualities 10, 40 and 80, each a mean over scikit-image's
        packaged photographs in RGB. A form that does not run has no entry; there is nothing to
        measure where a file fixes the form.

        Raises
        ------
        InputError
            If there are forms to compare and the photographs are not installed.
        ProviderError
            If the float32 form runs nowhere here.
        """
        others = [s for s in space.starts() if s.form and s.precision != "float32"]
        if not others:
            return {}
        frames = _frames()
        progress("drift: float32")
        with self._reference() as enhancer:
            reference = _psnr_by_quality(enhancer, frames)
        found = {}
        for setting in others:
            progress(f"drift: {setting.form}")
            try:
                opened = self.enhancer(setting)
            except (InputError, ProviderError):
                continue  # the search opens it too, and its table says why it does not run
            with opened as enhancer:
                figures = _psnr_by_quality(enhancer, frames)
            losses = [reference[quality] - figures[quality] for quality in QUALITIES]
            found[setting.backend, setting.form] = max(losses)
        return found

    def _reference(self) -> Enhancer:
        """The float32 form on the processor."""
        try:
            return Enhancer(f"{self.network}:float32", target="cpu", memory_limit=self._limit)
        except ProviderError:  # a device may have LiteRT alone
            name = f"{self.network}:float32.tflite"
            return Enhancer(name, target="cpu", memory_limit=self._limit)


def left_out(losses: Mapping[tuple[int, str], float], most: float) -> dict[tuple[int, str], str]:
    """Forms that lose more than a limit in dB, and the sentence that says so."""
    return {
        form: f"drifts: loses {loss:.3f} dB against float32, at most {most:g} dB may be lost"
        for form, loss in losses.items()
        if loss > most
    }


def _frames() -> dict[int, list[tuple[ReferencePicture, TimedFrame]]]:
    """Photographs with what JPEG makes of them, by quality."""
    pictures = [read_picture(packaged_file(name)) for name in PHOTOGRAPHS]
    return {
        quality: [(picture, decoded_frame(picture, quality)) for picture in pictures]
        for quality in QUALITIES
    }


def _psnr_by_quality(
    enhancer: Enhancer, frames: Mapping[int, Sequence[tuple[ReferencePicture, TimedFrame]]]
) -> dict[int, float]:
    """Mean PSNR of the enhanced pictures, dB."""
    found = {}
    for quality, pairs in frames.items():
        figures = []
        for picture, frame in pairs:
            assert frame.rgb is not None
            made = enhancer.enhance(frame.rgb, step=frame.step, out=frame.rgb_out)
            figures.append(psnr(picture.pixels, made))
        found[quality] = statistics.fmean(figures)
    return found
