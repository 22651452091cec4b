"""Decodes damaged HEVC streams: ``python -m tests.hevc_fuzz COUNT [SEED]``.

numba does not check bounds, so a mistake ends the process: tests run this in one of its own.
With NUMBA_BOUNDSCHECK=1 (and a NUMBA_CACHE_DIR for that) it does.
"""

from __future__ import annotations

import faulthandler
import sys
import time
from collections import Counter

import numpy as np

from edgeqe.codecs.hevc_intra import decode
from edgeqe.errors import InputError
from tests.hevc_headers import Design
from tests.hevc_writer import HevcWriter

#: Streams to damage, with every tool that the writer has.
DESIGNS = (
    Design(pcm=(8, 5), lossless=True, transform_skip=True, qp_delta_depth=1),
    Design(width=72, height=40, tiles=(2, 2), scaling=True, bit_depth=10, window=(0, 1, 0, 1)),
    Design(wavefront=True, segments=(2, 4, 9), slices=(8,), qp_delta_depth=0),
    Design(chroma=0, pictures=3, slices=(5,), segments=(3,)),
)
#: Seconds that the slowest stream may take: far more than a sound one, far less than a hang.
LIMIT = 30.0


def damage(stream: bytes, random: np.random.Generator) -> bytes:
    """A stream with one to six places changed, cut out, doubled, or cut off."""
    data = bytearray(stream)
    for _ in range(random.integers(1, 7)):
        place = int(random.integers(4, len(data)))
        # Half of the changes are in the parameter sets and the first header.
        if random.random() < 0.5:
            place = int(random.integers(4, min(len(data), 160)))
        length = int(random.integers(1, 9))
        kind = random.integers(6)
        if kind < 2:
            data[place] ^= 1 << int(random.integers(8))
        elif kind == 2:
            data[place : place + length] = random.bytes(length)
        elif kind == 3:
            del data[place : place + length]
        elif kind == 4:
            data[place:place] = data[place : place + 4 * length]
        elif random.random() < 0.3:
            del data[max(place, 40) :]
    return bytes(data)


def _by_x265() -> list[bytes]:
    """Streams with large blocks and many coefficients, where there is an encoder."""
    try:
        from tests.hevc_streams import encode
    except ImportError:
        return []
    return [
        encode("qp=10:tskip=1", 96, 72),
        encode("crf=24:ctu=32:cu-lossless=1:wpp=0", 96, 72, "yuv420p10le"),
        encode("qp=34:signhide=0", 128, 128),
    ]


def main(count: int, seed: int) -> None:
    faulthandler.enable()
    random = np.random.default_rng(seed)
    streams = [HevcWriter(design, index).stream() for index, design in enumerate(DESIGNS)]
    streams += _by_x265()
    for stream in streams:
        decode(stream)
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for _ in range(count):
        stream = damage(streams[random.integers(len(streams))], random)
        begin = time.process_time()
        try:
            decode(stream)
            outcomes["pictures"] += 1
        except InputError as error:
            outcomes["damaged" if "damaged" in str(error) else "unsupported"] += 1
        slowest = max(slowest, time.process_time() - begin)
    assert slowest < LIMIT, f"a stream took {slowest:.1f} s"
    assert sum(outcomes.values()) == count
    print(f"{count} streams, the slowest {slowest:.2f} s of processor: {dict(outcomes)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
