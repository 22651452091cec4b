"""The C library's heap gives back what windows took, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

#: A thread takes 7 MiB, less than a heap's end may keep, and the main thread frees it: told is
#: whether thresholds were set, and what stays resident. Blocks of the C library itself, because
#: an object that Python makes behind them would hold them in place.
FREES = """
import ctypes
import threading
from edgeqe.bench.memory import resident_bytes
from edgeqe.runtimes.heap import bound_heap, given_back

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
bound = bound_heap()
before = resident_bytes("VmRSS")
blocks = [0] * 7

def work():
    for i in range(7):
        blocks[i] = library.malloc(1 << 20)
        ctypes.memset(blocks[i], 1, 1 << 20)

thread = threading.Thread(target=work)
thread.start()
thread.join()
with given_back():
    for block in blocks:
        library.free(block)
print(int(bound), resident_bytes("VmRSS") - before)
"""


def run(**environment: str) -> tuple[bool, int]:
    done = subprocess.run(
        [sys.executable, "-c", FREES],
        env={**os.environ, **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    bound, stays = map(int, done.stdout.split())
    return bool(bound), stays


@linux
def test_what_a_thread_frees_goes_back_to_the_system() -> None:
    bound, stays = run()
    if not bound:
        pytest.skip("this C library is not glibc, or the environment sets its thresholds")
    assert stays < 1 << 20  # malloc_trim alone leaves all 7 MiB


@linux
@pytest.mark.parametrize(
    "environment",
    [
        {"MALLOC_TRIM_THRESHOLD_": "262144"},
        {"MALLOC_MMAP_THRESHOLD_": "262144"},
        {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=262144"},
    ],
)
def test_thresholds_of_the_environment_are_left_alone(environment: dict[str, str]) -> None:
    assert run(**environment)[0] is False
