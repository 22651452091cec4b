"""Memory of a clip: it does not grow with its length, and the enhancement keeps its limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeqe import Enhancer
from tests.fakes import noise
from tests.source_tree import ROOT
from tests.video import made_clips
from tests.video.made_clips import av

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's peaks")

SIZE = (640, 368)
MIB = 1 << 20


def moving_clip(path: Path, count: int) -> Path:
    """Write a clip of blocks that wander; a photograph would end too soon."""
    width, height = SIZE
    blocks = noise(1 + height // 16, 2 * width // 16, seed=3).repeat(16, 0).repeat(16, 1)
    places = (slice(4 * index, 4 * index + width) for index in range(count))
    return coded_clip(path, (blocks[:height, place] for place in places))


def patched_clip(path: Path, count: int) -> Path:
    """Write a clip of still ground, with one to three flat patches a frame that come and go."""
    width, height = SIZE
    ground = noise(1 + height // 16, width // 16, seed=3).repeat(16, 0).repeat(16, 1)[:height]
    random = np.random.default_rng(5)

    def patched() -> npt.NDArray[np.uint8]:
        luma = ground.copy()
        for _ in range(random.integers(1, 4)):
            rows, columns = random.integers(16, 120, 2)
            top, left = random.integers(0, height - rows), random.integers(0, width - columns)
            luma[top : top + rows, left : left + columns] = random.integers(0, 255)
        return luma

    return coded_clip(path, (patched() for _ in range(count)))


def coded_clip(path: Path, lumas: Iterable[npt.NDArray[np.uint8]]) -> Path:
    """Code luma, with gray chroma, as H.264 whose still parts are copied."""
    width, height = SIZE
    options = {"preset": "ultrafast", "qp": "32", "tune": "zerolatency"}
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index, luma in enumerate(lumas):
            packed = np.full((height * 3 // 2, width), 128, np.uint8)
            packed[:height] = luma
            frame = av.VideoFrame.from_ndarray(packed, format="yuv420p")
            frame.pts, frame.time_base = index, made_clips.RATE**-1
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def peak_of(*words: str) -> int:
    """Highest resident memory of a run of the command line, bytes."""
    command = [sys.executable, "-m", "edgeqe", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss * 1024


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    peaks = []
    for count in (25, 150):
        source = moving_clip(tmp_path / f"{count}.mp4", count)
        out = str(source.with_suffix(".mkv"))
        words = ("enhance", str(source), "-o", out, "-m", "edgeqe-nano", "--quality", "30")
        peaks.append(peak_of(*words, "--threads", "2"))
    # a kept frame is 0.35 MiB: 125 of them would be 44 MiB more
    assert abs(peaks[1] - peaks[0]) <= 0.05 * peaks[0]


#: Peaks above what is resident when all is loaded: of a clip that is only passed on, whose decoder,
#: queues and encoder are the same, and of one that is enhanced.
MEASURED = """
import json, sys
from edgeqe import Enhancer
from edgeqe.codecs.strength import Strength
from edgeqe.video.clip import ClipOptions, enhance_clip
def peak(reset):
    if reset:
        open("/proc/self/clear_refs", "w").write("5")
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
source, out, limit, reuse = sys.argv[1:]
found = []
with Enhancer("edgeqe-tiny", threads=2, memory_limit=limit) as enhancer:
    for amount in (0.0, 0.0, 0.0, 0.0, 0.0, 1.0):  # what decoder and encoder keep grows over the first
        start = peak(True)
        wanted = ClipOptions(Strength(20.0), amount=amount, overwrite=True, reuse=reuse)
        enhance_clip(source, out, enhancer, wanted)
        found.append(peak(False))
print(json.dumps(found))
"""


# Where patches change on still ground, interpreters change their shape in nearly every frame: what they
# freed and the allocator kept was 3 to 8 MiB above the limit of 16.
@pytest.mark.parametrize(
    ("scene", "limit", "reuse"),
    [("moving", "16MiB", "off"), ("moving", "64MiB", "exact"), ("patches", "16MiB", "exact")],
)
def test_the_enhancement_of_a_clip_keeps_its_limit(
    scene: str, limit: str, reuse: str, tmp_path: Path
) -> None:
    source = {"moving": moving_clip, "patches": patched_clip}[scene](tmp_path / "in.mp4", 24)
    command = [sys.executable, "-c", MEASURED, str(source), str(tmp_path / "out.mkv"), limit]
    command.append(reuse)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    *passed, enhanced = json.loads(done.stdout)
    bound = int(limit.removesuffix("MiB")) * MIB
    with Enhancer("edgeqe-tiny", threads=2, memory_limit=limit) as enhancer:
        planned = enhancer.planned_bytes(SIZE[1], SIZE[0])
    assert planned <= bound
    assert 0 < enhanced - max(passed) <= bound
