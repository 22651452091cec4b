"""What a process does around the engine: interrupts, close() in the middle, forks, copies, its end."""

import _thread
import contextlib
import copy
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest

from edgeqe import ClosedError, Enhancer
from edgeqe.engine import workers
from edgeqe.engine.workers import Workers
from edgeqe.runtimes.sessions import SessionFactory
from edgeqe.targets.profile import Backend, Profile
from tests.fakes import FakeFile, enhancer_of, noise

#: Bound of a wait that a sound engine does not need: what is stuck fails the test.
GUARD_SECONDS = 120


def on_a_thread(function: Callable[[], object]) -> None:
    """Run a function on a thread and fail if it hangs."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(GUARD_SECONDS)
    assert not thread.is_alive(), "it hangs"
    if errors:
        raise errors[0]


def program(source: str, *arguments: str) -> str:
    """Output of a Python program that ends well."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", source, *arguments],
        capture_output=True,
        text=True,
        timeout=GUARD_SECONDS,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


class InterruptAt:
    """A trace function that raises at one instruction of the engine's code, as Ctrl-C may."""

    PARTS = ("edgeqe/engine/", "edgeqe/runtimes/", "threading.py", "contextlib.py")

    def __init__(self, place: int) -> None:
        self.left = place

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not any(part in frame.f_code.co_filename for part in self.PARTS):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self


@pytest.mark.parametrize("in_place", [False, True])
def test_an_interrupt_at_any_instruction_leaves_it_usable(in_place: bool) -> None:
    file = FakeFile(lambda planes: planes * 0 + 3, alignment=2, halo=2)
    picture = noise(40, 30) // 2
    enhancer = enhancer_of(file, memory_limit="8MiB", threads=2)

    def call() -> None:
        given = picture.copy()
        enhancer.enhance(given, step=8.0, out=given if in_place else None)

    def interrupt_everywhere() -> None:
        place = 0
        while True:
            place += 1
            sys.settrace(InterruptAt(place))
            try:
                call()
                break
            except KeyboardInterrupt:
                pass
            finally:
                sys.settrace(None)
        assert place > 20  # the trace saw the engine's code
        np.testing.assert_array_equal(enhancer.enhance(picture, step=8.0), picture + 3)
        enhancer.close()

    on_a_thread(interrupt_everywhere)


def test_real_interrupts_leave_it_usable() -> None:
    seen = program("""
import random, signal
import numpy as np
from edgeqe import Enhancer
picture = np.random.default_rng(3).integers(0, 256, (64, 48), np.uint8)
chance, interrupts = random.Random(4), 0
with Enhancer("edgeqe-nano", threads=2) as enhancer:
    expected = enhancer.enhance(picture, quality=20)
    def interrupt(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGALRM, interrupt)
    while interrupts < 500:
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 2e-3))
            while True:
                enhancer.enhance(picture, quality=chance.choice((20, 50)))
        except KeyboardInterrupt:
            interrupts += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(interrupts, np.array_equal(enhancer.enhance(picture, quality=20), expected))
""")
    assert seen == "500 True\n"


def test_an_interrupted_call_no_longer_writes() -> None:
    began, go_on = threading.Event(), threading.Event()
    ran: list[int] = []
    own = Workers(1)

    def window(index: int) -> None:
        began.set()
        assert go_on.wait(GUARD_SECONDS)
        ran.append(index)

    def call() -> None:
        with contextlib.suppress(BaseException):  # what nobody sees, who was interrupted
            own.call(lambda: own.each(window, range(9), 1))

    threading.Thread(target=call, daemon=True).start()
    assert began.wait(GUARD_SECONDS)
    (running,) = own._calls
    running.dropped = True  # what an interrupt does first
    go_on.set()
    on_a_thread(own.close)
    assert ran == [0]


def test_close_waits_for_calls_and_ends_later_ones_alike() -> None:
    began, go_on = threading.Event(), threading.Event()

    def network(planes: Any) -> Any:
        began.set()
        assert go_on.wait(GUARD_SECONDS)
        return planes * 0 + 1

    go_on.set()
    file = FakeFile(network)
    enhancer = enhancer_of(file, threads=1)
    began.clear()
    go_on.clear()
    picture, results = noise(300, 200) // 2, list[Any]()
    first = threading.Thread(target=lambda: results.append(enhancer.enhance(picture, step=4.0)))
    first.start()
    assert began.wait(GUARD_SECONDS)
    closing = threading.Thread(target=enhancer.close, daemon=True)
    closing.start()
    refused = False
    while not refused:  # until close() has begun
        try:
            enhancer._engine.workers.call(lambda: None)
        except ClosedError:
            refused = True
    with pytest.raises(ClosedError, match="closed"):
        enhancer.enhance(picture, step=4.0)
    assert closing.is_alive()  # the call has a window that runs
    go_on.set()
    for thread in (first, closing):
        thread.join(GUARD_SECONDS)
        assert not thread.is_alive()
    np.testing.assert_array_equal(results[0], picture + 1)


def test_calls_that_meet_close_end_well_or_as_closed() -> None:
    for threads in (1, 2):
        for _ in range(10):
            enhancer = enhancer_of(FakeFile(lambda planes: planes * 0 + 1), threads=threads)
            picture, ended = noise(90, 70) // 2, list[str]()

            def calls(enhancer: Enhancer = enhancer, picture: Any = picture) -> None:
                while True:
                    try:
                        given = picture.copy()
                        enhancer.enhance(given, step=4.0, out=given)
                    except ClosedError:
                        ended.append("closed")  # noqa: B023  # joined below
                        return
                    np.testing.assert_array_equal(given, picture + 1)

            callers = [threading.Thread(target=calls, daemon=True) for _ in range(3)]
            for thread in callers:
                thread.start()
            on_a_thread(enhancer.close)
            for thread in callers:
                thread.join(GUARD_SECONDS)
            assert ended == ["closed"] * 3


def test_without_further_threads_it_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", none_left)
    monkeypatch.setattr(workers, "_callers", workers._Callers())
    with pytest.raises(Exception, match="no more threads") as caught:
        Workers(1).call(lambda: None)
    assert type(caught.value).__module__ == "edgeqe.errors"


FORKS = """
import os, sys, threading
import numpy as np
from edgeqe import Enhancer
picture = np.random.default_rng(3).integers(0, 256, (96, 64), np.uint8)
enhancer = Enhancer(sys.argv[1], threads=2, memory_limit="32MiB")
expected = enhancer.enhance(picture, quality=20)
stop = threading.Event()
def busy():
    while not stop.is_set():
        enhancer.enhance(picture, quality=20)
others = [threading.Thread(target=busy, daemon=True) for _ in range(int(sys.argv[2]))]
for thread in others:
    thread.start()
for _ in range(int(sys.argv[3])):
    child = os.fork()
    if child == 0:
        same = all(np.array_equal(enhancer.enhance(picture, quality=20), expected) for _ in "ab")
        enhancer.close()
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in others:
    thread.join()
print(np.array_equal(enhancer.enhance(picture, quality=20), expected))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("model", ["edgeqe-nano:float32", "edgeqe-nano:int8.tflite"])
@pytest.mark.parametrize("busy", [0, 2])
def test_it_works_in_a_forked_process(model: str, busy: int) -> None:
    assert program(FORKS, model, str(busy), "10" if busy else "2") == "True\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_closed_before_a_fork_is_closed_after_it() -> None:
    seen = program("""
import os
import numpy as np
from edgeqe import ClosedError, Enhancer
enhancer = Enhancer("edgeqe-nano")
enhancer.close()
if os.fork() == 0:
    try:
        enhancer.enhance(np.zeros((9, 9), np.uint8), quality=20)
    except ClosedError:
        os._exit(7)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.wait()[1]))
""")
    assert seen == "7\n"


def test_on_an_accelerator_a_forked_process_is_told_what_to_do() -> None:
    from edgeqe.runtimes.selection import profile_for

    backend = Backend("onnxruntime", "CUDAExecutionProvider", ("float32",))
    assert backend.on_accelerator
    profile: Profile = profile_for("cpu")
    with pytest.raises(ClosedError, match="in the new process"):
        SessionFactory([], [backend], profile).anew()


def test_copies_and_pickles_open_the_same_anew() -> None:
    picture = noise(30, 20)
    with Enhancer("edgeqe-nano", memory_limit="16MiB", threads=1) as enhancer:
        expected = enhancer.enhance(picture, quality=20)
        made = [copy.copy(enhancer), copy.deepcopy(enhancer), pickle.loads(pickle.dumps(enhancer))]
    for one in made:  # they live on after the original is closed
        assert (one.info.memory_limit, one.info.threads) == (16 * 2**20, 1)
        np.testing.assert_array_equal(one.enhance(picture, quality=20), expected)
        one.close()
    with pytest.raises(ClosedError):
        pickle.dumps(enhancer)


def test_a_thread_may_outlive_the_main_program() -> None:
    seen = program("""
import threading
import numpy as np
from edgeqe import Enhancer
enhancer = Enhancer("edgeqe-nano")
picture = np.full((40, 30), 90, np.uint8)
enhancer.enhance(picture, quality=20)
def last():
    main.join()
    print(enhancer.enhance(picture, quality=20).shape)
main = threading.main_thread()
threading.Thread(target=last).start()
""")
    assert seen == "(40, 30)\n"


def test_at_the_very_end_it_says_so_and_does_not_hang() -> None:
    seen = program("""
import atexit
import numpy as np
def late():
    try:
        enhancer.enhance(np.full((40, 30), 90, np.uint8), quality=20)
    except RuntimeError as error:
        print(error)
    enhancer.close()
atexit.register(late)
from edgeqe import Enhancer
enhancer = Enhancer("edgeqe-nano")
enhancer.enhance(np.full((40, 30), 90, np.uint8), quality=20)
""")
    assert "process ends" in seen
