"""Pruning in one call: fewer channels, fine-tuned by distillation, as a checked model file."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeqe.converters.commands import command_line, with_command
from edgeqe.converters.output import check_output
from edgeqe.errors import InputError, ModelError
from edgeqe.zoo.host import host_packages

if TYPE_CHECKING:
    from edgeqe.converters.export import Exported
    from edgeqe.quantization.pruning.distillation import Tuned, TuningCallback
    from edgeqe.quantization.pruning.importance import ImportanceCriterion
    from edgeqe.quantization.pruning.pictures import Gains
    from edgeqe.quantization.pruning.pruning import Pruned

#: Minutes of fine-tuning if nothing is said.
MINUTES = 30.0


@dataclass(frozen=True)
class Pruning:
    """A pruned network, its file, and what fine-tuning recovered."""

    exported: Exported
    pruned: Pruned
    origin: Mapping[str, Any]
    """Where the weights come from, ratio and criterion: the card's ``pruned``."""
    tuned: Tuned | None
    """None where no pictures were given."""
    gains: Mapping[str, Gains]
    """PSNR of the networks ``unpruned``, ``pruned`` and ``tuned`` on the validation pictures."""

    @property
    def interrupted(self) -> bool:
        """Whether the user ended the fine-tuning."""
        return self.tuned is not None and self.tuned.interrupted


def prune(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    ratio: float,
    importance: ImportanceCriterion | str | None = None,
    data: str | os.PathLike[str] | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    overwrite: bool = False,
    progress: TuningCallback | None = None,
    log: Callable[[str], None] | None = None,
) -> Pruning:
    """Prune a network and fine-tune it by its unpruned self, as ``edgeqe prune`` does.

    An interrupt by the user ends the fine-tuning early; what was reached is written.

    Parameters
    ----------
    model : str or path
        Name of a shipped model, a float32 ``.onnx`` file of an edgeqe network, folder of a
        training, or name of a network of the zoo, which then has random weights.
    output : str or path
        Ends in ``.onnx`` or ``.tflite``.
    ratio : float
        Share of the multiply-accumulates to remove, between 0 and 1.
    importance : ImportanceCriterion or str, optional
        How channels are ranked; Taylor with `data`, else L1, if left out.
    data : str or path, optional
        Folder of reference pictures, or one that ``edgeqe train`` takes, to fine-tune on.
    minutes : float, optional
        Budget of the fine-tuning; `MINUTES` if neither this nor `steps` is given.
    steps : int, optional
        Budget of the fine-tuning, batches.
    overwrite : bool
        Replace an existing file.
    progress : callable, optional
        Called with the share of the budget that is spent, the step and the running mean loss.
    log : callable, optional
        Called with lines of text about each stage when it has ended.

    Returns
    -------
    Pruning

    Raises
    ------
    InputError
        If the network cannot be read or cannot lose so much, an argument does not fit, or a
        package is missing.
    ModelError
        If there is no such model.
    ImageError
        If a picture cannot be read.
    CheckError
        If the file differs from the network by more than the tolerance; nothing is written.
    """
    destination = check_output(output, overwrite=overwrite)
    if data is None and (minutes or steps or importance == "taylor"):
        raise InputError("fine-tuning and --importance taylor need pictures: give --data.")
    with host_packages("pruning", "host,ort,tflite,files"):
        from edgeqe.converters.export import export
        from edgeqe.converters.sources import from_keras
        from edgeqe.quantization.pruning.distillation import fine_tune
        from edgeqe.quantization.pruning.importance import ImportanceCriterion, ranking
        from edgeqe.quantization.pruning.pictures import read_pictures
        from edgeqe.quantization.pruning.pruning import prune_model
        from edgeqe.quantization.pruning.report import pruned_lines, pruned_report, tuned_lines

        whole, origin = _network(os.fspath(model))
        pictures = read_pictures(Path(data), whole) if data else None
    say = log or (lambda line: None)
    criterion = ImportanceCriterion(importance or ("taylor" if pictures else "l1"))
    pruned = prune_model(whole, ratio, ranking(criterion, whole, pictures))
    origin |= {"ratio": ratio, "importance": criterion.value}
    provenance: dict[str, Any] = {"pruned": origin}
    if "weights" in origin:
        provenance["weights"] = origin["weights"]
    quality: dict[str, Any] = {}
    gains: dict[str, Gains] = {}
    tuned = None
    for line in pruned_lines(whole.name, pruned):
        say(line)
    if pictures is None:
        say("  not fine-tuned: give --data to win back what pruning costs")
    else:
        gains = {"unpruned": pictures.gains(whole), "pruned": pictures.gains(pruned.model)}
        tuned = fine_tune(
            pruned.model,
            whole,
            pictures,
            minutes=minutes or (math.inf if steps else MINUTES),
            steps=steps or sys.maxsize,
            progress=progress,
        )
        gains["tuned"] = pictures.gains(pruned.model)
        for line in tuned_lines(tuned, gains):
            say(line)
        provenance["fine-tuned"] = {"steps": tuned.steps, "minutes": round(tuned.seconds / 60, 1)}
        measured = {key: [round(v, 3) for v in pair] for key, pair in gains["tuned"].items()}
        quality["validation PSNR, dB, JPEG and enhanced"] = measured
    kmac = pruned_report(pruned)["kmac_per_pixel"][1]
    description = f"{whole.name} pruned to {kmac:.1f} kMAC per picture pixel."
    if "weights" in origin:
        description += " Random weights: for timing and tests, it enhances nothing."
    source = from_keras(
        pruned.model, description=description, provenance=provenance, quality=quality
    )
    line = command_line(
        "prune",
        model,
        destination,
        ratio=ratio,
        importance=importance,
        data=data,
        minutes=minutes,
        steps=steps,
    )
    made = export(with_command(source, line), destination)
    return Pruning(made, pruned, origin, tuned, gains)


def _network(model: str) -> tuple[Any, dict[str, Any]]:
    """Keras network of a model argument, and where its weights come from."""
    from edgeqe import zoo
    from edgeqe.model.card import CARD_KEY
    from edgeqe.model.catalogue import shipped_models

    path, shipped = Path(model), model.partition(":")[0] in shipped_models()
    if path.is_dir():
        return zoo.load_training(path), {"from": path.name}
    if model in zoo.NETWORKS and not shipped and not path.exists():
        from edgeqe.zoo.weights import randomised

        return randomised(model), {"from": model, "weights": "random", "seed": 1}
    try:
        return zoo.load(model), {"from": model if shipped else path.name}
    except ModelError as error:
        if not path.is_file() or shipped:
            raise
        ours = CARD_KEY.encode() in path.read_bytes()
        reason = f" ({str(error).rstrip('.')})" if ours else ""  # else why the card is missing
        raise InputError(
            f"'{path}' is no float32 .onnx file of an edgeqe network, which alone are pruned{reason}: prune "
            "another tool's network there, where its training wins back what that costs, and convert "
            "the result."
        ) from error
