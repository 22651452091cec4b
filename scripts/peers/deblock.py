"""FFmpeg's ``deblock`` filter as a row beside networks, through PyAV, whose wheels hold libavfilter.

Across each line of the 8x8 grid it spreads the step over two pixels a side (weak) or three (strong),
where the step and the differences next to it lie below thresholds. It knows nothing of the JPEG, so
its thresholds are either FFmpeg's own, or chosen for each quality by `tuned`.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from edgeqe import metrics
from edgeqe.bench.data import PictureSet
from edgeqe.bench.quality import PSNR_CEILING
from edgeqe.protocols import CodingProtocol, compress
from edgeqe.typing import Uint8

#: FFmpeg's own thresholds, as shares of the range of values.
THRESHOLDS = {"alpha": 0.098, "beta": 0.05, "gamma": 0.05, "delta": 0.05}
#: Factors of all four that are tried; with 0 the filter leaves every picture as it is.
SCALES = (0.25, 0.375, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True)
class Settings:
    """Parameters of the filter; without arguments, FFmpeg's own."""

    kind: str = "strong"
    """``strong`` or ``weak``."""
    scale: float = 1.0
    """Factor of `THRESHOLDS`; 0 is off."""

    @property
    def arguments(self) -> str:
        """As FFmpeg's command line takes them."""
        shares = {name: min(1.0, self.scale * value) for name, value in THRESHOLDS.items()}
        words = [f"{name}={value:.4g}" for name, value in shares.items()]
        return ":".join([f"filter={self.kind}", f"block={metrics.BLOCK}", *words])


OFF = Settings("weak", 0.0)
GRID = (OFF, *(Settings(kind, scale) for kind in ("weak", "strong") for scale in SCALES))


def version() -> str:
    """Version of FFmpeg and of PyAV; empty where PyAV is not installed."""
    if importlib.util.find_spec("av") is None:
        return ""
    import av

    return f"FFmpeg {av.ffmpeg_version_info}, PyAV {av.__version__}"


class Deblock:
    """The filter, as `quality.measure` takes networks.

    Parameters
    ----------
    settings : mapping of float to Settings
        By the quantization step in grey levels that they are for; a picture gets those of the
        nearest one, as a ratio.
    """

    takes_planes = True

    def __init__(self, settings: Mapping[float, Settings]) -> None:
        self._settings = dict(settings)
        self._graphs: dict[tuple[Settings, int, int], Any] = {}

    def enhance(
        self, image: Uint8, /, *, step: float, codec: str = "", out: Uint8 | None = None
    ) -> Uint8:
        """Filtered gray picture, (H, W) uint8; in `out` where that is given."""
        import av

        nearest = min(self._settings, key=lambda known: abs(math.log(step / known)))
        height, width = image.shape
        # Beyond a border that cuts a block the strong filter reads what lies there by chance.
        missing = [(0, -height % metrics.BLOCK), (0, -width % metrics.BLOCK)]
        whole = np.pad(image, missing, mode="edge") if any(map(any, missing)) else image
        graph = self._graph(self._settings[nearest], *whole.shape)
        graph.vpush(av.VideoFrame.from_ndarray(np.ascontiguousarray(whole), format="gray"))
        filtered: Uint8 = graph.vpull().to_ndarray()[:height, :width]
        if out is None:
            return filtered
        out[...] = filtered
        return out

    def enhance_planes(
        self, y: Uint8, u: Uint8, v: Uint8, /, *, step: float, codec: str = ""
    ) -> tuple[Uint8, Uint8, Uint8]:
        """Each plane by itself, for each has its own grid."""
        filtered = [self.enhance(plane, step=step) for plane in (y, u, v)]
        return filtered[0], filtered[1], filtered[2]

    def _graph(self, settings: Settings, height: int, width: int) -> Any:
        """Filter graph for gray frames of a size, made once."""
        import av
        import av.filter

        key = (settings, height, width)
        if key not in self._graphs:
            graph = av.filter.Graph()
            source = graph.add_buffer(
                width=width,
                height=height,
                format=av.VideoFormat("gray", width, height),
                time_base=Fraction(1, 25),
            )
            filters = graph.add("deblock", settings.arguments), graph.add("buffersink")
            graph.link_nodes(source, *filters).configure()
            self._graphs[key] = graph
        return self._graphs[key]


def tuned(pictures: PictureSet, quality: int) -> Settings:
    """Settings of `GRID` with the highest mean PSNR at a JPEG quality.

    Parameters
    ----------
    pictures : PictureSet
        Others than those that are measured.
    quality : int
        IJG quality, 1 to 100.
    """
    filters = {settings: Deblock({1.0: settings}) for settings in GRID}
    total = dict.fromkeys(GRID, 0.0)
    for picture in pictures:
        coded = compress(picture, CodingProtocol.GRAY, quality)
        for settings, network in filters.items():
            total[settings] += metrics.psnr(
                coded.reference.pixels, coded.enhanced(network).pixels, ceiling=PSNR_CEILING
            )
    return max(GRID, key=lambda settings: total[settings])
