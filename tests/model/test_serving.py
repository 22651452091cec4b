"""Codecs: a model refuses what its card does not name, before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edgeqe import Enhancer, InputError
from edgeqe.cli import main
from edgeqe.cli.convert import command as convert
from edgeqe.codecs.strength import STATED_BY
from edgeqe.model import catalogue
from edgeqe.model.file import ModelFile
from edgeqe.typing import Float
from tests import small_models
from tests.fakes import FakeFile, enhancer_of, noise

GRAY = noise(8, 8)
HALF = noise(4, 4)
PAIR = noise(4, 4, 2)
# of the shipped ones those that serve more than JPEG
MANY = ("edgeqe-tiny", "edgeqe-small", "edgeqe-base-video")


def plus_one(planes: Float) -> Float:
    return np.ones_like(planes)


def of(*codecs: str, name: str = "fake") -> FakeFile:
    return FakeFile(plus_one, codecs=codecs, name=name)


def refused(call: Callable[[], object]) -> str:
    """The one line of a refusal."""
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_door_refuses_and_makes_no_session(tmp_path: Path) -> None:
    file = of("jpeg", name="jpeg-only")
    deep = GRAY.astype(np.uint16)
    out = np.zeros_like(GRAY)
    Image.fromarray(GRAY).save(tmp_path / "in.png")
    with enhancer_of(file, threads=1) as enhancer:
        opened = len(file.sessions)  # the one at the default strength
        for call in (
            lambda: enhancer.enhance(GRAY, qp=32, out=out),
            lambda: enhancer.enhance_planes(GRAY, HALF, HALF, qp=32),
            lambda: enhancer.enhance_nv12(GRAY, PAIR, qp=32),
            lambda: enhancer.enhance_p010(deep, PAIR.astype(np.uint16), qp=32),
            lambda: enhancer.enhance_file(tmp_path / "in.png", tmp_path / "out.png", qp=32),
            lambda: enhancer.enhance_file(tmp_path / "missing.png", tmp_path / "out.png", qp=32),
        ):
            assert refused(call) == (
                "'jpeg-only' serves jpeg and not hevc, which qp= means unless codec= says "
                f"otherwise: of the shipped models {', '.join(MANY)} do."
            )
        assert refused(lambda: enhancer.enhance(GRAY, step=9, codec="jpeg2000")).startswith(
            "'jpeg-only' serves jpeg and not jpeg2000: of the shipped"
        )
        assert len(file.sessions) == opened
        assert not [run for session in file.sessions for run in session.shapes]
    assert not out.any() and not (tmp_path / "out.png").exists()


def test_what_the_card_names_is_served() -> None:
    with enhancer_of(of("hevc", "vvc", "jpeg2000"), threads=1) as enhancer:
        assert enhancer.codecs == ("hevc", "vvc", "jpeg2000", "heif", "bpg")
        expected = enhancer.enhance(GRAY, step=32.0)  # a step alone: whatever it serves
        for strength in (
            {"qp": 34},
            {"qp": 34, "codec": "hevc"},
            {"qp": 34, "codec": "vvc"},
            {"step": 32.0, "codec": "jpeg2000"},
            {"qp": 34, "codec": "heif"},  # HEVC codes it
        ):
            np.testing.assert_array_equal(enhancer.enhance(GRAY, **strength), expected)


def test_the_advice_names_the_codec_that_qp_may_be_of() -> None:
    with enhancer_of(of("jpeg", "vvc", "bpg"), threads=1) as enhancer:
        assert refused(lambda: enhancer.enhance(GRAY, qp=32)) == (
            "'fake' serves jpeg, vvc, bpg and not hevc, which qp= means unless codec= says "
            "otherwise: give codec='vvc' (--codec vvc) or codec='bpg' (--codec bpg) if the picture is of that; of the "
            f"shipped models {', '.join(MANY)} do."
        )
        # who names a codec means it
        assert "codec='vvc'" not in refused(lambda: enhancer.enhance(GRAY, qp=32, codec="h264"))


def test_the_advice_names_the_shipped_models_that_serve_it() -> None:
    with enhancer_of(of("vvc"), threads=1) as enhancer:
        assert refused(lambda: enhancer.enhance(GRAY, quality=30)) == (
            "'fake' serves vvc and not jpeg, which quality= means: of the shipped models "
            "edgeqe-nano, edgeqe-tiny, edgeqe-small, edgeqe-base do."
        )


def test_the_advice_reads_the_shipped_cards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(catalogue, "MODELS", tmp_path)
    for name, codec in (("one", "hevc"), ("two", "jpeg")):
        small_models.write(
            small_models.strong_graph(), tmp_path / f"{name}.float32.onnx", codecs=(codec,)
        )
    with Enhancer("two:float32", threads=1) as enhancer:
        line = refused(lambda: enhancer.enhance(GRAY, qp=32))
        assert line.endswith("unless codec= says otherwise: of the shipped models one does.")
        line = refused(lambda: enhancer.enhance(GRAY, qp=32, codec="vvc"))
    assert line.endswith("none of the shipped models does, give a model file whose card names it.")


def test_every_model_of_a_cascade_must_serve_it() -> None:
    files = [of("hevc", "vvc", name="first"), of("vvc", "jpeg", name="second")]
    with enhancer_of(files, threads=1) as enhancer:
        assert enhancer.codecs == ("vvc",)
        line = refused(lambda: enhancer.enhance(GRAY, qp=32))
        assert line.startswith("'second' serves vvc, jpeg and not hevc")
        assert "give codec='vvc' (--codec vvc) if the picture is of that" in line
        assert refused(lambda: enhancer.enhance(GRAY, quality=9)).startswith("'first' serves")
        enhancer.enhance(GRAY, qp=32, codec="vvc")


def test_a_jpeg_is_refused_by_a_model_of_another_codec(tmp_path: Path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "in.jpg", quality=30)
    file = of("vvc")
    with enhancer_of(file, threads=1) as enhancer:
        opened = len(file.sessions)
        line = refused(lambda: enhancer.enhance_file(tmp_path / "in.jpg", tmp_path / "out.png"))
        assert line.startswith(f"{tmp_path / 'in.jpg'}: 'fake' serves vvc and not jpeg: of the ")
        assert len(file.sessions) == opened and not (tmp_path / "out.png").exists()
        # a caller who knows better: frames of VVC that lie in a JPEG
        report = enhancer.enhance_file(
            tmp_path / "in.jpg", tmp_path / "out.png", qp=34, codec="vvc"
        )
    assert (report.codec, report.step, report.strength_from) == ("vvc", 32.0, "argument")


@pytest.mark.parametrize("model", catalogue.shipped_files())
def test_what_a_shipped_model_serves(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = model.partition(":")[0]
    others = ("h264", "hevc", "vvc", "av1", "webp", "jpeg2000") if name in MANY else ()
    expected = others if name == "edgeqe-base-video" else ("jpeg", *others)
    assert ModelFile(catalogue.find_model(model)).card.codecs == expected
    if "jpeg" in expected and others:
        return
    given: dict[str, Any] = {"quality": 20} if others else {"qp": 32}
    frame = np.zeros((16, 16, 3), np.uint8)
    with Enhancer(model, threads=1) as enhancer:

        def never(*_: object) -> None:
            raise AssertionError("a session was made")

        monkeypatch.setattr("edgeqe.runtimes.open_session", never)
        monkeypatch.setattr("edgeqe.engine.engine.Engine.run", never)
        line = refused(lambda: enhancer.enhance(frame, **given))
    refusal = "jpeg" if others else "hevc"
    assert line.startswith(f"'{name}' serves {', '.join(expected)} and not {refusal}")


@pytest.mark.parametrize("words", [("enhance", "in.png", "-o", "out.png", "--qp", "32"), ("demo",)])
def test_the_command_line_refuses_before_it_opens_the_model(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    codecs = ("vvc", "bpg")
    small_models.write(small_models.strong_graph(), tmp_path / "theirs.onnx", codecs=codecs)
    Path("in.png").touch()  # there, and never read

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the model was opened")

    monkeypatch.setattr("edgeqe.enhancer.open_on", never)
    result = CliRunner().invoke(main, [*words, "--model", "theirs.onnx"])
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("edgeqe: 'small' serves vvc, bpg and not ")
    assert {path.name for path in tmp_path.iterdir()} == {"theirs.onnx", "in.png"}


def test_convert_knows_the_same_codecs() -> None:
    (option,) = [given for given in convert.params if given.name == "codecs"]
    assert set(option.type.choices) == set(STATED_BY)  # type: ignore[attr-defined]
