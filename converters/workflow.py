"""Conversion in one call: any network that edgeqe reads, to a checked model file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgeqe.converters.commands import command_line, with_command
from edgeqe.converters.graph.convention import OutputKind
from edgeqe.converters.output import check_output
from edgeqe.errors import CheckError, InputError
from edgeqe.zoo.host import host_packages

if TYPE_CHECKING:
    from edgeqe.converters.export import Exported
    from edgeqe.converters.sources import Source


@dataclass(frozen=True)
class Conversion:
    """A converted model."""

    exported: Exported
    """The file, its card and its sizes."""
    shared_bytes: int
    """Bytes of the constants with shared kernels stored once, whether they are or not."""
    notes: tuple[str, ...] = ()
    """What the user of the file should know, one sentence each."""


def convert(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    float16: bool = False,
    unshare: bool = False,
    freeze_gates: bool = False,
    data: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    planes: str | None = None,
    value_range: tuple[float, float] | None = None,
    gives: OutputKind | str | None = None,
    codecs: Sequence[str] = (),
) -> Conversion:
    """Convert a network to a model file with its card, as ``edgeqe convert`` does.

    The file is compared with the network before it gets its name. A fully quantized ``.onnx`` whose
    scheme is that of edgeqe's INT8 is taken as it is; of any other the float network is, which `notes`
    says.

    Parameters
    ----------
    model : str or path
        See `opening.open_source`, which says of `seed`, `planes`, `value_range`, `gives` and
        `codecs` too.
    output : str or path
        Ends in ``.onnx`` or ``.tflite``.
    overwrite : bool
        Replace an existing file.
    float16 : bool
        Store the weights in float16, half the bytes.
    unshare : bool
        Store a shared kernel once per use, with its scale folded in.
    freeze_gates : bool
        Replace channel attention with global pooling by its means over the pictures of `data`, so
        that tiles equal the whole.
    data : str or path, optional
        Folder of reference pictures for `freeze_gates`.
    seed, planes, value_range, gives, codecs
        See `opening.open_source`.

    Returns
    -------
    Conversion

    Raises
    ------
    InputError
        If the network cannot be read or converted, an argument does not fit, or a package is
        missing.
    ImageError
        If a picture of `data` cannot be read.
    CheckError
        If the file differs from the network by more than the tolerance; nothing is written.
    """
    destination = check_output(output, overwrite=overwrite)
    if freeze_gates != (data is not None):
        raise InputError("--freeze-gates and --data DIR go together: give both or none.")
    with host_packages("converting", "host,ort,tflite"):
        from edgeqe.converters.export import export
        from edgeqe.converters.graph.integer import LARGEST_BYTE, LARGEST_WEIGHT
        from edgeqe.converters.opening import open_source
        from edgeqe.converters.rewrites import sharing
        from edgeqe.converters.sources import freeze_source

        largest = LARGEST_WEIGHT if destination.suffix == ".onnx" else LARGEST_BYTE

        def opened(largest_weight: int) -> Source:
            return open_source(
                model,
                seed=seed,
                planes=planes,
                value_range=value_range,
                gives=gives,
                codecs=codecs,
                largest_weight=largest_weight,
            )

        source = opened(0 if float16 or unshare or freeze_gates else largest)
        if data is not None:
            source = freeze_source(source, Path(data))
        shared_elements = source.graph.parameters()
        if unshare:
            source = replace(source, graph=sharing.unshare(source.graph))
        line = command_line(
            "convert",
            model,
            output,
            float16=float16,
            unshare=unshare,
            freeze_gates=freeze_gates,
            data=data,
            seed=seed,
            planes=planes,
            range=value_range and f"{value_range[0]:g},{value_range[1]:g}",
            gives=gives,
            codec=codecs,
        )
        try:
            exported = export(with_command(source, line), destination, float16=float16)
        except CheckError as error:
            if source.quantized is None:
                raise
            note = (
                f"'{model}' is quantized, and with its integers {error} Its float network is taken: the "
                "next step is edgeqe quantize."
            )
            source = replace(opened(0), notes=(note,))
            exported = export(with_command(source, line), destination)
    return Conversion(exported, (2 if float16 else 4) * shared_elements, source.notes)
