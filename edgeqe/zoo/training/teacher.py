"""Knowledge distillation in training: a model file as teacher, part of the target.

The teacher gives what can be known of the reference from the compressed picture alone, so
the gradient of ``(1 - s) * (target - x)^2 + s * (teacher - x)^2`` has less noise than that of
the target by itself (G. Hinton et al., "Distilling the knowledge in a neural network", for a
regression). It runs once a coded picture, not once a crop.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from edgeqe.errors import InputError
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.runtimes import Session, open_session
from edgeqe.typing import Float
from edgeqe.zoo.training.degrade import FINENESS, CodedPicture


class FileTeacher:
    """Teacher: a model file native to 4:2:0, run on whole compressed pictures.

    Parameters
    ----------
    model : str
        A shipped model's name or a path.

    Raises
    ------
    ModelError
        If there is no such model.
    InputError
        If it is not native to 4:2:0.
    """

    def __init__(self, model: str) -> None:
        self.file = ModelFile(find_model(model, "float32"))
        if self.file.card.planes != "420-space-to-depth":
            raise InputError(
                f"teacher '{model}' takes {self.file.card.planes} pictures: name one of edgeqe's own."
            )
        self._alignment = max(1, self.file.card.alignment // 2)
        self._sessions: dict[int, Session] = {}

    def __call__(self, coded: CodedPicture) -> Float | None:
        """Residual of a coded picture, (H/2, W/2, 6), 8-bit levels; None where it cannot teach.

        That is where it does not serve the picture's codec.
        """
        if coded.codec not in self.file.card.codecs:
            return None
        key = self.file.key(2.0**coded.log2_step, coded.codec)
        if key not in self._sessions:
            self._sessions[key] = open_session(self.file, key)
        planes = coded.samples[..., :6].transpose(2, 0, 1).astype(np.float32) / FINENESS
        height, width = planes.shape[1:]
        below, beside = -height % self._alignment, -width % self._alignment
        padded = np.pad(planes, ((0, 0), (0, below), (0, beside)), mode="edge")
        residual = self._sessions[key].run(np.ascontiguousarray(padded))
        return residual[:, :height, :width].transpose(1, 2, 0)


class FirstTeacher:
    """Several teachers, of which the first that serves a picture's codec teaches it.

    Parameters
    ----------
    models : sequence of str
        As of `FileTeacher`, whose errors are raised.
    codecs : collection of str
        Codecs of the pictures.

    Raises
    ------
    InputError
        If one would teach nothing, because it or those before it serve none or all of the codecs.
    """

    def __init__(self, models: Sequence[str], codecs: Collection[str]) -> None:
        self.teachers = [FileTeacher(model) for model in models]
        left = set(codecs)
        for model, teacher in zip(models, self.teachers, strict=True):
            served = teacher.file.card.codecs
            if not left & set(served):
                raise InputError(
                    f"teacher '{model}' serves {', '.join(served)}, and of {', '.join(codecs)} "
                    f"{', '.join(sorted(left)) or 'none'} is left for it: leave it out, or name another."
                )
            left -= set(served)

    def __call__(self, coded: CodedPicture) -> Float | None:
        """As of `FileTeacher`; None of a codec that none serves."""
        for teacher in self.teachers:
            residual = teacher(coded)
            if residual is not None:
                return residual
        return None
