"""Memory of the whole process: stated in parts, and refused before anything is decoded."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeqe.cli import main, whole_process
from edgeqe.cli.whole_process import BESIDE, MIB, PeakGuard
from edgeqe.errors import MemoryLimitError
from edgeqe.files.shape import FileShape, shape_of
from tests.files.jpegs import sequential_scans
from tests.source_tree import ROOT

MEASURED = """
import sys
from edgeqe.cli import main
try:
    main(sys.argv[1:], standalone_mode=False)
finally:
    with open("/proc/self/status") as status:
        peaks = [line.split()[1] for line in status if line.startswith("VmHWM")]
    print("\\n" + (peaks or ["unknown"])[0], file=sys.stderr)
"""


def machine(root: Path, *, limit: int | None, resident: int = 60 * MIB) -> Path:
    """A machine of 8 GiB, a control group of so many bytes, a process that has some already."""
    files = {
        "proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n",
        "proc/self/cgroup": "0::/\n",
        "proc/self/status": f"Name:\tpython\nVmRSS:\t{resident // 1024} kB\n",
        "sys/fs/cgroup/memory.max": "max\n" if limit is None else f"{limit}\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def jpeg(path: Path, width: int, height: int, **options: Any) -> Path:
    Image.new("RGB", (width, height), (90, 100, 110)).save(path, quality=30, **options)
    return path


def test_what_headers_say(tmp_path: Path) -> None:
    rgb = np.zeros((40, 60, 3), np.uint8)
    cases: tuple[tuple[str, Any, dict[str, Any], str], ...] = (
        ("a.jpg", rgb, {"subsampling": 2}, "planes"),
        ("b.jpg", rgb, {"subsampling": 0}, "RGB"),
        ("c.jpg", rgb[..., 0], {}, "gray"),
        ("k.jpg", rgb, {"subsampling": 2, "progressive": True}, "planes"),
        ("l.jpg", rgb, {"subsampling": 0, "progressive": True}, "RGB"),
        ("m.jpg", rgb[..., 0], {"progressive": True}, "gray"),
        ("o.jpg", rgb, {"keep_rgb": True}, "components"),
        ("p.tif", rgb, {"compression": "tiff_lzw"}, "RGB"),
        ("q.tif", rgb, {"compression": "jpeg"}, "RGB"),
        ("n.png", np.zeros((40, 60, 4), np.uint8), {}, "RGBA"),
        ("d.png", rgb, {}, "RGB"),
        ("e.png", rgb[..., 0].astype(np.uint16), {}, "deep"),
        ("f.tif", rgb[..., 0], {}, "gray"),
        ("g.webp", rgb, {}, "coded RGB"),
        ("h.jp2", rgb, {}, "coded RGB"),
    )
    for name, picture, options, kind in cases:
        Image.fromarray(picture).save(tmp_path / name, **options)
        pieces = name.endswith((".png", ".tif"))
        wanted = FileShape(
            60,
            40,
            kind,
            jpeg=name.endswith("jpg"),
            several_scans="progressive" in options,
            by_rows=pieces and kind != "deep" and options.get("compression") != "jpeg",
            held=not pieces,
        )
        assert shape_of(tmp_path / name) == wanted, name
    (tmp_path / "i.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (tmp_path / "j.txt").write_text("no picture")
    assert [shape_of(tmp_path / name) for name in ("i.jpg", "j.txt", "none")] == [None] * 3


def test_a_sequential_jpeg_of_several_scans_takes_its_coefficients(tmp_path: Path) -> None:
    one, several = jpeg(tmp_path / "one.jpg", 4000, 3000), tmp_path / "several.jpg"
    several.write_bytes(sequential_scans(np.full((3000, 4000, 3), 90, np.uint8)))
    with Image.open(several) as opened:
        assert opened.size == (4000, 3000) and "progressive" not in opened.info
    guard = PeakGuard(24 * MIB, machine(tmp_path / "root", limit=None))
    usual, more = guard.peak(str(one), "out.png"), guard.peak(str(several), "out.png")
    assert usual is not None and more is not None
    assert more.moment == "decoded"
    # two bytes a coefficient, one and a half a pixel, beside planes and Pillow's image of them
    assert more.picture - BESIDE >= (2 * 1.5 + 2.75) * 12e6


@pytest.mark.parametrize(
    ("name", "options"), [("in.png", {}), ("in.tif", {"compression": "tiff_lzw"})]
)
def test_twelve_megapixels_of_rgb_pass_in_160_mb(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    given = tmp_path / name
    Image.new("RGB", (4000, 3000)).save(given, **options)
    # resident with ONNX Runtime: 74 MiB
    root = machine(tmp_path / "root", limit=160_000_000, resident=74 * MIB)
    assert PeakGuard(24 * MIB, root).peak(str(given), "out.png") is not None


def test_the_parts_are_stated_and_what_fits_is_named(tmp_path: Path) -> None:
    root = machine(tmp_path / "root", limit=160 * MIB)
    guard = PeakGuard(24 * MIB, root)
    small = jpeg(tmp_path / "small.jpg", 1000, 800)
    peak = guard.peak(str(small), "out.png")
    assert peak is not None
    assert (peak.moment, peak.program, peak.enhancement) == ("enhanced", 60 * MIB, 24 * MIB)
    # 1.5 bytes a pixel of planes, and less than twice as many of strips
    assert 0 <= peak.picture - BESIDE - small.stat().st_size - 1.5 * 800_000 <= 3 * 800_000
    assert peak.total == 60 * MIB + 24 * MIB + peak.picture < 160 * MIB
    large = jpeg(tmp_path / "large.jpg", 8000, 6000)
    with pytest.raises(MemoryLimitError) as caught:
        guard.peak(str(large), "out.png")
    words = str(caught.value)
    assert words.startswith(f"{large}: 8000x6000 pixels (48.0 megapixels) take ")
    assert "60 MiB the program, 24 MiB the enhancement" in words
    assert "its control group has 160 MiB" in words
    assert "KiB" not in words
    assert guard.peak(str(jpeg(tmp_path / "fits.jpg", 4000, 3000)), "out.png") is not None


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
@pytest.mark.parametrize("output", ["out.png", "out.jpg", "-"])
def test_a_picture_of_the_size_that_is_named_fits(
    tmp_path: Path, options: dict[str, Any], output: str
) -> None:
    root = machine(tmp_path / "root", limit=160_000_000)
    with pytest.raises(MemoryLimitError, match="its control group has 152 MiB") as caught:
        PeakGuard(24 * MIB, root).peak(
            str(jpeg(tmp_path / "large.jpg", 8000, 6000, **options)), output
        )
    found = re.search(r"up to ([0-9.]+) megapixels fits", str(caught.value))
    assert found is not None
    side = int((float(found[1]) * 1e6 / 0.75) ** 0.5)
    fits = jpeg(tmp_path / "fits.jpg", side, 3 * side // 4, **options)
    assert PeakGuard(24 * MIB, root).peak(str(fits), output) is not None
    above = jpeg(tmp_path / "above.jpg", int(1.4 * side), 3 * int(1.4 * side) // 4, **options)
    with pytest.raises(MemoryLimitError):
        PeakGuard(24 * MIB, root).peak(str(above), output)


def test_what_follows_finds_the_limit_in_use(tmp_path: Path) -> None:
    """Runtimes keep their memory from picture to picture, so it is there while the next is decoded."""
    guard = PeakGuard(24 * MIB, machine(tmp_path / "root", limit=None))
    given = str(jpeg(tmp_path / "a.jpg", 4000, 3000, progressive=True))
    first, second = (guard.peak(given, "out.png") for _ in range(2))
    assert first is not None and second is not None
    assert (first.moment, first.enhancement) == ("decoded", 0)
    assert "the enhancement" not in first.words()
    assert second.total == first.total + 24 * MIB


def test_formats_of_whole_pictures_take_an_image_more(tmp_path: Path) -> None:
    guard = PeakGuard(24 * MIB, machine(tmp_path / "root", limit=None))
    given = str(jpeg(tmp_path / "a.jpg", 4000, 3000))
    strips, whole = guard.peak(given, "out.tif"), guard.peak(given, "out.jpg")
    assert strips is not None and whole is not None
    assert whole.moment == "encoded"
    # planes and Pillow's image of four bytes a pixel, where before were planes and strips
    assert 3 * 12e6 < whole.total - strips.total <= 4 * 12e6


def test_the_peak_is_what_the_system_measures(tmp_path: Path) -> None:
    given = tmp_path / "in.jpg"
    ramp = np.add.outer(np.arange(3000) // 12, np.arange(4000) // 16).astype(np.uint8) // 2
    Image.merge("RGB", [Image.fromarray(ramp)] * 3).save(given, quality=40)
    words = [
        "enhance",
        str(given),
        "-m",
        "edgeqe-nano:float32",
        "--memory-limit",
        "24MiB",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words, "-o", str(tmp_path / "out.png")],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (picture,) = json.loads(done.stdout)["pictures"]
    if not done.stderr.strip().splitlines()[-1].isdigit():
        pytest.skip("the system does not tell a process's peak")
    measured = 1024 * int(done.stderr.split()[-1])
    # of a limit the planner uses most, not all; below, the heap's gaps
    assert measured <= picture["process_bytes"] <= 1.15 * measured


def test_without_a_group_the_machine_counts_and_the_unknown_refuses_nothing(tmp_path: Path) -> None:
    given = str(jpeg(tmp_path / "a.jpg", 6000, 4000))
    assert (
        PeakGuard(24 * MIB, machine(tmp_path / "free", limit=None)).peak(given, "out.png")
        is not None
    )
    assert PeakGuard(24 * MIB, tmp_path / "nothing").peak(given, "out.png") is not None
    tight = PeakGuard(24 * MIB, machine(tmp_path / "tight", limit=80 * MIB))
    with pytest.raises(MemoryLimitError, match="no picture fits beside this memory limit"):
        tight.peak(given, "out.png")
    assert tight.peak("-", "out.png") is None
    # what is not decoded at all is refused by its pixels, not by its memory
    limited = PeakGuard(
        24 * MIB, machine(tmp_path / "few", limit=80 * MIB), pixel_limit=6000 * 4000 - 1
    )
    assert limited.peak(given, "out.png") is None


def test_enhance_refuses_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, real = machine(tmp_path / "root", limit=160 * MIB), PeakGuard
    monkeypatch.setattr(whole_process, "PeakGuard", lambda limit, **more: real(limit, root, **more))
    monkeypatch.chdir(tmp_path)
    jpeg(Path("large.jpg"), 8000, 6000)
    jpeg(Path("small.jpg"), 100, 80)

    def run(*words: str) -> Result:
        start = ["enhance", "-m", "edgeqe-nano", "--threads", "1", "--memory-limit", "24MiB"]
        return CliRunner().invoke(main, [*start, *words])

    refused = run("large.jpg", "-o", "out.png")
    assert refused.exit_code == 2 and not Path("out.png").exists()
    assert refused.stderr.startswith("edgeqe: large.jpg: 8000x6000 pixels (48.0 megapixels) take ")
    dry = run("large.jpg", "small.jpg", "-o", "out", "--dry-run")
    assert (
        "small.jpg -> out/small.png  would be enhanced  JPEG quality 30  100 MiB in all"
        in dry.stdout
    )
    assert "large.jpg: 8000x6000 pixels (48.0 megapixels) take" in dry.stderr
    (picture,) = json.loads(run("small.jpg", "-o", "s.png", "--json").stdout)["pictures"]
    assert picture["process_bytes"] == pytest.approx((60 + 24 + 15) * MIB, rel=0.01)
