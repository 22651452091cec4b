"""What the command line asks of a run, checked, as a plan and open models."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edgeqe.bench.baseline_check.rows import BaselineLimits
from edgeqe.bench.bd import LEAST_POINTS
from edgeqe.bench.choices import label_of, shipped_on
from edgeqe.bench.clips import ClipSet, references
from edgeqe.bench.data import PictureSet, packaged
from edgeqe.bench.frames import SIZES
from edgeqe.bench.latency import KINDS, Effort
from edgeqe.bench.made_clip import make_clip
from edgeqe.bench.run import BenchPlan
from edgeqe.bench.tradeoff import Requirement
from edgeqe.coding import CODECS, RatePoint, asked_points
from edgeqe.engine.memory import parse_size
from edgeqe.enhancer import Enhancer
from edgeqe.errors import InputError, MemoryLimitError
from edgeqe.protocols import CodingProtocol, protocols_of, protocols_with
from edgeqe.runtimes.selection import profile_for
from edgeqe.views.options import EnhanceOptions

#: Memory limit if none is given.
MEMORY_LIMIT = "64MiB"
#: JPEG qualities if none are given, and those of a full run, which are ASQE-CNN's.
QUALITIES, FULL_QUALITIES = (10, 20, 40), (10, 20, 40, 70, 85, 90)
#: Protocols if none is given, those of them that the codec has.
PROTOCOLS = (CodingProtocol.GRAY, CodingProtocol.PLANES)
#: Seconds of a size's rounds in a full run.
FULL_SECONDS = 180.0


@dataclass(frozen=True)
class Request:
    """Options of ``edgeqe bench`` by their names; empty and None where they were left out."""

    models: tuple[str, ...] = ()
    source: str = "pictures"
    data: Path | None = None
    scale: float = 1.0
    protocols: tuple[str, ...] = ()
    codec: str | None = None
    qualities: tuple[float, ...] = ()
    qps: tuple[float, ...] = ()
    rates: tuple[float, ...] = ()
    low_delay: bool = False
    sizes: tuple[str, ...] = ()
    full: bool = False
    target: str = "auto"
    threads: int | None = None
    memory_limit: str | None = None
    allow_fallback: bool = False
    fps: float | None = None
    latency_ms: float | None = None
    compare: tuple[str, str] | None = None
    peers: tuple[Path, ...] = ()
    repeats: int | None = None
    no_quality: bool = False
    no_speed: bool = False
    ensemble: int = 1
    estimated: bool = False
    baseline: Path | None = None
    max_drop: float = 0.05
    max_slowdown: float = 10.0
    accept_unlike: bool = False
    junit: Path | None = None
    as_json: bool = False
    out: Path | None = None
    overwrite: bool = False

    def refuse(self, why: str, *names: str) -> None:
        """Refuse options that another one leaves without a meaning.

        Raises
        ------
        InputError
            If one of them was given.
        """
        flags = {"models": "model", "protocols": "protocol", "qualities": "quality"}
        flags |= {"sizes": "size", "peers": "peer", "latency_ms": "latency"}
        flags |= {"qps": "qp", "rates": "rate"}
        given = [
            f"--{flags.get(name, name).replace('_', '-')}"
            for name in names
            if getattr(self, name) != getattr(Request, name)
        ]
        if given:
            raise InputError(f"{why}: leave out {', '.join(given)}.")

    def check(self) -> None:
        """Refuse what does not go together, before anything is opened.

        Raises
        ------
        InputError
        """
        if self.no_quality and self.no_speed:
            raise InputError("--no-quality and --no-speed leave nothing to measure: drop one.")
        if EnhanceOptions(ensemble=self.ensemble).ensemble != 1 and not self.no_speed:
            raise InputError(
                f"--ensemble {self.ensemble} takes eight times the work; its quality is reported apart from "
                "speed: give --no-speed."
            )
        if self.no_speed:
            self.refuse(
                "--no-speed times nothing", "sizes", "peers", "repeats", "fps", "latency_ms"
            )
        if self.no_quality:
            self.refuse("--no-quality leaves no gain to advise on", "fps", "latency_ms")
            self.refuse("--no-quality codes nothing", "codec", "qps", "rates", "low_delay")
        if self.baseline is None:
            self.refuse(
                "there is no --baseline to compare with",
                "junit",
                "max_drop",
                "max_slowdown",
                "accept_unlike",
            )
        for name, value in (("--fps", self.fps), ("--latency", self.latency_ms)):
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name} {value:g} is not a number above 0.")
        BaselineLimits(*self.limits())

    def limits(self) -> tuple[float, float]:
        """Most that a gain may fall below the baseline's, dB, and a latency rise, percent."""
        return self.max_drop, self.max_slowdown

    def requirement(self) -> Requirement:
        """What advice is asked for."""
        limit = None if self.memory_limit is None else parse_size(self.memory_limit)
        return Requirement(self.fps, self.latency_ms, limit)

    def plan(self) -> BenchPlan:
        """What to measure.

        Raises
        ------
        InputError
            If the pictures cannot be measured, or a name is not known.
        ImportError
            If what BD-rate needs is not installed.
        """
        protocols, points, pictures = protocols_of(self.protocols), self.points(), self.pictures()
        gray, codec = protocols == (CodingProtocol.GRAY,), points[0].codec
        with_speed = not self.no_speed and codec == "jpeg" and isinstance(pictures, PictureSet)
        if self.no_quality:
            self.timed_pictures()
        if not with_speed:
            self.refuse(
                "speed is that of any codec, and measured on pictures behind JPEG",
                *("sizes", "peers", "repeats", "fps", "latency_ms"),
            )
        if self.low_delay and isinstance(pictures, PictureSet):
            raise InputError("--low-delay codes clips: give --data with some (.y4m, .mkv).")
        if len(points) >= LEAST_POINTS and not self.no_quality:
            import scipy.interpolate  # noqa: F401  # better missed now than after the measuring
        kinds: tuple[str, ...] = ("gray", "network") if gray else ("rgb", "network")
        if not gray and (self.full or self.peers):
            kinds = KINDS if self.full else ("gray", *kinds)
        return BenchPlan(
            pictures=pictures,
            protocols=protocols or tuple(p for p in PROTOCOLS if p in protocols_with(codec)),
            points=points,
            low_delay=self.low_delay,
            sizes=tuple(dict.fromkeys(self.sizes)) or (tuple(SIZES) if self.full else ("720p",)),
            kinds=kinds,
            with_quality=not self.no_quality,
            with_speed=with_speed,
            ensemble=self.ensemble,
            effort=self.effort(),
        )

    def points(self) -> tuple[RatePoint, ...]:
        """Codec and strengths that are measured.

        Raises
        ------
        InputError
            As of `edgeqe.coding.asked_points`.
        """
        given = {"quality": self.qualities, "qp": self.qps, "rate": self.rates}
        return asked_points(self.codec, given, FULL_QUALITIES if self.full else QUALITIES)

    def pictures(self) -> PictureSet | ClipSet:
        """Set of pictures or clips."""
        return packaged(self.scale) if self.data is None else references(self.data, self.scale)

    def timed_clips(self, folder: Path) -> list[Path]:
        """Clips whose stages are timed: the given one, or a made one of each size in a folder.

        Raises
        ------
        InputError
            As of `make_clip`.
        """
        if self.data is not None:
            self.refuse("the given clip has its own size", "sizes")
            return [self.data]
        sizes = tuple(dict.fromkeys(self.sizes)) or ("720p", "1080p")
        return [make_clip(packaged(), size, folder) for size in sizes]

    def timed_pictures(self) -> PictureSet:
        """Set of pictures.

        Raises
        ------
        InputError
            If clips are given.
        """
        pictures = self.pictures()
        if isinstance(pictures, ClipSet):
            raise InputError("clips are not timed: give --data with pictures.")
        return pictures

    def effort(self) -> Effort:
        """How long to time."""
        if self.full:
            return Effort(self.repeats or 0, FULL_SECONDS, p99=True)
        return Effort(self.repeats or 0)

    def open_models(
        self, stack: ExitStack, file_of: Callable[[str], str]
    ) -> tuple[dict[str, Enhancer], list[str]]:
        """Open the asked models, or the shipped ones.

        Parameters
        ----------
        stack : ExitStack
            Closes them.
        file_of : callable
            What to open for a model's name.

        Returns
        -------
        dict of str to Enhancer
            By the label for the report.
        list of str
            Which shipped ones do not fit the memory limit.

        Raises
        ------
        InputError, ProviderError
            As of `Enhancer`, and if nothing fits.
        """
        asked, codec = tuple(dict.fromkeys(self.models)), self.points()[0].codec
        names = asked or shipped_on(profile_for(self.target), full=self.full)
        if not names:
            raise InputError("no model is shipped with this copy: give --model FILE.")
        found: dict[str, Enhancer] = {}
        notes, required, others = [], [], []
        for name in names:
            try:
                enhancer = stack.enter_context(self.open_model(file_of(name)))
            except MemoryLimitError as error:
                if asked:
                    raise
                notes.append(f"{name} is left out: {error}")
                required.append(error.required_bytes)
                continue
            if "residual" in enhancer.info.card.inputs and not self.no_quality:
                raise InputError(
                    f"'{name}' takes the decoder's prediction residual, which picture files do not "
                    "carry: give --no-quality to time its network alone."
                )
            if codec not in enhancer.codecs and not self.no_quality and not asked:
                others.append(name)
                continue
            if codec not in enhancer.codecs and not self.no_quality:
                able = next((f"--codec {one}, or " for one in enhancer.codecs if one in CODECS), "")
                raise InputError(
                    f"'{name}' serves {', '.join(enhancer.codecs) or 'no codec'} and not {codec}, of "
                    f"which quality is measured: give {able}--no-quality to time it alone."
                )
            if foreign := enhancer.info.foreign:
                notes.append(f"the target's profile is for {foreign}, which this machine is not")
            found[label_of(enhancer, name, found)] = enhancer
        if others:
            notes.append(f"left out, because they do not serve {codec}: {', '.join(others)}")
        if not found and not required:
            raise InputError(
                f"no shipped model serves {codec}: give --model FILE of one that does."
            )
        if not found:
            raise MemoryLimitError(" ".join(notes), min(required))
        return found, list(dict.fromkeys(notes))

    def open_model(self, file: str) -> Enhancer:
        """Open one model on the target."""
        return Enhancer(
            file,
            target=self.target,
            memory_limit=self.memory_limit or MEMORY_LIMIT,
            threads=self.threads,
            allow_fallback=self.allow_fallback,
        )
