"""Model zoo in Keras (host only): one file per paper, training beside them.

Networks of the papers take a picture and give the enhanced picture, edgeqe's own give the
residual; both normalised: (v - 128) / 255 for 8-bit sample values v.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgeqe.choices import Choice
from edgeqe.errors import InputError, MissingFileError, ModelError
from edgeqe.model.card import unpack_array
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.zoo.training.files import AVERAGED, RECIPE

__all__ = [
    "NETWORKS",
    "TRAINING_KEY",
    "NetworkSpec",
    "Widths",
    "build",
    "builder",
    "built_by",
    "codecs_of",
    "describe",
    "load",
    "load_training",
    "load_weights_of",
    "network",
    "options_of",
]

#: Codecs of a network that names none.
JPEG_ALONE = ("jpeg",)
#: Codecs of edgeqe-base-video, in the order of cards.
ALL_BUT_JPEG = ("h264", "hevc", "vvc", "av1", "webp", "jpeg2000")

#: Filters by layer; of a slice of channels, its first and the one behind its last.
Widths = Mapping[str, int | Sequence[int]]


class StrengthForm(Choice):
    """How the strength layers of edgeqe's own networks follow the codec's step."""

    SCALE_AND_BIAS = "scale-and-bias"
    """Scale and bias per channel by a small MLP on log2 of the step: `strengths.ScaleAndBias`."""
    QP_ADAPTIVE = "qp-adaptive"
    """One parameter per output map, of the QP-adaptive paper: `strengths.QpAdaptive`."""


@dataclass(frozen=True)
class NetworkSpec:
    """A network of the zoo: how it is built, its planes, codecs and tiling."""

    module: str
    """Full name of the module that holds its builder."""
    function: str
    """Name of the builder there."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the builder."""
    planes: str = "y"
    """Layout of its picture, one of `card.LAYOUTS`."""
    codecs: tuple[str, ...] = ("jpeg",)
    """Codecs whose artefacts it removes."""
    tiling: str = "exact"
    """As the card's."""
    block: int = 0
    """As the card's."""
    paper: str = ""
    """System that it belongs to."""

    @property
    def gives_residual(self) -> bool:
        """Whether its output is the residual, not the enhanced picture."""
        return self.planes == "420-space-to-depth"


def _filter(function: str, qp_adaptive: bool) -> NetworkSpec:
    options = {"qp_adaptive": qp_adaptive}
    return NetworkSpec(
        "edgeqe.zoo.qp_adaptive", function, options, "y", ("vvc",), paper="QP-adaptive convolution"
    )


def _asqe(name: str, pools: bool = True, **options: Any) -> NetworkSpec:
    codecs = ("jpeg", "jpeg2000", "hevc", "vvc")
    planes = "y" if options.get("channels") == 1 else "rgb"
    tiling, block = ("blocks", 64) if pools else ("exact", 0)
    return NetworkSpec(
        "edgeqe.zoo.asqe",
        "asqe",
        {"name": name, **options},
        planes,
        codecs,
        tiling,
        block,
        "ASQE-CNN",
    )


def _mvgl(name: str, blocks: int, width: int) -> NetworkSpec:
    options = {"name": name, "blocks": blocks, "width": width}
    return NetworkSpec("edgeqe.zoo.mvgl", "mvgl", options, "rgb", ("bpg",), paper="MVGL")


def _rrnet(name: str, residual: bool) -> NetworkSpec:
    options = {"name": name, "residual": residual}
    return NetworkSpec("edgeqe.zoo.rrnet", "rrnet", options, "y", ("hevc",), paper="RRNet")


def _edgeqe(module: str, function: str, codecs: tuple[str, ...] = JPEG_ALONE) -> NetworkSpec:
    layout = "420-space-to-depth"
    return NetworkSpec(
        f"edgeqe.zoo.{module}", function, planes=layout, codecs=codecs, paper="edgeqe"
    )


#: Every network by name.
NETWORKS = {
    "edgeqe-nano": _edgeqe("plain", "edgeqe_nano"),
    "edgeqe-tiny": _edgeqe("plain", "edgeqe_tiny"),
    "edgeqe-small": _edgeqe("plain", "edgeqe_small"),
    "edgeqe-base": _edgeqe("plain", "edgeqe_base"),
    "edgeqe-base-video": _edgeqe("plain", "edgeqe_base_video", ALL_BUT_JPEG),
    "edgeqe-multiscale": _edgeqe("multiscale", "edgeqe_multiscale"),
    "liu": _filter("liu", False),
    "liu-qp": _filter("liu", True),
    "vrcnn": _filter("vrcnn", False),
    "vrcnn-qp": _filter("vrcnn", True),
    "dcad": _filter("dcad", False),
    "dcad-qp": _filter("dcad", True),
    "tuco": _filter("tuco", False),
    "tuco-qp": _filter("tuco", True),
    "asqe": _asqe("asqe"),
    "asqe-gray": _asqe("asqe-gray", channels=1),
    "asqe-no-attention": _asqe("asqe-no-attention", pools=False, attention=False),
    "asqe-no-weight-sharing": _asqe("asqe-no-weight-sharing", sharing=False),
    "asqe-no-mff": _asqe("asqe-no-mff", fusion=False),
    "asqe-gray-no-attention": _asqe(
        "asqe-gray-no-attention", pools=False, channels=1, attention=False
    ),
    "asqe-gray-no-weight-sharing": _asqe("asqe-gray-no-weight-sharing", channels=1, sharing=False),
    "asqe-gray-no-mff": _asqe("asqe-gray-no-mff", channels=1, fusion=False),
    "rrnet": _rrnet("rrnet", True),
    "rrnet-reconstruction": _rrnet("rrnet-reconstruction", False),
    "mvgl-a": _mvgl("mvgl-a", 32, 96),
    "mvgl-b": _mvgl("mvgl-b", 8, 96),
    "mvgl-c": _mvgl("mvgl-c", 32, 48),
    "hgrdn": NetworkSpec("edgeqe.zoo.hgrdn", "hgrdn", {}, "rgb", ("vvc",), "whole", paper="HGRDN"),
}


def network(name: str) -> NetworkSpec:
    """Specification of a network of the zoo.

    Raises
    ------
    InputError
        If the zoo has no network of that name.
    """
    if name not in NETWORKS:
        raise InputError(f"no network '{name}': the zoo has {', '.join(NETWORKS)}.")
    return NETWORKS[name]


def builder(name: str) -> Callable[..., Any]:
    """Builder function of a network; Keras is imported here, not before.

    Raises
    ------
    InputError
        If the zoo has no network of that name.
    """
    entry = network(name)
    made: Callable[..., Any] = getattr(importlib.import_module(entry.module), entry.function)
    return made


def build(name: str, *, widths: Widths | None = None, **options: Any) -> Any:
    """Build a Keras network by name, with random weights.

    Parameters
    ----------
    name : str
        A name of `NETWORKS`.
    widths : mapping, optional
        Filters by layer where the network has other than its own, as `edgeqe.zoo.widths` says.
    **options
        Keywords of the builder.

    Raises
    ------
    InputError
        If the zoo has no such network, or the widths are not for it.
    """
    model = builder(name)(**{**network(name).options, **options})
    if not widths:
        return model
    from edgeqe.zoo.widths import with_widths

    return with_widths(model, widths)


#: Metadata of a shipped float file: weights that only training needs, by Keras path.
TRAINING_KEY = "edgeqe.training"


def load(model: str | Path) -> Any:
    """Load a Keras network with the weights of a shipped float file, ready to train on.

    Kernels come from the file's initializers by layer name, the rest from what the
    export stored beside them.

    Raises
    ------
    ModelError
        If there is no such model, or it holds no Keras network of the zoo.
    """
    file = ModelFile(find_model(model, "float32"))
    if file.card.name not in NETWORKS or TRAINING_KEY not in file.outline.metadata:
        raise ModelError(f"'{file.path}' holds no network of the zoo: it cannot be restored.")
    if file.format != "onnx" or file.card.precision != "float32":
        raise ModelError(
            f"'{file.path}' is a {file.card.precision} {file.format} file: give the float32 ONNX file."
        )
    stored = json.loads(file.outline.metadata[TRAINING_KEY])
    restored = build(file.card.name, **stored["options"])
    for variable in restored.weights:
        if variable.path in stored["weights"]:
            variable.assign(unpack_array(stored["weights"][variable.path], np.dtype("<f4")))
            continue
        tensor = file.outline.initializers[variable.path.replace("/", ".")]
        kernel = np.frombuffer(file.data[tensor.start : tensor.stop], "<f4").reshape(tensor.dims)
        # Conv (out, in, rows, columns) and ConvTranspose (in, out, rows, columns) alike:
        # Keras keeps (rows, columns, in, out) and (rows, columns, out, in)
        variable.assign(kernel.transpose(2, 3, 1, 0))
    return restored


def load_training(folder: Path) -> Any:
    """Load a Keras network with the averaged weights of a training.

    Raises
    ------
    InputError
        If the folder is not a training's.
    """
    try:
        recipe = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"'{folder}' is no training, it has no {RECIPE}: give a folder that 'edgeqe train' wrote."
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"'{folder}' is no training ({error}): give a folder that 'edgeqe train' wrote."
        ) from error
    model = built_by(recipe)
    load_weights_of(model, folder / AVERAGED)
    return model


def built_by(recipe: Mapping[str, Any]) -> Any:
    """Build the network of a recipe, whose keys are those of `training.recipe.Recipe`.

    Raises
    ------
    InputError
        If the zoo has no such network, or does not build it with these options.
    """
    name, options = recipe["network"], dict(recipe.get("options") or {})
    if network(name).gives_residual:
        options["strength"] = recipe["strength"]
        options["codecs"] = tuple(recipe.get("codecs", JPEG_ALONE))
    try:
        return build(name, widths=recipe.get("widths"), **options)
    except TypeError as error:
        raise InputError(f"'{name}' does not take the recipe's options ({error}).") from error


def options_of(model: Any) -> dict[str, Any]:
    """Options with which `build` makes this network again, beside its name."""
    if network(model.name).paper != "edgeqe":
        return {}
    from edgeqe.zoo.widths import widths_of

    forms = {type(layer).__name__ for layer in model.layers}
    form = StrengthForm.QP_ADAPTIVE if "QpAdaptive" in forms else StrengthForm.SCALE_AND_BIAS
    options: dict[str, Any] = {"strength": form.value}
    if codecs_of(model) != network(model.name).codecs:
        options["codecs"] = list(codecs_of(model))
    own, found = widths_of(build(model.name, **options)), widths_of(model)
    changed = {name: width for name, width in found.items() if width != own.get(name)}
    return {**options, "widths": changed} if changed else options


def codecs_of(model: Any) -> tuple[str, ...]:
    """Codecs that a network serves, in the order of its strengths' one-hot."""
    found = (layer.codecs for layer in model.layers if type(layer).__name__ == "StepFeatures")
    return next(found, network(model.name).codecs)


def residual_of(model: Any, output: Any, planes: Any) -> Any:
    """Residual of a network's output: the output itself, or the picture minus the input planes."""
    return output if network(model.name).gives_residual else output - planes


def describe(model: Any) -> str:
    """First line of the docstring of a network's builder."""
    return (builder(model.name).__doc__ or "").splitlines()[0]


def load_weights_of(model: Any, path: Path) -> None:
    """Load averaged weights of a training (.npz) into a network, by name.

    Raises
    ------
    InputError
        If the file is missing, or a weight is missing or of another shape.
    """
    if not path.is_file():
        raise MissingFileError(f"no file '{path}': give the averaged weights of a training.")
    with np.load(path, allow_pickle=False) as stored:
        for variable in model.weights:
            key = variable.path.replace("/", ".")
            if key not in stored or stored[key].shape != tuple(variable.shape):
                raise InputError(f"'{path}' does not fit '{model.name}': no weight '{key}'.")
            variable.assign(stored[key])
