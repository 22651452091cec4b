"""Standard error stays clean while a runtime starts, and comes back whoever asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from edgeqe.runtimes.quiet import silent_stderr

OPENED = """
import numpy as np
from edgeqe import Enhancer
with Enhancer("edgeqe-nano:int8.tflite", threads=1) as enhancer:
    enhancer.enhance(np.zeros((16, 16), np.uint8), quality=40)
import os
os.write(2, b"still there")
"""


def test_a_program_that_opens_litert_sees_no_message_of_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPENED], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "still there")


def test_two_threads_that_overlap_give_it_back(capfd: pytest.CaptureFixture[str]) -> None:
    first_is_in, second_is_in = threading.Event(), threading.Event()

    def first() -> None:
        with silent_stderr():
            first_is_in.set()
            second_is_in.wait()

    thread = threading.Thread(target=first)
    thread.start()
    first_is_in.wait()
    with silent_stderr():
        second_is_in.set()
        thread.join()  # the first, which redirected it, leaves before the second
        os.write(2, b"nobody reads this")
    os.write(2, b"read")
    assert capfd.readouterr().err == "read"


def test_an_error_inside_gives_it_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), silent_stderr():
        raise KeyError
    os.write(2, b"read")
    assert capfd.readouterr().err == "read"
