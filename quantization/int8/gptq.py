"""GPTQ weight rounding of a convolution kernel: least output error by the layer's Hessian.

Rounding each weight to the nearest integer loses most where inputs are correlated: the taps of a
kernel that finds edges sum to 0, rounded ones do not, and then the brightness of the picture
leaks into the output. With the Hessian H = E[x xᵀ] of the inputs x of one output sample, the mean
square error of the output is ``(q - w) H (q - w)ᵀ``. The weights of a channel are rounded one by
one; the error of each is compensated by the weights still to come::

    w_j -= (w_i - q_i) / U_ii * U_ij    for j > i,    with H⁻¹ = Uᵀ U, U upper triangular

References
----------
Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ: Accurate Post-Training Quantization for
Generative Pre-trained Transformers", ICLR 2023, equations 2 and 3, and section 3.3, step 3.
"""

from __future__ import annotations

import numpy as np

from edgeqe.typing import Double, Float

#: Damping: share of the mean of H's diagonal that is added to the diagonal (section 3.3: 1 %).
DAMPING = 0.01
#: Clipping ratios of a channel's largest weight: the one with the least output error is taken.
CLIPS = (1.0, 0.97, 0.94, 0.91, 0.88, 0.85)


def round_kernel(kernel: Float, largest: int, hessian: Double | None = None) -> tuple[Float, Float]:
    """Quantize a kernel symmetrically, with one scale per channel.

    Parameters
    ----------
    kernel : ndarray, shape (C, ...)
        One row per output channel.
    largest : int
        Largest integer weight.
    hessian : ndarray, shape (n, n), optional
        Of the n inputs of an output channel; without it each weight is rounded to nearest.

    Returns
    -------
    integers : ndarray of float32, shape (C, ...)
        From -largest to largest.
    scale : ndarray of float32, shape (C,)
        Above 0; per channel the one of `CLIPS` with the least error.
    """
    weights = kernel.reshape(len(kernel), -1).astype(np.float64)
    peak = np.abs(weights).max(axis=1)
    peak[peak == 0.0] = largest
    damped = np.eye(weights.shape[1]) if hessian is None else _damped(hessian)
    order = np.argsort(-np.diagonal(damped), kind="stable")  # the largest diagonal first
    inverse = np.linalg.inv(damped[np.ix_(order, order)])
    upper = np.linalg.cholesky(inverse).T
    best = np.full(len(weights), np.inf)
    integers, scale = np.empty_like(weights), np.empty(len(weights))
    for clip in CLIPS:
        trial = clip * peak / largest
        rounded = _one_by_one(weights[:, order] / trial[:, None], largest, upper)
        rounded = rounded[:, np.argsort(order)]
        error = rounded * trial[:, None] - weights
        loss = np.einsum("ci,ij,cj->c", error, damped, error)
        better = loss < best
        best[better], integers[better], scale[better] = loss[better], rounded[better], trial[better]
    return integers.reshape(kernel.shape).astype(np.float32), scale.astype(np.float32)


def _one_by_one(weights: Double, largest: int, upper: Double) -> Double:
    """Round column by column, the error compensated by the columns behind."""
    rest, rounded = weights.copy(), np.empty_like(weights)
    for i in range(weights.shape[1]):
        rounded[:, i] = np.clip(np.rint(rest[:, i]), -largest, largest)
        error = (rest[:, i] - rounded[:, i]) / upper[i, i]
        rest[:, i + 1 :] -= error[:, None] * upper[i, i + 1 :]
    return rounded


def _damped(hessian: Double) -> Double:
    return hessian + DAMPING * max(float(np.diagonal(hessian).mean()), 1e-12) * np.eye(len(hessian))
