"""A plain ONNX network beside ours: gray, float 0 to 1, whole pictures.

The whole path is timed and measured as ours is: uint8 to float, one run, clip,
round, uint8. Networks that give the residual and networks that give the picture
are told apart by a run on a smooth ramp, which holds no artefacts: the
picture's network gives the ramp back, the residual's gives almost nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeqe.errors import MissingModelError, MissingRuntimeError, ModelError
from edgeqe.typing import Uint8

#: Side of the ramp that a network is tried on.
RAMP_SIDE = 64


class Peer:
    """An ONNX Runtime session on the CPU that takes (1, 1, H, W) float32."""

    def __init__(self, path: Path, threads: int) -> None:
        """Load a network and find out what it gives.

        Parameters
        ----------
        path : Path
            ONNX file with one input and one output of shape (N, 1, H, W).
        threads : int
            Threads inside an operator.

        Raises
        ------
        ModelError
            If the file is missing, is no such network, or cannot run.
        ProviderError
            If ONNX Runtime is not installed.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingRuntimeError(
                "ONNX Runtime, which a peer runs on, is not installed: pip install 'edgeqe[ort]'"
            ) from error
        if not path.is_file():
            raise MissingModelError(f"there is no peer {path}: give an ONNX file.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        # A waiting thread that spins would take time from the next lane.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.name = path.stem
        self.threads = threads
        self.runtime_version: str = onnxruntime.__version__
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
            fits = [
                len(values) == 1
                and values[0].type == "tensor(float)"
                and len(values[0].shape) == 4
                and values[0].shape[1] == 1
                for values in (inputs, outputs)
            ]
            if not all(fits):
                raise ModelError(
                    f"the peer {path} has inputs {[(v.name, v.shape, v.type) for v in inputs]}: "
                    "a peer takes and gives one float tensor of shape (N, 1, H, W)."
                )
            self._input = inputs[0].name
            self.provider: str = self._session.get_providers()[0]
            self.residual = self._gives_residual()
        except ModelError:
            raise
        except Exception as error:  # ONNX Runtime's errors have no public base
            line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise ModelError(
                f"the peer {path} cannot run: give a gray ONNX network ({line})."
            ) from error

    def _run(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        y: npt.NDArray[np.float32] = self._session.run(None, {self._input: x[None, None]})[0][0, 0]
        return y

    def _gives_residual(self) -> bool:
        ramp = np.linspace(0.25, 0.75, RAMP_SIDE, dtype=np.float32)
        x = np.ascontiguousarray(np.broadcast_to(ramp, (RAMP_SIDE, RAMP_SIDE)))
        y = self._run(x)
        if y.shape != x.shape:
            raise ModelError(
                f"the peer gives {y.shape} for {x.shape}: a peer keeps the picture's size."
            )
        return bool(np.abs(y).mean() < np.abs(y - x).mean())

    def enhance(
        self, image: Uint8, *, step: float | None = None, out: Uint8 | None = None
    ) -> Uint8:
        """Enhanced gray picture, (H, W) uint8; the network is blind to the step."""
        x = image.astype(np.float32)
        x *= np.float32(1 / 255)
        y = self._run(x)
        if self.residual:
            y = np.subtract(x, y, out=x)
        y *= np.float32(255)
        np.rint(y, out=y)
        np.clip(y, 0, 255, out=y)
        if out is None:
            return y.astype(np.uint8)
        out[...] = y
        return out

    def close(self) -> None:
        """Drop the session."""
        self._session = None
