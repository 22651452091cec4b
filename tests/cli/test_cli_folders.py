"""Folders through ``edgeqe enhance``: every file accounted for, and only what is missing done again."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.cli import main
from edgeqe.codecs.jpeg import luma_table

RAMP = np.add.outer(np.arange(40), 2 * np.arange(50)).astype(np.uint8)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["enhance", "-m", "edgeqe-nano", "--threads", "1", *words])


def saved(path: Path, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RAMP).save(path, **options)


def rows(result: Result) -> dict[str, dict[str, str]]:
    return {row["source"]: row for row in json.loads(result.stdout)["files"]}


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty files: 37 good ones of several formats at three depths, three damaged."""
    monkeypatch.chdir(tmp_path)
    for number in range(37):
        suffix = (".jpg", ".webp", ".JPEG", ".jp2")[number % 4]
        place = Path("in", *("deep", "er")[: number % 3])
        saved(place / f"{number:02}{suffix}", **({"quality": 20} if suffix != ".jp2" else {}))
    whole = io.BytesIO()
    Image.fromarray(RAMP).save(whole, "JPEG", quality=30)
    Path("in/bad-cut.jpg").write_bytes(whole.getvalue()[:-60])
    Path("in/deep/bad-empty.jpg").touch()
    Path("in/deep/er/bad-text.webp").write_text("no picture")
    return tmp_path


@pytest.mark.parametrize("more", [(), ("--skip-existing",)])
def test_a_second_run_does_what_is_missing_and_touches_nothing_else(
    more: tuple[str, ...], mixed: Path
) -> None:
    words = ("in", "-o", "out", "--quality", "20", "--json", *more)
    first = run(*words)
    assert first.exit_code == 2  # three of them are damaged
    found = rows(first)
    assert len(found) == 40
    bad = {"in/bad-cut.jpg", "in/deep/bad-empty.jpg", "in/deep/er/bad-text.webp"}
    assert {name for name, row in found.items() if row["state"] == "failed"} == bad
    assert all(name in found[name]["reason"] for name in bad)
    done = {name: row for name, row in found.items() if row["state"] == "enhanced"}
    assert len(done) == 37
    for name, row in done.items():  # the structure is kept
        assert Path(row["destination"]) == Path("out", *Path(name).parts[1:]).with_suffix(".png")
    assert len(state_of(Path("out"))) == 37

    removed = sorted(done)[::8]
    assert len(removed) == 5
    for name in removed:
        Path(done[name]["destination"]).unlink()
    kept = state_of(mixed)
    second = run(*words)
    assert second.exit_code == 2
    again = rows(second)
    assert {name for name, row in again.items() if row["state"] == "enhanced"} == set(removed)
    assert {name for name, row in again.items() if row["state"] == "failed"} == bad
    skipped = [row for row in again.values() if row["state"] == "skipped"]
    assert len(skipped) == 32
    assert all(row["reason"] == f"{row['destination']} exists" for row in skipped)
    after = state_of(mixed)
    assert {name: after[name] for name in kept} == kept
    assert set(after) - set(kept) == {str(mixed / done[name]["destination"]) for name in removed}


def test_a_table_accounts_for_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Path("in/a.jpg"), quality=20)
    saved(Path("in/b.jpg"), quality=20)
    saved(Path("in/c.png"))  # of which nobody knows the strength
    Path("in/three.mpo").write_bytes(Path("in/a.jpg").read_bytes())
    Path("in/notes.txt").write_text("no picture")
    Path("in/gone.jpg").symlink_to("nowhere")
    saved(Path("out/b.png"))
    result = run("in", "-o", "out", "--skip-existing")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == "edgeqe: 1 of 2 pictures failed, see above."
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[lines.index("state files why and which") :] == [
        "state files why and which",
        "enhanced 1",
        "skipped 1 its output exists (--overwrite replaces it): in/b.jpg",
        "skipped 1 a link to nothing: in/gone.jpg",
        "skipped 1 no picture ('.txt'): in/notes.txt",
        "skipped 1 '.mpo' is no suffix of a picture, but its bytes are one's: name the file itself: "
        "in/three.mpo",
        "failed 1 in/c.png",
    ]


def test_both_runs_account_alike_for_pictures_without_a_strength(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Path("in/a.jpg"), quality=20)
    saved(Path("in/sub/c.png"))
    first, second = (run("in", "-o", "out", "--json") for _ in range(2))
    assert (first.exit_code, second.exit_code) == (2, 2)
    before, after = rows(first), rows(second)
    assert "carries no strength" in before["in/sub/c.png"]["reason"]
    assert after["in/sub/c.png"] == before["in/sub/c.png"]
    assert [found["in/a.jpg"]["state"] for found in (before, after)] == ["enhanced", "skipped"]


def test_the_one_output_that_exists_is_an_error_and_one_of_several_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Path("in/a.jpg"), quality=20)
    saved(Path("in/b.jpg"), quality=20)
    saved(Path("out/a.png"))
    kept = state_of(Path("out"))
    for words in (("in/a.jpg", "-o", "out"), ("in/a.jpg", "-o", "out/a.png")):
        refused = run(*words)
        assert refused.exit_code == 2 and "out/a.png exists: give --overwrite" in refused.stderr
    found = rows(run("in/a.jpg", "in/b.jpg", "-o", "out", "--json"))
    assert [row["state"] for row in found.values()] == ["skipped", "enhanced"]
    assert state_of(Path("out")).items() >= kept.items()
    again = rows(run("in", "-o", "out", "--overwrite", "--json"))
    assert {row["state"] for row in again.values()} == {"enhanced"}
    assert run("in", "-o", "out", "--overwrite", "--skip-existing").exit_code == 2
    one = run("in/a.jpg", "-o", "out/a.png", "--skip-existing")
    assert one.exit_code == 0 and "its output exists" in one.stdout


def test_equal_stems_keep_their_whole_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "a.webp", "a.jpg.tif", "b.jpg", "sub/a.jpg"):
        saved(Path("in", name))
    for _ in range(2):
        result = run("in", "-o", "out", "--quality", "20", "--skip-existing", "--json")
        assert result.exit_code == 0, result.output
        assert {name: row["destination"] for name, row in rows(result).items()} == {
            "in/a.jpg": "out/a.jpg.png",
            "in/a.webp": "out/a.webp.png",
            "in/a.jpg.tif": "out/a.jpg.tif.png",
            "in/b.jpg": "out/b.png",
            "in/sub/a.jpg": "out/sub/a.png",
        }


def test_a_folder_into_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Path("in/a.jpg"), quality=20)
    assert run("in", "-o", "in").exit_code == 0
    kept = state_of(tmp_path)
    result = run("in", "-o", "in", "--skip-existing", "--json")
    assert result.exit_code == 0
    found = rows(result)
    assert found["in/a.jpg"]["reason"] == "in/a.png exists"
    assert found["in/a.png"]["reason"] == "it is what in/a.jpg becomes"
    assert state_of(tmp_path) == kept


def test_a_file_that_would_replace_itself_is_accounted_for_alike_on_every_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Path("in/a.jpg"), quality=20)
    saved(Path("in/c.png"))  # of which nobody knows the strength
    reasons = []
    for option in ((), ("--skip-existing",), ("--skip-existing",)):
        result = run("in", "-o", "in", *option, "--json")
        assert result.exit_code == 0, result.output
        reasons.append(rows(result)["in/c.png"])
    assert {row["state"] for row in reasons} == {"skipped"}
    assert {row["reason"] for row in reasons} == {"its output would replace it"}
    assert run("in", "-o", "in", "--overwrite").exit_code == 2  # then it is asked for


def test_no_recursive_says_which_folders_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Path("in/a.jpg"), quality=20)
    saved(Path("in/sub/b.jpg"), quality=20)
    found = rows(run("in", "-o", "out", "--no-recursive", "--json"))
    assert (found["in/a.jpg"]["state"], found["in/sub"]["state"]) == ("enhanced", "skipped")
    assert found["in/sub"]["reason"] == "a sub-folder"
    refused = run("in/sub", "-o", "out", "--no-recursive")
    assert refused.exit_code == 0
    Path("in/a.jpg").unlink()
    assert "no pictures in 'in': give" in run("in", "-o", "new", "--no-recursive").stderr


def test_patterns_that_no_shell_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a1.jpg", "a2.jpg", "b.jpg", "[x].jpg"):
        saved(Path("in", name), quality=20)
    found = rows(run("in/a*.jpg", "in/[x].jpg", "-o", "out", "--json"))
    assert sorted(found) == ["in/[x].jpg", "in/a1.jpg", "in/a2.jpg"]
    one = run("in/b*.jpg", "-o", "single", "--json")  # a pattern means a folder, however many fit
    assert [row["destination"] for row in rows(one).values()] == ["single/b.png"]
    refused = run("in/c*.jpg", "-o", "out")
    assert refused.exit_code == 2 and "no file fits 'in/c*.jpg'" in refused.stderr


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Path("in/a.jpg"), quality=20)
    saved(Path("in/b.webp"), quality=20)  # which the shipped models do not serve
    saved(Path("in/c.jpg"), quality=20)
    saved(Path("out/c.png"))
    kept = state_of(tmp_path)
    result = run("in", "-o", "out", "--skip-existing", "--dry-run")
    assert result.exit_code == 2
    assert "in/a.jpg -> out/a.png  would be enhanced  JPEG quality 20" in result.stdout
    assert "'edgeqe-nano' serves jpeg and not webp" in result.stderr
    found = rows(run("in", "-o", "new/deep", "--dry-run", "--json"))
    states = {name: row["state"] for name, row in found.items()}
    assert states == {"in/a.jpg": "planned", "in/b.webp": "failed", "in/c.jpg": "planned"}
    assert state_of(tmp_path) == kept and not Path("new").exists()


def test_output_quality(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).normal(128, 20, (64, 64)).clip(0, 255).astype(np.uint8)
    Path("in").mkdir()
    Image.fromarray(noise).save("in/a.jpg", quality=20)
    told = run("in/a.jpg", "-o", "out.jpg").stdout
    assert "written at quality 80, " in told  # IJG: steps of q20 are 2.5, of q80 0.4 of q50's
    made, given = (luma_table(Path(name).read_bytes()) for name in ("out.jpg", "in/a.jpg"))
    for ours, theirs in zip(made, given, strict=True):  # whole numbers, and none above 255
        assert ours <= theirs / 6 + 0.5 or theirs == 255
    for suffix in ("jpg", "webp"):
        for quality in (30, 90):
            done = run("in/a.jpg", "-o", f"{quality}.{suffix}", "--output-quality", str(quality))
            assert f"written at quality {quality}, " in done.stdout, done.output
        assert Path(f"30.{suffix}").stat().st_size < Path(f"90.{suffix}").stat().st_size
    assert run("in/a.jpg", "-o", "out.webp").exit_code == 0
    assert run("in/a.jpg", "-o", "out.png").exit_code == 0
    with Image.open("out.webp") as webp, Image.open("out.png") as exact:
        np.testing.assert_array_equal(np.asarray(webp)[..., 0], np.asarray(exact))
    for words in (("x.png",), ("new/", "--suffix", ".tif")):
        refused = run("in/a.jpg", "-o", *words, "--output-quality", "90")
        assert refused.exit_code == 2 and "is lossless" in refused.stderr


def test_clips_of_a_folder_are_counted_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Path("in/a.jpg"), quality=20)
    for name in ("in/b.mp4", "in/c.y4m", "clips/d.mkv"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"\0\0\0\x18ftypisom")
    result = run("in", "-o", "out")
    assert result.exit_code == 0
    (line,) = (line for line in result.stdout.splitlines() if "archive" in line)
    assert line.split()[:2] == ["skipped", "2"] and "in/b.mp4, in/c.y4m" in line
    result = run("clips", "-o", "more")
    assert result.exit_code == 2 and "edgeqe archive" in result.stderr and not Path("more").exists()


def test_a_folder_that_is_not_there_is_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("phtos", "-o", "out")
    assert result.exit_code == 2
    assert result.stderr == "edgeqe: phtos: no such file or folder. Check the path.\n"


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_names_with_control_characters_stay_on_their_line(
    more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Path("in/red\x1b[31m\n.jpg"), quality=20)
    Path("in/cut\x1b[31m.jpg").write_bytes(Path("in/red\x1b[31m\n.jpg").read_bytes()[:-60])
    result = run("in", "-o", "out", *more)
    assert "in/red?[31m?.jpg -> out/red?[31m?.png" in result.stdout
    assert all(letter.isprintable() for letter in result.output.replace("\n", ""))
    if not more:
        assert Path("out/red\x1b[31m\n.png").is_file()
        assert "in/cut?[31m.jpg is damaged" in result.stderr


def test_json_has_the_row_of_the_one_file_that_failed(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.touch()
    result = run(str(bad), "-o", str(tmp_path / "out.png"), "--json")
    assert result.exit_code == 2 and "is empty (0 bytes)" in result.stderr
    (row,) = rows(result).values()
    assert row["state"] == "failed" and "is empty (0 bytes)" in row["reason"]
