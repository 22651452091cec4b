"""The teacher: what a model file adds to a coded picture, and its share of the target."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edgeqe.codecs.strength import step_key
from edgeqe.converters.export import export
from edgeqe.converters.sources import from_zoo
from edgeqe.errors import InputError, ModelError
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.typing import Float
from edgeqe.zoo.training.degrade import FINENESS, CodedPicture, code
from edgeqe.zoo.training.encoded import code_by
from edgeqe.zoo.training.pool import Pool, TrainingPicture
from edgeqe.zoo.training.recipe import Recipe
from edgeqe.zoo.training.teacher import FileTeacher, FirstTeacher
from tests.reference import photograph


def run_by_hand(model: str, planes: Float, key: int) -> Float:
    """Residual (6, h, w) of planes (6, h, w), both grey levels, by ONNX Runtime alone."""
    data = ModelFile(find_model(model, "float32")).at(key)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (residual,) = session.run(None, {session.get_inputs()[0].name: planes[None]})
    return residual[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["edgeqe-tiny", "multiscale"])
def test_it_gives_what_the_file_gives_padded_to_its_alignment(name: str, multiscale: Path) -> None:
    model = str(multiscale) if name == "multiscale" else name
    rgb = photograph("coffee", 100, 200, 48, 80)[:44]  # 22 by 40 samples: three scales want eights
    coded = code(np.ascontiguousarray(rgb), np.random.default_rng(1), quality=20)
    teacher = FileTeacher(model)
    unit = teacher.file.card.alignment // 2
    planes = (coded.samples[..., :6].astype(np.float32) / FINENESS).transpose(2, 0, 1)
    below = -22 % unit
    assert (below > 0) is (name == "multiscale")
    padded = np.concatenate([planes, np.repeat(planes[:, -1:], below, axis=1)], axis=1)
    expected = run_by_hand(model, padded, step_key(2.0**coded.log2_step))[:, :22]
    found = teacher(coded)
    assert found is not None
    assert found.shape == (22, 40, 6)
    # the same sums, in another order where the runtime has another layout
    np.testing.assert_allclose(found.transpose(2, 0, 1), expected, atol=1e-3)
    assert np.abs(expected).max() > 1.0  # it teaches something


def test_it_takes_its_share_of_the_target_of_photographs() -> None:
    pictures = [TrainingPicture(photograph("chelsea", 20, 40, 128, 144), True)]
    given: list[CodedPicture] = []

    def teacher(coded: CodedPicture) -> Float:
        given.append(coded)
        return np.broadcast_to(
            np.array([1, -2, 3.25, 0, 40, -40], np.float32), (*coded.samples.shape[:2], 6)
        )

    def batch(**options: Any) -> Any:
        pool = Pool(
            pictures,
            (1, 0),
            batch=6,
            crop=64,
            candidates=2,
            error_floor=1.5,
            slots=3,
            **{"drawn_share": 0.0, **options},  # of the crops; one of three slots is drawn
        )
        return pool.batch(4)

    plain, taught = batch(), batch(teacher=teacher, teacher_share=0.25)
    assert len(given) == 2  # once a photograph, not once a crop, and nothing drawn
    np.testing.assert_array_equal(taught[0], plain[0])
    np.testing.assert_array_equal(taught[1], plain[1])
    known = np.zeros(plain[2][..., :6].shape) + [1, -2, 3.25, 0, 40, -40]
    # crops are flipped, phases with them: sums over the phases of luma stay
    luma = (
        known[..., :4].sum(-1),
        plain[2][..., :4].sum(-1) * 255,
        taught[2][..., :4].sum(-1) * 255,
    )
    expected = 0.75 * luma[1] + 0.25 * luma[0]
    # each of four phases is rounded to 1/64 level
    np.testing.assert_allclose(luma[2], expected, atol=4 * 0.5 / FINENESS + 1e-3)
    for plane in (4, 5):
        expected = 0.75 * plain[2][..., plane] * 255 + 0.25 * known[..., plane]
        np.testing.assert_allclose(taught[2][..., plane] * 255, expected, atol=0.51 / FINENESS)
    whole = batch(teacher=teacher, teacher_share=1.0)
    np.testing.assert_allclose(whole[2][..., 4:6] * 255, known[..., 4:], atol=1e-3)
    drawn = batch(drawn_share=1.0), batch(drawn_share=1.0, teacher=teacher)
    for part, same in zip(*drawn, strict=True):
        np.testing.assert_array_equal(part, same)


def test_the_first_that_serves_a_codec_teaches_it() -> None:
    rgb = photograph("coffee", 100, 200, 64, 80)
    jpeg = code(rgb, np.random.default_rng(1), quality=20)
    webp = code_by("webp", rgb, np.random.default_rng(1), 20)
    foreign = dataclasses.replace(jpeg, codec="another")
    names = "edgeqe-base", "edgeqe-base-video"
    teachers = [FileTeacher(name) for name in (*names, "edgeqe-tiny")]
    found = FirstTeacher(names, ("jpeg", "webp", "another"))
    for coded, teacher in ((jpeg, teachers[0]), (webp, teachers[1])):
        residual, expected = found(coded), teacher(coded)
        assert residual is not None and expected is not None
        np.testing.assert_array_equal(residual, expected)
        other = teachers[2](coded)
        assert other is not None and np.abs(residual - other).max() > 0.1
    assert found(foreign) is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("edgeqe-base-video",), "'edgeqe-base-video' serves h264, .* and of jpeg jpeg is left"),
        (("edgeqe-tiny", "edgeqe-base"), "'edgeqe-base' serves jpeg, and of jpeg none is left"),
    ],
)
def test_a_teacher_that_would_teach_nothing_is_refused(
    names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        FirstTeacher(names, ("jpeg",))


def test_what_cannot_teach_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nobody"):
        FileTeacher("nobody")
    export(from_zoo("vrcnn"), tmp_path / "vrcnn.onnx")
    with pytest.raises(InputError, match="takes y pictures: name one of edgeqe's own"):
        FileTeacher(str(tmp_path / "vrcnn.onnx"))


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_is_from_0_to_1(share: float) -> None:
    with pytest.raises(InputError, match="teacher_share"):
        Recipe("test", "edgeqe-tiny", steps=1, teacher_share=share)
