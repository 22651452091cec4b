"""What stays of a call when it is over: the threads, and none of its pictures."""

from __future__ import annotations

import threading
import weakref

import numpy as np

from edgeqe import Enhancer


def test_an_idle_thread_keeps_no_picture() -> None:
    with Enhancer("edgeqe-nano:float32", memory_limit="24MiB", threads=2) as enhancer:
        for _ in range(2):
            gray, freed = np.full((40, 60), 90, np.uint8), threading.Event()
            watch = weakref.finalize(gray, freed.set)
            enhancer.enhance(gray, quality=20)
            del gray
            assert freed.wait(30)  # its thread may be a moment behind the caller
            assert not watch.alive
