"""A network on an accelerator: one session and one window shape for all strengths.

Strength vectors are inputs of the network, so the engine that is built once serves every
strength. INT8 is the exception: its scales are constants of the engine, so each strength has
a session and an engine of its own.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe import __version__
from edgeqe.errors import ProviderError
from edgeqe.hardware.machine import read_hardware
from edgeqe.model.file import ModelFile, weights_sha256
from edgeqe.model.vector_inputs import with_vector_inputs
from edgeqe.runtimes.engine_cache import EnginePlace
from edgeqe.runtimes.ort import CPU, OrtSession, providers, version
from edgeqe.runtimes.placement import Placement
from edgeqe.targets.options import CUDA, TENSORRT
from edgeqe.targets.profile import Backend, Profile
from edgeqe.typing import Float


class Accelerator:
    """Sessions of a model file on an accelerator, proven to run there.

    Parameters
    ----------
    file : ModelFile
        ONNX.
    backend : Backend
    profile : Profile
        States what share of the MACs may stay on the processor.
    side : int
        Side of the windows, picture pixels.
    """

    def __init__(self, file: ModelFile, backend: Backend, profile: Profile, side: int) -> None:
        self._file, self._backend, self._profile, self._side = file, backend, profile, side
        self._shared: OrtSession | None = None

    @property
    def takes_vectors(self) -> bool:
        """Whether the strength vectors are inputs, so that one session serves all strengths."""
        return bool(self._file.card.vectors) and self._file.card.precision != "int8"

    def open(self, key: int) -> AtStrength:
        """Session at a key of the file's strengths; the first one builds and proves the engine.

        Raises
        ------
        ProviderError
            If the provider is not there, or leaves more of the MACs to the processor than the
            profile allows.
        ModelError
            If it refuses the model.
        """
        if not self.takes_vectors:
            return AtStrength(self._proven(self._file.at(key), key), {})
        if self._shared is None:
            data = with_vector_inputs(self._file.data, self._file.card.vectors)
            self._shared = self._proven(data, key)
        return AtStrength(self._shared, self._file.vectors_at(key))

    def _proven(self, data: bytes, key: int) -> OrtSession:
        """A session that ran one window where it should."""
        card, pixels = self._file.card, self._file.card.pixels_per_sample
        names = [self._backend.provider, *([CUDA] if self._backend.provider == TENSORRT else [])]
        listed = providers()
        place = self._place(key) if self._backend.options.get("trt_engine_cache_enable") else None
        options = dict(self._backend.options)
        if "trt_fp16_enable" in options:  # a float32 file runs in float32
            options["trt_fp16_enable"] = card.precision != "float32"
        if place is not None:
            options |= {"trt_engine_cache_path": str(place.path)}
            if options.get("trt_timing_cache_enable"):
                options |= {"trt_timing_cache_path": str(place.path)}
        given = {b.provider: b.options for b in self._profile.backends}
        others = [
            (name, given.get(name, {}))
            for name in (*names[1:], CPU)
            if name in listed and name != names[0]
        ]
        try:
            session = OrtSession(
                data,
                card.alignment // pixels,
                card.peak_floats_per_pixel,
                wanted=[(self._backend.provider, options), *others],
                recorded=True,
                vectors=card.vectors if self.takes_vectors else (),
                card=card,
            )
            inputs = card.channels + ("residual" in card.inputs)
            planes = np.zeros((inputs, self._side // pixels, self._side // pixels), np.float32)
            vectors = self._file.vectors_at(key) if self.takes_vectors else None
            session.run(planes, vectors=vectors)
            session.end_recording(card.kmac_per_pixel * 1e3 * self._side**2)
            self._check(session.placement, names)
        except BaseException:
            if place is not None:
                place.drop()
            raise
        if place is not None:
            place.keep()
        return session

    def _check(self, placement: Placement, names: list[str]) -> None:
        elsewhere = placement.share_elsewhere(names)
        if elsewhere > self._profile.most_on_cpu + 1e-9:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in placement.macs.items())
            raise ProviderError(
                f"{self._backend.provider} was asked for, but of '{self._file.card.name}' it leaves "
                f"{elsewhere:.0%} of the multiply-accumulates elsewhere, "
                f"{self._profile.most_on_cpu:.0%} may stay there (as placed: {shares})"
            )

    def _place(self, key: int) -> EnginePlace:
        return EnginePlace(self.engine_key(key))

    def engine_key(self, key: int) -> dict[str, Any]:
        """Everything that the engine depends on."""
        card, gpus = self._file.card, read_hardware().gpus
        return {
            "edgeqe": __version__,
            "model": card.name,
            "precision": card.precision,
            "weights": weights_sha256(self._file.data, self._file.outline, card),
            "strength": "any" if self.takes_vectors else key,
            "window": self._side,
            "provider": self._backend.provider,
            "options": dict(sorted(self._backend.options.items())),
            "onnxruntime": version(),
            "devices": [f"{gpu.name}, driver {gpu.driver}" for gpu in gpus],
        }


class AtStrength:
    """A shared session with the vectors of one strength: a `Session`."""

    #: The device's arena serves windows of all sessions.
    own_memory = False

    def __init__(self, session: OrtSession, vectors: dict[str, npt.NDArray[Any]]) -> None:
        self._session, self._vectors = session, vectors
        self.provider, self.placement = session.provider, session.placement
        self.bytes_per_pixel = session.bytes_per_pixel
        self.bytes_per_window = session.bytes_per_window

    def run(self, planes: Float, out: Float | None = None, place: Hashable = None) -> Float:
        """Residual of planes; see `Session`."""
        return self._session.run(planes, out, vectors=self._vectors)

    def shrink(self) -> None:
        """Give back what the runtime keeps."""
        self._session.shrink()
