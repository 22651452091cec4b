"""The cache of engines: keyed, atomic, pruned; and the verbs that show it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeqe.cli import main
from edgeqe.errors import InputError
from edgeqe.runtimes.engine_cache import EnginePlace, cache_folder, engines, prune

KEY = {"model": "edgeqe-tiny", "precision": "float16", "window": 512, "devices": ["a card"]}
DAY = 86400.0


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("EDGEQE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


def built(**key: object) -> Path:
    """An engine of a key, in the cache."""
    place = EnginePlace({**KEY, **key})
    (place.path / "engine.bin").write_bytes(b"12345")
    place.keep()
    return place.path


def test_an_engine_gets_its_name_when_it_is_kept(folder: Path) -> None:
    place = EnginePlace(KEY)
    assert not place.built and place.path.name.startswith("partial-")
    (place.path / "engine.bin").write_bytes(b"12345")
    assert [engine.key for engine in engines()] == [{}]  # nothing reads it yet
    place.keep()
    (engine,) = engines()
    assert dict(engine.key) == KEY and engine.path == place.path and engine.path.parent == folder
    again = EnginePlace(dict(reversed(KEY.items())))  # the order of a key's parts is no part of it
    assert again.built and (again.path / "engine.bin").read_bytes() == b"12345"
    assert not EnginePlace({**KEY, "window": 256}).built


def test_of_two_processes_that_build_the_first_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = EnginePlace(KEY)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    theirs = EnginePlace(KEY)
    for place, data in ((theirs, b"theirs"), (ours, b"ours")):
        (place.path / "engine.bin").write_bytes(data)
        place.keep()
    assert (ours.path / "engine.bin").read_bytes() == b"theirs"
    assert len(engines()) == 1


def test_a_failed_build_leaves_nothing_and_a_kept_one_stays() -> None:
    place = EnginePlace(KEY)
    place.drop()
    assert engines() == []
    path = built()
    EnginePlace(KEY).drop()
    assert path.is_dir()


def test_prune_removes_what_was_not_used_and_old_broken_builds(folder: Path) -> None:
    old, new = built(window=1), built(window=2)
    broken, running = folder / "partial-a-1", folder / "partial-b-2"
    for path in (broken, running):
        path.mkdir()
    now = time.time()
    os.utime(old, (now - 40 * DAY, now - 40 * DAY))
    os.utime(broken, (now - 2 * DAY, now - 2 * DAY))
    assert {engine.path for engine in prune(30)} == {old, broken}
    assert {engine.path for engine in engines()} == {new, running}
    assert len(prune(0)) == 2 and engines() == []


def test_the_folder_is_the_variables_or_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("EDGEQE_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "edgeqe" / "engines"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "edgeqe" / "engines"


def test_a_folder_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGEQE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot write the cache.*set EDGEQE_CACHE_DIR"):
        EnginePlace(KEY)
    assert engines() == []


def test_the_verbs_list_and_prune(folder: Path) -> None:
    path = built()
    runner = CliRunner()
    shown = runner.invoke(main, ["cache", "list"]).output
    assert str(folder) in shown and "edgeqe-tiny float16, window 512, a card" in shown
    report = json.loads(runner.invoke(main, ["cache", "list", "--json"]).output)
    assert report["engines"][0]["key"] == KEY
    assert runner.invoke(main, ["cache", "prune"]).output == "0 removed, 0.0 MiB\n"
    gone = json.loads(runner.invoke(main, ["cache", "prune", "--older-than", "0", "--json"]).output)
    assert gone["removed"][0]["path"] == str(path) and not path.exists()
    wrong = runner.invoke(main, ["cache", "prune", "--older-than", "-1"])
    assert wrong.exit_code == 2 and wrong.output.count("\n") == 1


def test_warmup_runs_the_self_test_and_refuses_what_is_not_there() -> None:
    runner = CliRunner()
    words = ["warmup", "edgeqe-tiny:int8", "--target", "x86-cpu", "--json"]
    (row,) = json.loads(runner.invoke(main, words).stdout)["models"]
    assert row["self-test"] and row["provider"] == "CPUExecutionProvider"
    absent = runner.invoke(main, ["warmup", "edgeqe-tiny", "--target", "jetson"])
    assert absent.exit_code == 3 and "TensorrtExecutionProvider" in absent.stderr


def test_prune_leaves_what_it_does_not_know(folder: Path) -> None:
    engine = built()
    strangers = [folder / name for name in ("notes", "0" * 24, "partial-mine", "f" * 24)]
    for path in strangers:
        path.mkdir()
    (folder / ("f" * 24) / "key.json").write_text("{}")  # a name of ours with another's content
    kept = folder.parent / "elsewhere"
    kept.mkdir()
    (folder / "partial-a-1").symlink_to(kept, target_is_directory=True)
    assert [one.path for one in prune(0)] == [engine]
    assert all(path.is_dir() for path in [*strangers, kept, folder / "partial-a-1"])


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_cache_that_others_may_write_is_refused(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    with pytest.raises(InputError, match="may be written by others"):
        EnginePlace(KEY)
    folder.chmod(0o755)
    assert not EnginePlace(KEY).built
