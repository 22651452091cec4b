"""Post-training quantization in one call: a float network to a checked INT8 model file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeqe.converters.commands import command_line, with_command
from edgeqe.converters.output import check_output
from edgeqe.errors import InputError
from edgeqe.zoo.host import host_packages

if TYPE_CHECKING:
    from edgeqe.converters.export import Exported
    from edgeqe.converters.graph.integer import QuantizedGraph
    from edgeqe.converters.sources import Source
    from edgeqe.quantization.calibration.statistics import RangeStatistic
    from edgeqe.quantization.int8.sensitivity import QuantizationLoss

#: How the range of an activation is estimated unless stated.
STATISTIC = "percentile"
#: Percentile that is used unless another is asked for, as of `calibration.statistics`.
PERCENTILE = 99.99

#: Called with what is being done, the parts done and their count.
PhaseCallback = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Quantization:
    """A quantized network, and what it loses."""

    source: Source
    """The float network."""
    layers: tuple[QuantizationLoss, ...]
    """Loss of quantizing each layer alone, the largest first; empty unless it was asked for."""
    loss: QuantizationLoss
    """Of the whole network, on the calibration pictures."""
    kept_float: tuple[str, ...]
    """Convolutions that are kept in float."""
    met: bool
    """Whether the loss is within `max_drop`."""
    warnings: tuple[str, ...]
    """Concerns about the calibration pictures, one sentence each."""
    exported: Exported | None
    """The model file; None where no output was asked for."""


def quantize(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    calibration: str | os.PathLike[str],
    drawn: float = 0.0,
    statistic: RangeStatistic | str = STATISTIC,
    percentile: float = PERCENTILE,
    trt: bool = False,
    report: bool = False,
    max_drop: float | None = None,
    keep_float: Sequence[str] = (),
    seed: int | None = None,
    overwrite: bool = False,
    progress: PhaseCallback | None = None,
) -> Quantization:
    """Quantize a network to INT8 for every strength, as ``edgeqe quantize`` does.

    Weights are quantized once, the ranges of the activations are calibrated on reference pictures,
    compressed at qualities 5 to 95. The file is compared with exact integer arithmetic before it
    gets its name. The folder of a quantization-aware training brings its own ranges.

    Parameters
    ----------
    model : str or path
        See `converters.opening.open_source`.
    output : str or path, optional
        Ends in ``.onnx`` or ``.tflite``; not needed with `report`.
    calibration : str or path
        Folder of reference pictures, at least 8.
    drawn : float
        Share of the calibration windows that are drawn in code, 0 to less than 1.
    statistic : RangeStatistic or str
        How the range of an activation is estimated.
    percentile : float
        Percent of the values that "percentile" keeps within a range at either end, 50 to 100.
    trt : bool
        Symmetric quantization, zero point 0, as TensorRT wants it; for ``.onnx`` alone.
    report : bool
        Rank the layers by the PSNR that quantizing each alone costs.
    max_drop : float, optional
        Keep the layers that cost most in float until the whole loses no more than this at any
        quality, dB.
    keep_float : sequence of str
        Convolutions that are kept in float, by the names that `report` ranks.
    seed : int, optional
        Of the random weights of a network of the zoo; 1 if left out.
    overwrite : bool
        Replace an existing file.
    progress : callable, optional
        Called with what is being done, the parts done and their count.

    Returns
    -------
    Quantization
        Written even where `max_drop` is not met: `met` says so.

    Raises
    ------
    InputError
        If there is nothing to do, the network cannot be read or is quantized already, the pictures
        are not representative, or a package is missing.
    ImageError
        If a picture cannot be read.
    CheckError
        If the file differs from exact arithmetic by more than the tolerance; nothing is written.
    """
    destination = None
    if output is not None:
        destination = check_output(output, overwrite=overwrite)
        if trt and destination.suffix != ".onnx":
            raise InputError("--trt is for ONNX files: give an OUT that ends in .onnx.")
    elif not report:
        raise InputError("nothing to do: give an OUT by -o, or --report.")
    told: PhaseCallback = progress or (lambda what, done, count: None)
    told("read the network", 0, 1)
    with host_packages("quantizing", "host,ort,tflite,files"):
        from edgeqe.converters.export import export
        from edgeqe.converters.opening import open_source
        from edgeqe.quantization.int8 import sensitivity
        from edgeqe.quantization.int8.quantizer import Quantizer
        from edgeqe.quantization.qat.saved_calibration import read_calibration

        source = open_source(model, seed=seed)
        if destination is not None:  # what fails in float fails before the calibration
            with tempfile.TemporaryDirectory(prefix="edgeqe-") as folder:
                export(source, Path(folder) / f"float32{destination.suffix}")
    layers = sensitivity.convolutions(source.graph)
    _check_layers(keep_float, layers)
    quantizer = Quantizer(
        source,
        Path(calibration),
        statistic=statistic,
        percentile=percentile,
        drawn=drawn,
        frozen=read_calibration(Path(model)),
        progress=progress,
    )

    litert = destination is not None and destination.suffix == ".tflite"

    def make(more: Collection[str] = ()) -> QuantizedGraph:
        return quantizer.make({*keep_float, *more}, symmetric=trt, litert=litert)

    def tried(done: int, count: int) -> None:
        told("try layers", done, count)

    meter = quantizer.meter()
    ranked: list[QuantizationLoss] = []
    if report or max_drop is not None:
        free = [name for name in layers if name not in keep_float]
        ranked = sensitivity.rank(free, meter, make, tried)
    best = sensitivity.search(ranked if max_drop is not None else [], meter, make, max_drop)
    exported = None
    if destination is not None:
        told("write and check the file", 0, 1)
        line = command_line(
            "quantize",
            model,
            destination,
            calibration=calibration,
            drawn=drawn or None,
            statistic=None if str(statistic) == STATISTIC else statistic,
            percentile=None if percentile == PERCENTILE else percentile,
            trt=trt,
            report=report,
            max_drop=max_drop,
            keep_float=keep_float,
            seed=seed,
        )
        made = quantizer.as_source(best.quantized, best.loss.drop_db)
        exported = export(with_command(made, line), destination)
    return Quantization(
        source=source,
        layers=tuple(ranked),
        loss=best.loss,
        kept_float=(*dict.fromkeys(keep_float), *best.kept_float),
        met=best.met,
        warnings=tuple(quantizer.warnings),
        exported=exported,
    )


def _check_layers(named: Collection[str], layers: Collection[str]) -> None:
    """Refuse names that no convolution has, or that are all of them."""
    unknown = [name for name in named if name not in layers]
    if unknown:
        raise InputError(
            f"no convolution '{unknown[0]}' can be kept in float: name one of {', '.join(layers)}."
        )
    if layers and set(named) >= set(layers):
        raise InputError("all convolutions are kept in float: leave one to quantize.")
