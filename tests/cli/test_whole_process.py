"""Memory of the whole process: stated in parts, and refused before anything is decoded."""

from __future__ import annotations

import json
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
        ("k.jpg", rgb, {"subsampling": 2, "progressive": True}, "progressive planes"),
        ("l.jpg", rgb, {"subsampling": 0, "progressive": True}, "progressive RGB"),
        ("m.jpg", rgb[..., 0], {"progressive": True}, "gray"),
        ("d.png", rgb, {}, "RGB"),
        ("e.png", rgb[..., 0].astype(np.uint16), {}, "deep"),
        ("f.tif", rgb[..., 0], {}, "gray"),
        ("g.webp", rgb, {}, "RGB"),
        ("h.jp2", rgb, {}, "RGB"),
    )
    for name, picture, options, kind in cases:
        Image.fromarray(picture).save(tmp_path / name, **options)
        assert shape_of(tmp_path / name) == FileShape(60, 40, kind), name
    (tmp_path / "i.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (tmp_path / "j.txt").write_text("no picture")
    assert [shape_of(tmp_path / name) for name in ("i.jpg", "j.txt", "none")] == [None] * 3


def test_the_parts_are_stated_and_what_fits_is_named(tmp_path: Path) -> None:
    root = machine(tmp_path / "root", limit=160 * MIB)
    guard = PeakGuard(24 * MIB, root)
    small = jpeg(tmp_path / "small.jpg", 1000, 800)
    peak = guard.peak(str(small))
    assert peak is not None
    assert (peak.program, peak.enhancement) == (60 * MIB, 24 * MIB)
    assert peak.picture == small.stat().st_size + BESIDE + 6 * 800_000
    assert peak.total == 60 * MIB + 24 * MIB + peak.picture < 160 * MIB
    large = jpeg(tmp_path / "large.jpg", 6000, 4000)
    with pytest.raises(MemoryLimitError) as caught:
        guard.peak(str(large))
    words = str(caught.value)
    assert words.startswith(f"{large}: 6000x4000 pixels take ")
    assert "60 MiB the program, 24 MiB the enhancement" in words
    assert "its control group has 160 MiB" in words
    # (160 - 60 - 24 - 12) MiB at 6 bytes a pixel
    assert f"a picture of up to {64 * MIB / 6e6:.1f} megapixels fits" in words
    assert guard.peak(str(jpeg(tmp_path / "fits.jpg", 3300, 3300))) is not None


def test_without_a_group_the_machine_counts_and_the_unknown_refuses_nothing(tmp_path: Path) -> None:
    given = str(jpeg(tmp_path / "a.jpg", 6000, 4000))
    assert PeakGuard(24 * MIB, machine(tmp_path / "free", limit=None)).peak(given) is not None
    assert PeakGuard(24 * MIB, tmp_path / "nothing").peak(given) is not None
    tight = PeakGuard(24 * MIB, machine(tmp_path / "tight", limit=80 * MIB))
    with pytest.raises(MemoryLimitError, match="no picture fits beside this memory limit"):
        tight.peak(given)
    assert tight.peak("-") is None
    # what is not decoded at all is refused by its pixels, not by its memory
    limited = PeakGuard(
        24 * MIB, machine(tmp_path / "few", limit=80 * MIB), pixel_limit=6000 * 4000 - 1
    )
    assert limited.peak(given) is None


def test_enhance_refuses_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, real = machine(tmp_path / "root", limit=160 * MIB), PeakGuard
    monkeypatch.setattr(whole_process, "PeakGuard", lambda limit, **more: real(limit, root, **more))
    monkeypatch.chdir(tmp_path)
    jpeg(Path("large.jpg"), 6000, 4000)
    jpeg(Path("small.jpg"), 100, 80)

    def run(*words: str) -> Result:
        start = ["enhance", "-m", "edgeqe-nano", "--threads", "1", "--memory-limit", "24MiB"]
        return CliRunner().invoke(main, [*start, *words])

    refused = run("large.jpg", "-o", "out.png")
    assert refused.exit_code == 2 and not Path("out.png").exists()
    assert refused.stderr.startswith("edgeqe: large.jpg: 6000x4000 pixels take ")
    dry = run("large.jpg", "small.jpg", "-o", "out", "--dry-run")
    assert (
        "small.jpg -> out/small.png  would be enhanced  JPEG quality 30  97 MiB in all"
        in dry.stdout
    )
    assert "large.jpg: 6000x4000 pixels take" in dry.stderr
    (picture,) = json.loads(run("small.jpg", "-o", "s.png", "--json").stdout)["pictures"]
    assert picture["process_bytes"] == pytest.approx((60 + 24 + 12) * MIB, rel=0.01)
