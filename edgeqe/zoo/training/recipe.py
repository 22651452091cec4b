"""Training recipes: TOML files, of which the class `Recipe` is the schema."""

from __future__ import annotations

import dataclasses
import difflib
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeqe.choices import Choice
from edgeqe.errors import InputError, MissingFileError
from edgeqe.zoo import StrengthForm
from edgeqe.zoo.training.encoded import CODECS
from edgeqe.zoo.training.limits import check_limits

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = Path(__file__).with_name("recipes")
#: End of the name of a paper's recipe that is run smaller than published.
REDUCED = "-reduced"
#: Smallest crop for other codecs than JPEG, pixels: pictures are as large, and AV1 wants that much.
SMALLEST_CROP = 64
#: Types of TOML's values that a field's type takes.
KINDS = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "Mapping[str, int]": (dict,),
    "Mapping[str, float]": (dict,),
    "Mapping[str, Any]": (dict,),
    "Sequence[float]": (list,),
    "Sequence[str]": (list,),
    "bool": (bool,),
}
#: Words for those types in messages, as TOML's author knows them.
IN_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": 'text, as key = "..."',
    "bool": "true or false",
    "Sequence[float]": "a list, as key = [22, 32]",
    "Sequence[str]": 'a list, as key = ["edgeqe-base"]',
}


class Loss(Choice):
    """What a training on pictures minimises."""

    MSE = "mse"
    """Mean squared error, values from 0 to 1, as the papers have it."""
    L1 = "l1"
    """Mean absolute error, values from 0 to 1."""
    RELATIVE = "relative"
    """Squared error of every crop over what its strength makes on typical content, so that a
    decibel counts the same at every strength."""


class Side(Choice):
    """Second plane that a network is given beside luma, from the bitstream."""

    NONE = "none"
    """None."""
    RESIDUAL = "residual"
    """The decoded prediction residual of HEVC."""
    PARTITION = "partition"
    """The mean of the samples in each transform block of HEVC."""


@dataclass(frozen=True)
class Recipe:
    """Network, data and hyperparameters of a training."""

    name: str
    """Name of the training; its folder of checkpoints."""
    network: str
    """Name of a network of the zoo."""
    steps: int
    """Batches in all."""
    data: str = "free"
    """Sub-folder of the data folder that is trained on."""
    strength: str = "scale-and-bias"
    """Form of the strength layers, one of `zoo.StrengthForm`."""
    seed: int = 1
    """Seed of weights and batches."""
    batch: int = 16
    """Crops per batch."""
    crop: int = 96
    """Side of a crop, pixels; a multiple of 16."""
    candidates: int = 4
    """Crops among which texture chooses."""
    learning_rate: float = 2e-3
    """Peak of the schedule: linear warm-up over `warmup` steps, then a cosine to 0."""
    warmup: int = 500
    """Steps of warm-up."""
    ema: float = 0.999
    """Decay per training step of the averaged weights, which are validated and shipped."""
    error_floor: float = 1.5
    """Error every strength is assumed to make, squared 8-bit levels at step 1."""
    validate_every: int = 5000
    """Steps between validations."""
    widths: Mapping[str, int] = field(default_factory=dict)
    """Filters by layer where the network has other than its own, as of a pruned one."""
    start: str = ""
    """What the training starts from: a training of the same folder, a model's name, its float32
    ONNX file, or averaged weights of a training (.npz); empty: random weights."""
    start_share: float = 0.0
    """Share of the start's weights in those that are validated and exported, 0 to 1; the rest is the
    training's. Between them a network keeps what the start knew and the training has less of."""
    teachers: Sequence[str] = field(default_factory=list)
    """Models whose residual takes a share of the target's place, shipped models' names or files'
    paths: a picture is taught by the first that serves its codec."""
    teacher_share: float = 0.5
    """That share, 0 to 1."""
    codecs: Mapping[str, float] = field(default_factory=lambda: {"jpeg": 1.0})
    """Codecs that the network serves, of `encoded.CODECS`, and the share of the pictures that
    each codes."""
    fine_share: float = 0.0
    """Share of the pictures that are coded at the fine end of their codec, `encoded.FINE_ENDS`, 0
    to 1; not of networks of the papers."""
    drawn_share: float = 0.1
    """Share of the crops that are drawn in code, text, line art and screens, 0 to 0.9; not
    of networks of the papers."""
    percentile: float = 99.99
    """Percent of the values that the ranges of INT8 keep at either end, 50 to 100; of trainings with
    ``--quantized``."""
    values: Sequence[float] = field(default_factory=list)
    """Strengths that the pictures of a network of the papers are coded at, each as often, in the
    unit of the codec's coder."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keywords of the network's builder, such as a smaller width."""
    loss: str = "relative"
    """What a network of the papers minimises, one of `Loss`."""
    pixel_weight: float = 1.0
    """Weight of the mean absolute error where features or a discriminator count, too."""
    feature_weight: float = 0.0
    """Weight of the distance in the features of a network trained on ImageNet; RGB alone."""
    adversarial_weight: float = 0.0
    """Weight of the loss against a discriminator, which is trained beside; RGB alone."""
    l2: float = 0.0
    """Weight of the sum of the squared kernels, added to the loss."""
    decay_steps: int = 0
    """Steps between two falls of the learning rate, which is constant between them; 0: the cosine."""
    decay_rate: float = 0.1
    """What it is multiplied by."""
    alignment: int = 2
    """Corners of crops lie at multiples of so many pixels."""
    loop_filters: bool = True
    """Whether HEVC's deblocking and SAO are on."""
    side: str = "none"
    """Second input of the network, one of `Side`."""

    def __post_init__(self) -> None:
        check_limits(self)
        if self.start_share and not self.start:
            raise InputError(
                f"recipe '{self.name}': start_share {self.start_share} is of a start: name it by start."
            )
        for teacher in self.teachers:
            if not isinstance(teacher, str) or not teacher:
                raise InputError(
                    f"recipe '{self.name}': teachers has {teacher!r}: give models' names or paths."
                )
        self._check_pictures()
        if self.strength not in list(StrengthForm):
            raise InputError(
                f"recipe '{self.name}': strength '{self.strength}' is none of "
                f"{', '.join(StrengthForm)}."
            )
        for codec, share in self.codecs.items():
            number = isinstance(share, (int, float)) and not isinstance(share, bool)
            if codec not in CODECS or not number or not 0 < share < math.inf:
                raise InputError(
                    f"recipe '{self.name}': codecs has {codec} = {share!r}: give shares above 0 of "
                    f"{', '.join(CODECS)}."
                )
        if not self.codecs:
            raise InputError(f"recipe '{self.name}': codecs is empty: name at least jpeg.")
        if self.crop < SMALLEST_CROP and set(self.codecs) != {"jpeg"}:
            raise InputError(
                f"recipe '{self.name}': crop {self.crop} is below {SMALLEST_CROP}, the smallest "
                "picture of some encoders: make it larger, or train for jpeg alone."
            )
        # cards and one-hots list codecs in one order, JPEG first
        ordered = {codec: self.codecs[codec] for codec in CODECS if codec in self.codecs}
        object.__setattr__(self, "codecs", ordered)
        if self.crop % 16:
            raise InputError(f"recipe '{self.name}': crop {self.crop} is no multiple of 16.")

    def _check_pictures(self) -> None:
        """Check what trainings on whole planes have of their own."""
        for key, known in (("loss", Loss), ("side", Side)):
            value = getattr(self, key)
            if value not in list(known):
                raise InputError(
                    f"recipe '{self.name}': {key} '{value}' is none of {', '.join(known)}."
                )
        for value in self.values:
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
                raise InputError(
                    f"recipe '{self.name}': values has {value!r}: give strengths above 0."
                )
        if self.side != Side.NONE and (self.loop_filters or set(self.codecs) != {"hevc"}):
            raise InputError(
                f"recipe '{self.name}': side '{self.side}' is of HEVC without loop filters: give "
                "loop_filters = false and [codecs] hevc = 1.0."
            )

    def rate(self, step: int) -> float:
        """Learning rate of a training step."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        if self.decay_steps:
            return float(self.learning_rate * self.decay_rate ** (step // self.decay_steps))
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def shipped_recipes() -> dict[str, Path]:
    """File of each shipped recipe by its name; a paper's file holds its reduction as well."""
    found = {}
    for path in sorted(RECIPES.rglob("*.toml")):
        found[path.stem] = path
        if path.parent != RECIPES:
            found[f"{path.stem}{REDUCED}"] = path
    return found


def recipe_path(name: str) -> Path:
    """File of a recipe, a shipped one's name or a TOML file's path.

    Raises
    ------
    MissingFileError
        If there is none.
    """
    shipped = shipped_recipes()
    path = Path(name) if name.endswith(".toml") else shipped.get(name, RECIPES / f"{name}.toml")
    if not path.is_file():
        known = ", ".join(shipped)
        raise MissingFileError(f"no recipe '{name}': give a .toml file or one of {known}.")
    return path


def read_recipe(name: str) -> Recipe:
    """Read a shipped recipe by name, or a TOML file by its path.

    A recipe whose name ends in ``-reduced`` is its file with the keys of the table ``reduced`` in
    the place of those of the paper.

    Raises
    ------
    InputError
        If there is no such recipe, or a key is unknown, missing or of a wrong type.
    """
    path = recipe_path(name)
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"recipe '{path}' is not valid TOML: {error}.") from error
    reduced, stem = values.pop("reduced", {}), Path(name.removesuffix(".toml")).name
    if not isinstance(reduced, dict):
        raise InputError(f"recipe '{path}': reduced = {reduced!r} must be a table of keys.")
    if stem.endswith(REDUCED):
        values.update(reduced)
    values.setdefault("name", stem)
    known = {entry.name: entry for entry in dataclasses.fields(Recipe)}
    for key, value in values.items():
        if key not in known:
            near = "".join(f", did you mean {n}" for n in difflib.get_close_matches(key, known, 1))
            raise InputError(
                f"recipe '{path}': unknown key '{key}'{near}; known are {', '.join(known)}."
            )
        kind = str(known[key].type)
        kinds = KINDS[kind]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise InputError(
                f"recipe '{path}': {key} = {value!r} must be {IN_WORDS.get(kind, 'a table')}."
            )
    for key in ("network", "steps"):
        if key not in values:
            raise InputError(f"recipe '{path}': key '{key}' is missing.")
    return Recipe(**values)
