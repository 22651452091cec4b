"""Forks while another thread opens its first model, or forks too."""

import os
import subprocess
import sys

import pytest

FORKED = """
import importlib.abc, os, signal, sys, threading
import numpy as np
from edgeqe import Enhancer

wanted, model = sys.argv[1:]
importing, forking = threading.Event(), threading.Event()

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == wanted and not importing.is_set():
            importing.set()
            forking.wait()
        return None

def enhanced():
    with Enhancer(model, threads=1) as enhancer:
        return enhancer.enhance(np.full((40, 30), 90, np.uint8), quality=20).shape

sys.meta_path.insert(0, Slow())
first = threading.Thread(target=enhanced)
first.start()
importing.wait()
os.register_at_fork(before=forking.set)  # hooks run from the last to the first, so before edgeqe's
child = os.fork()
if child == 0:
    signal.alarm(60)  # ends a child that hangs
    os._exit(enhanced() != (40, 30))
first.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.parametrize(
    ("module", "model"),
    [
        ("edgeqe.runtimes.litert", "edgeqe-nano:int8.tflite"),
        ("ai_edge_litert.interpreter", "edgeqe-nano:int8.tflite"),
        ("edgeqe.runtimes.ort", "edgeqe-nano:int8"),
        ("onnxruntime", "edgeqe-nano:int8"),
    ],
)
def test_a_fork_waits_for_the_import_of_a_runtime(module: str, model: str) -> None:
    assert program(FORKED, module, model) == "0\n"


def program(source: str, *arguments: str) -> str:
    """Output of a Python program that ends well."""
    options = ["-W", "ignore::DeprecationWarning", "-c", source]
    done = subprocess.run(
        [sys.executable, *options, *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


FORKS_AT_ONCE = """
import os, signal, threading
from edgeqe.runtimes.forks import in_runtime

signal.alarm(60)  # ends a process that hangs
ended = []

def fork():
    for _ in range(20):
        child = os.fork()
        if child == 0:
            with in_runtime():
                os._exit(0)
        with in_runtime():
            ended.append(os.waitpid(child, 0)[1])

threads = [threading.Thread(target=fork) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with in_runtime():
    print(len(ended), sum(ended))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_several_threads_fork_at_once() -> None:
    assert program(FORKS_AT_ONCE) == "80 0\n"
