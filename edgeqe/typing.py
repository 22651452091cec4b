"""Array types that every package shares: NumPy only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
"""Float32: planes, residuals, weights."""
Double = npt.NDArray[np.float64]
"""Float64: references and sums."""
Uint8 = npt.NDArray[np.uint8]
"""8-bit sample values or integers, of any shape."""
Rgb = npt.NDArray[np.uint8]
"""8-bit sample values of a picture, shape (H, W, 3)."""
Array = npt.NDArray[Any]
"""Any type of element."""
