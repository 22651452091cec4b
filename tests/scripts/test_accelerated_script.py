"""A training packed into one folder, and run inside given seconds, by ``scripts/accelerated``."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from edgeqe.errors import InputError, MissingModelError
from edgeqe.files.folders import list_pictures
from edgeqe.model.catalogue import find_model
from edgeqe.zoo.training import loop
from edgeqe.zoo.training.files import AVERAGED, CHECKPOINT, LOG, RECIPE
from edgeqe.zoo.training.pictures import split
from edgeqe.zoo.training.recipe import read_recipe, shipped_recipes
from tests.reference import photograph

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "accelerated"
STEPS = 30
TEXT = f'network = "edgeqe-tiny"\nsteps = {STEPS}\nbatch = 1\ncrop = 48\nwarmup = 2\n'


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Modules of the script, whose folder is no package: they find each other by bare names."""
    found = {}
    for file in ("contents", "draw", "wheels", "bound", "packing", "running", "__main__"):
        name = file.strip("_")
        spec = importlib.util.spec_from_file_location(name, SCRIPT / f"{file}.py")
        assert spec is not None and spec.loader is not None
        found[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, found[name])
        spec.loader.exec_module(found[name])
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs as a data folder: the first in order of name validates."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "free").mkdir()
    for name in ("chelsea", "coffee"):
        Image.fromarray(photograph(name, 20, 40, 200, 240)).save(folder / "free" / f"{name}.png")
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "packed.toml"
    path.write_text(TEXT)
    return str(path)


def noise(folder: Path, names: list[str]) -> None:
    """Small pictures that no coder makes smaller, all of a size."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for name in names:
        pixels = rng.integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name, format="PNG")


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Clock:
    """Seconds that pass where `tick` is asked, not where the clock itself is."""

    def __init__(self, seconds_per_tick: float) -> None:
        self.now, self.seconds_per_tick = 1000.0, seconds_per_tick

    def __call__(self) -> float:
        return self.now

    def tick(self) -> float:
        self.now += self.seconds_per_tick
        return self.now


def test_a_pack_runs_inside_its_seconds_and_goes_on(
    script: dict[str, ModuleType],
    data: Path,
    recipe: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, out, said = tmp_path / "pack", tmp_path / "out", list[str]()
    script["packing"].pack(recipe, data, folder)
    # the loop looks at its clock once a step: every step takes 20 seconds
    clock = Clock(20.0)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=clock.tick))
    bound = script["bound"].Bound(500.0, clock)
    script["running"].run(folder, out, bound, 1, said.append)
    reserve = script["bound"].RESERVE
    # one more step after the last look, and the ticks before the first step
    assert reserve - 40.0 <= bound.left <= reserve
    place = out / "packed"
    with np.load(place / CHECKPOINT) as stored:
        step = int(stored["step"])
        kept = {name: stored[name] for name in stored.files}
    assert 17 <= step <= (500.0 - reserve) / 20.0 + 1
    # a line of start, one each 60 s that is three steps, the summary, the validation
    assert len(said) == 1 + step // 3 + 2
    assert f"step {step} of {STEPS}: {step} steps, 0.1 steps/s" in said[-2]
    assert "held-out gray q10" in said[-1]
    # plain numbers by place, which mean the same to every backend
    assert {values.dtype.kind for values in kept.values()} == {"f", "i", "U"}
    assert all(v.dtype == np.float32 for name, v in kept.items() if name.startswith("weight"))
    assert json.loads((place / RECIPE).read_text()) == dataclasses.asdict(read_recipe(recipe))

    again = script["bound"].Bound(10_000.0, clock)
    script["running"].run(folder, out, again, 1, said.append)
    entries = [json.loads(line) for line in (place / LOG).read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [step, STEPS]
    with np.load(place / AVERAGED) as averaged:
        moved = [np.abs(kept[f"average_{i}"] - averaged[k]).max() for i, k in enumerate(averaged)]
    assert max(moved) > 0.0
    resumed = loop.Training(read_recipe(recipe), data, place)
    resumed.resume()
    assert resumed.step == STEPS
    with pytest.raises(InputError, match=f"last of its {STEPS} steps"):
        script["running"].run(folder, out, again, 1, said.append)


def test_a_packed_checkpoint_goes_on_elsewhere(
    script: dict[str, ModuleType], data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "few.toml"
    path.write_text(TEXT.replace(f"steps = {STEPS}", "steps = 2"))
    training = loop.Training(read_recipe(str(path)), data, tmp_path / "runs" / "few")
    training.folder.mkdir(parents=True)
    training.step = 1
    training.save()
    folder, out, said = tmp_path / "pack", tmp_path / "out", list[str]()
    script["packing"].pack(str(path), data, folder, checkpoint=training.folder)
    script["running"].run(folder, out, script["bound"].Bound(1000.0), 1, said.append)
    assert said[0].startswith("few: step 1 of 2, tensorflow on ")
    with np.load(out / "few" / CHECKPOINT) as stored:
        assert int(stored["step"]) == 2

    path.write_text(TEXT.replace("tiny", "small"))
    with pytest.raises(InputError, match="is of 'edgeqe-tiny', the recipe trains 'edgeqe-small'"):
        script["packing"].pack(str(path), data, tmp_path / "b", checkpoint=training.folder)
    with pytest.raises(InputError, match="no checkpoint"):
        script["packing"].pack(str(path), data, tmp_path / "b", checkpoint=tmp_path)
    assert not (tmp_path / "b").exists()


def test_a_pack_is_as_large_as_allowed_and_keeps_held_out_pictures_apart(
    script: dict[str, ModuleType], recipe: str, tmp_path: Path
) -> None:
    data = tmp_path / "pictures"
    noise(data / "a", [f"a{index:02}.png" for index in range(20)])
    noise(data / "b", [f"b{index:02}.png" for index in range(20)])
    training, held = split(list_pictures(data))
    assert len(held) == 4  # none is named: every tenth
    one = bytes_below(data) / 40
    limit = int(21.5 * one)
    packed = script["packing"].pack(recipe, data, tmp_path / "pack", limit=limit)
    assert limit - 1.2 * one < bytes_below(tmp_path / "pack") == packed.bytes <= limit
    # room for 21: a tenth of it for two that validate, and the rest in equal parts
    assert packed.held == (2, 4)
    assert {some for some, _ in packed.training.values()} <= {9, 10}

    place = tmp_path / "pack" / "data" / "free"
    there, apart = split(list_pictures(place))
    assert {file.name for file in there} <= {file.name for file in training}
    assert {file.name for file in apart} <= {file.name for file in held}
    assert (len(there), len(apart)) == (sum(some for some, _ in packed.training.values()), 2)
    for file in there + apart:
        assert file.read_bytes() == (data / file.relative_to(place)).read_bytes()

    with pytest.raises(InputError, match=r"without any picture .* at most 0\.0 MB"):
        script["packing"].pack(recipe, data, tmp_path / "none", limit=int(one))
    assert not (tmp_path / "none").exists()
    with pytest.raises(InputError, match="exists"):
        script["packing"].pack(recipe, data, tmp_path / "pack")


def test_pictures_that_are_held_out_by_name_stay_so(
    script: dict[str, ModuleType], recipe: str, tmp_path: Path
) -> None:
    data = tmp_path / "pictures"
    noise(data / "wallpaper", ["RainDrops.avif", *(f"{index}.png" for index in range(5))])
    script["packing"].pack(recipe, data, tmp_path / "pack")
    there, apart = split(list_pictures(tmp_path / "pack" / "data"))
    assert [file.name for file in apart] == ["RainDrops.avif"]
    assert len(there) == 5


def test_models_that_the_recipe_names_are_packed(
    script: dict[str, ModuleType], data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "taught.toml"
    path.write_text(
        TEXT + 'teachers = ["edgeqe-small", "edgeqe-nano"]\nstart = "edgeqe-tiny:float32"\n'
    )
    script["packing"].pack(str(path), data, tmp_path / "pack")
    packed = script["contents"].packed_recipe(tmp_path / "pack")
    files = (*packed.teachers, packed.start)
    for given, name in zip(files, ("edgeqe-small", "edgeqe-nano", "edgeqe-tiny"), strict=True):
        assert Path(given).parent == tmp_path / "pack"
        assert Path(given).read_bytes() == find_model(name, "float32").read_bytes()
    assert packed.name == "taught"
    with pytest.raises(InputError, match="no packed training"):
        script["contents"].packed_recipe(data)


def test_a_start_that_is_not_trained_is_named_with_what_trains_it(
    script: dict[str, ModuleType], data: Path, tmp_path: Path
) -> None:
    pack, trainings = script["packing"].pack, tmp_path / "runs"
    with pytest.raises(MissingModelError, match="run 'edgeqe train rrnet-37 --out .*runs' first"):
        pack("rrnet-32", data, tmp_path / "pack", trainings=trainings)
    assert not (tmp_path / "pack").exists()
    (trainings / "rrnet-37").mkdir(parents=True)
    (trainings / "rrnet-37" / AVERAGED).write_bytes(b"weights")
    pack("rrnet-32", data, tmp_path / "pack", trainings=trainings)
    start = Path(script["contents"].packed_recipe(tmp_path / "pack").start)
    assert start.read_bytes() == b"weights"


def test_every_published_training_is_packed(
    script: dict[str, ModuleType], data: Path, tmp_path: Path
) -> None:
    for recipe in map(read_recipe, shipped_recipes()):
        if recipe.start:
            (tmp_path / "runs" / recipe.start).mkdir(parents=True, exist_ok=True)
            (tmp_path / "runs" / recipe.start / AVERAGED).write_bytes(b"weights")
        folder = tmp_path / recipe.name
        script["packing"].pack(recipe.name, data, folder, trainings=tmp_path / "runs")
        packed = script["contents"].packed_recipe(folder)
        assert packed == dataclasses.replace(
            recipe, start=packed.start, teachers=packed.teachers, name=packed.name
        )
        assert bool(packed.start) == bool(recipe.start)


def test_the_seconds_are_enforced(script: dict[str, ModuleType]) -> None:
    bound, clock = script["bound"], Clock(0.0)
    given = bound.Bound(200.0, clock)
    assert given.for_training == 200.0 - bound.RESERVE
    clock.now += 200.0
    assert given.left == 0.0
    with pytest.raises(bound.TimeUp), given.enforced():
        for _ in range(10**9):  # the alarm rings within a millisecond, here or nowhere
            pass
    with pytest.raises(InputError, match="at least 90"):
        bound.Bound(60.0, clock)


def test_wheels_come_first_while_it_runs(script: dict[str, ModuleType], tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "probe-1-py3-none-any.whl", "w") as archive:
        archive.writestr("edgeqe_probe/__init__.py", "VALUE = 3\n")
    before = list(sys.path)
    with script["wheels"].unpacked(tmp_path):
        spec = importlib.util.find_spec("edgeqe_probe")
        assert spec is not None and spec.origin is not None
        assert sys.path[1:] == before and spec.origin.startswith(sys.path[0])
    assert sys.path == before and not Path(spec.origin).exists()


def test_wrong_use_is_told_in_a_line(
    script: dict[str, ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["accelerated", "run", str(tmp_path), "--out", str(tmp_path), "--backend", "tensorflow"]
    for seconds, reason in (("10", "at least 90"), ("100", "no packed training")):
        monkeypatch.setattr(sys, "argv", [*given, "--seconds", seconds])
        assert script["main"].main() == 2
        error = capsys.readouterr().err
        assert error.startswith("accelerated: ") and reason in error and error.count("\n") == 1
