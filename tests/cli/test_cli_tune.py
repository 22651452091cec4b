"""``edgeqe tune``: from the command line to a profile that is used, and the words of its report."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edgeqe import Enhancer
from edgeqe.bench.tuning import candidates
from edgeqe.bench.tuning.report import Tuning, format_tuning
from edgeqe.bench.tuning.settings import Setting
from edgeqe.bench.tuning.trials import Outcome, TuningTrial
from edgeqe.bench.tuning.verdict import TuningVerdict
from edgeqe.cli import main
from edgeqe.protocols import ReferencePicture
from edgeqe.targets.reading import read_profile
from edgeqe.typing import Uint8
from tests.fakes import noise


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["tune", *map(str, words)])


@pytest.fixture
def a_small_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the photographs, whose drift takes seconds."""

    def smooth(path: Path) -> ReferencePicture:
        ramp: Uint8 = noise(9, 12, 3).repeat(8, 0).repeat(8, 1)
        return ReferencePicture(path.stem, ramp)

    monkeypatch.setattr(candidates, "packaged_file", Path)
    monkeypatch.setattr(candidates, "read_picture", smooth)


def test_a_profile_is_written_read_and_used(a_small_picture: None, tmp_path: Path) -> None:
    slow, tuned = tmp_path / "slow.toml", tmp_path / "tuned.toml"
    slow.write_text('extends = "x86-cpu"\nthreads = 1\n[window]\nlargest = 64\n', encoding="utf-8")
    small = ("--size", "128x96", "--seconds", 1, "--max-drop", 9)
    result = run("edgeqe-tiny", "--target", slow, *small, "-o", tuned, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    chosen = report["chosen"]
    assert (report["schema_version"], report["kind"]) == (1, "edgeqe-tune")
    assert report["verdict"] in ("faster", "default", "noisy")
    assert report["rounds"] >= 3
    assert (report["default"]["threads"], report["default"]["largest"]) == (1, 64)
    with Enhancer("edgeqe-tiny", target=str(tuned)) as enhancer:
        info = enhancer.info
        assert (info.runtime, info.provider) == (chosen["runtime"], chosen["provider"])
        assert Path(info.path).name == f"edgeqe-tiny.{chosen['form']}".removesuffix(".onnx") + (
            "" if chosen["form"].endswith(".tflite") else ".onnx"
        )
        assert info.threads == chosen["threads"]
    profile = read_profile(str(tuned))
    assert (profile.window.smallest, profile.window.largest) == (
        chosen["smallest"],
        chosen["largest"],
    )
    head = tuned.read_text(encoding="utf-8")
    assert head.startswith(f"# Made by: edgeqe tune edgeqe-tiny --target {slow} --max-drop 9.0")
    assert 'extends = "slow.toml"' in head
    assert run("edgeqe-tiny", "-o", tuned).stderr.endswith(
        "exists: add --overwrite, or choose another name.\n"
    )


def test_a_file_fixes_the_form_and_needs_no_photographs(tmp_path: Path) -> None:
    tuned = tmp_path / "tuned.toml"
    model = "edgeqe-tiny:float32"
    small = ("--size", "96x64", "--seconds", 1)
    result = run(model, "--target", "x86-cpu", *small, "-o", tuned)
    assert result.exit_code == 0, result.output
    assert f"Written: {tuned}. Use it as --target {tuned}." in result.stdout.splitlines()
    assert not read_profile(str(tuned)).precision


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("edgeqe-tiny", "--size", "720p"), "--size '720p' is no size: give such as 1280x720"),
        (("edgeqe-tiny", "--size", "63x64"), "from 64x64"),
        (("edgeqe-tiny", "-o", "tuned.json"), "'tuned.json' must end in .toml"),
        (("edgeqe-tiny", "-o", "none/tuned.toml"), "name a file in a folder that exists"),
        (("edgeqe-tiny", "--target", "x87-cpu"), "no target 'x87-cpu' (did you mean 'x86-cpu'?)"),
        (("edgeqe-tiny", "--memory-limit", "lots"), "memory limit 'lots' is no size"),
        (("edgeqe-tiny", "--memory-limit", "1KiB"), "the smallest that works is"),
        (("edgeqe-tiny:float64",), "no model 'edgeqe-tiny:float64'"),
        (("edgeqe-tiny", "--seconds", "0"), "'--seconds'"),
        (("own.toml.onnx", "--target", "own.toml", "-o", "own.toml", "--overwrite"),
         "'own.toml' is the profile that is tuned, and cannot extend itself"),
    ],
)  # fmt: skip
def test_wrong_use(
    words: tuple[str, ...],
    part: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    a_small_picture: None,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text('extends = "x86-cpu"\n', encoding="utf-8")
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("edgeqe: ") and part in line


DEFAULT, WINNER = Setting(1, "int8", 1, 64, 64), Setting(2, "float32.tflite", 2, 128, 192)


def tuning(kind: str, **more: Any) -> Tuning:
    outcome = Outcome(
        default=DEFAULT,
        winner=more.pop("winner", WINNER),
        verdict=TuningVerdict(kind, gain=0.5, twin=0.01, spread=0.02, rounds=7),
        trials=(
            TuningTrial(DEFAULT, (64, 64), rates=[1.0, 1.1, 1.2], ratios=[1.0]),
            TuningTrial(WINNER, (176, 192), rates=[1.6, 1.5], ratios=[1.5, 1.52]),
            TuningTrial(Setting(1, "int8", 2, 342, 512), note="does not fit"),
            TuningTrial(Setting(1, "int8", 2, 512, 768), note="does not fit"),
        ),
        search_pixels=480_000,
        last_pixels=more.pop("last_pixels", 480_000),
    )
    return Tuning(
        model="edgeqe-small",
        profile=read_profile("x86-cpu"),
        limit=64 << 20,
        max_drop=0.05,
        size=(600, 800),
        versions="onnxruntime 1.20",
        processors=2,
        load=more.pop("load", 0.5),
        outcome=outcome,
        losses={(1, "int8"): 0.02},
        left_out={(0, "int8.tflite"): "drifts: loses 0.2 dB"},
        absent={},
        command="edgeqe tune edgeqe-small",
    )


def test_the_report() -> None:
    assert format_tuning(tuning("faster")) == dedent(
        """\
        edgeqe-small on x86-cpu: 800x600 RGB, uint8 to uint8, memory limit 64 MiB

        runtime      provider              form            threads     windows  large picture's  Mpx/s  x default  spread
        onnxruntime  CPUExecutionProvider  int8                  1          64            64x64  1.100       1.00       -  default
        litert       XNNPACK               float32.tflite        2  128 to 192          176x192  1.550       1.51    0.9%   chosen
        onnxruntime  CPUExecutionProvider  int8                  2  342 to 512                       -          -       -
        onnxruntime  CPUExecutionProvider  int8                  2  512 to 768                       -          -       -

        PSNR lost against float32: onnxruntime int8 0.020 dB.

        Left out:
        - onnxruntime, CPUExecutionProvider, int8, 2 threads, windows 342 to 512 and 1 more: does not fit
        - litert int8.tflite: drifts: loses 0.2 dB

        1.50 times as fast as the default (7 rounds in turns on 0.48 Mpx spread by 2.0%, the default differs from itself by 1.0%).
        Chosen: litert, XNNPACK, float32.tflite, 2 threads, windows 128 to 192.
        """
    ).rstrip("\n")


def test_the_verdicts_in_words() -> None:
    def words(kind: str, **more: Any) -> str:
        return " ".join(tuning(kind, **more).sentences())

    assert words("noisy").startswith("Too noisy to tell: the winner seems 1.50 times as fast")
    assert "noisy to tell: nothing seems faster" in words("noisy", winner=DEFAULT)
    assert "Chosen: onnxruntime, CPUExecutionProvider, int8, 1 thread," in words("noisy")
    assert words("default").startswith("The default stays: nothing is faster by 2% or more")
    assert words("drift").startswith("The default's form drifts too far.")
    assert "Chosen: litert, XNNPACK, float32.tflite, 2 threads, windows 128 to 192" in words(
        "drift"
    )
    assert "busy before" not in words("faster")
    assert "busy before (load average 1.5 on 2 processors)" in words("faster", load=1.5)
    assert "ran on a smaller picture" in words("faster", last_pixels=30_000)


def test_json_of_a_trial() -> None:
    facts = tuning("faster").to_dict()
    assert facts["chosen"] == {
        "runtime": "litert",
        "provider": "XNNPACK",
        "form": "float32.tflite",
        "threads": 2,
        "smallest": 128,
        "largest": 192,
        "loss_db": None,
    }
    assert facts["trials"][0]["loss_db"] == 0.02
    assert facts["trials"][0]["megapixels_per_second"] == 1.1
    assert facts["trials"][2]["ratio"] is None and facts["trials"][2]["window"] is None
    assert facts["drifting"][0]["why"] == "drifts: loses 0.2 dB"
    json.dumps(facts, allow_nan=False)
