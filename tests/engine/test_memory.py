"""Sizes in words, a budget that waits and shrinks, and calls that take turns."""

import threading

import numpy as np
import pytest

from edgeqe.engine.memory import Budget, GroupLock, parse_size
from edgeqe.errors import InputError


@pytest.mark.parametrize(
    ("text", "size"),
    [("64MiB", 67108864), ("1 KiB", 1024), ("1.5GiB", 1610612736), ("2MB", 2000000), (77, 77)],
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "-1MiB", "64 parsecs", "0", 0, True, "1e3"])
def test_what_is_no_size(text: str | int) -> None:
    with pytest.raises(InputError, match="is no size"):
        parse_size(text)


def test_no_larger_a_window_reuses_what_the_arena_keeps() -> None:
    shrunk: list[int] = []
    budget = Budget(100, lambda: shrunk.append(1))
    for _ in range(5):
        with budget.window(60):
            pass
    assert shrunk == []


def test_a_place_keeps_its_numbers() -> None:
    """Windows of one size, and smaller ones, write where the first did; a larger one anew."""
    budget = Budget(100, lambda: None)
    with budget.window(60) as place:
        first = place.array(2, 3, 4)
        first[:] = 7.0
    with budget.window(60) as place:
        again = place.array(2, 3, 4)
        assert again.shape == (2, 3, 4) and np.shares_memory(first, again)
        assert place.array(3, 5).flags.c_contiguous
        with budget.window(40) as beside:
            assert not np.shares_memory(again, beside.array(2, 3, 4))
    with budget.window(70) as place:
        assert not np.shares_memory(first, place.array(2, 3, 4))


def test_a_window_of_another_ensemble_empties_the_arena() -> None:
    """Of its bytes another share lies there, so a window of no more bytes may not fit."""
    shrunk: list[int] = []
    budget = Budget(100, lambda: shrunk.append(1))
    with budget.window(60):
        pass
    with budget.window(60, ensemble=8), budget.window(40, ensemble=8):
        assert shrunk == [1]
    with budget.window(40, ensemble=8):
        assert shrunk == [1]
    with budget.window(40):
        assert shrunk == [1, 1]


def test_a_larger_window_shrinks_the_arena_before_it_waits() -> None:
    shrunk: list[int] = []
    budget = Budget(100, lambda: shrunk.append(1))
    with budget.window(60):
        pass
    with budget.window(10):  # fits in the idle place
        assert shrunk == []
    with budget.window(50):  # so does this, but around it lies what the small one left
        assert shrunk == [1]


def test_growing_windows_never_pile_up() -> None:
    shrunk: list[int] = []
    budget = Budget(1000, lambda: shrunk.append(1))
    for size in range(10, 60, 10):
        with budget.window(size), budget.window(size):
            pass
    assert len(shrunk) == 4  # all but the first, for all the room there is


def test_a_window_waits_until_its_bytes_are_free() -> None:
    budget = Budget(100, lambda: None)
    order: list[str] = []
    began = threading.Event()

    def second() -> None:
        began.set()
        with budget.window(60):
            order.append("second")

    with budget.window(60):
        thread = threading.Thread(target=second)
        thread.start()
        assert began.wait(10)
        thread.join(0.05)  # it must still be waiting
        assert thread.is_alive()
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_band_counts_beside_the_windows() -> None:
    shrunk: list[int] = []
    budget = Budget(100, lambda: shrunk.append(1))
    with budget.window(60):
        pass
    with budget.band(30):
        assert shrunk == []
    with budget.band(50):
        assert shrunk == [1]


def test_a_tag_takes_only_places_of_its_own() -> None:
    shrunk: list[int] = []
    budget = Budget(100, lambda: shrunk.append(1))
    with budget.window(40, tag="a"):
        pass
    with budget.window(40, tag="b"), budget.window(40, tag="a"):
        assert shrunk == []  # a's idle place and a new one of b's
    with budget.window(40):  # no tag: neither place serves
        assert shrunk == [1]


def test_a_smaller_window_of_a_tag_takes_its_place_whatever_its_size() -> None:
    budget = Budget(100, lambda: pytest.fail("there is room"))
    with budget.window(100, tag="a"):
        pass
    with budget.window(10, tag="a"):
        pass


def test_who_waited_takes_an_idle_place_that_fits() -> None:
    shrunk: list[int] = []
    budget = Budget(100, lambda: shrunk.append(1))
    began = threading.Event()

    def second() -> None:
        began.set()
        with budget.window(60):
            pass

    with budget.window(60):
        thread = threading.Thread(target=second)
        thread.start()
        assert began.wait(10)
        thread.join(0.05)  # it must be waiting
    thread.join(10)
    assert not thread.is_alive() and shrunk == []


def test_calls_of_a_group_run_together_and_others_wait() -> None:
    lock = GroupLock()
    together = threading.Barrier(2)
    guard, running, seen = threading.Lock(), list[str](), list[set[str]]()

    def call(kind: str) -> None:
        with lock.hold(kind):
            with guard:
                running.append(kind)
                seen.append(set(running))
            if kind == "a":
                together.wait(10)  # both calls of a are inside at once
            with guard:
                running.remove(kind)

    threads = [threading.Thread(target=call, args=(kind,)) for kind in "aabb"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(seen) == 4 and all(len(kinds) == 1 for kinds in seen)


def test_who_waits_for_a_group_is_not_overtaken() -> None:
    lock = GroupLock()
    order: list[str] = []

    def call(name: str, kind: str) -> None:
        with lock.hold(kind):
            order.append(name)

    other = threading.Thread(target=call, args=("other", "b"))
    late = threading.Thread(target=call, args=("late", "a"))
    with lock.hold("a"):
        for thread in (other, late):
            thread.start()
            thread.join(0.05)  # it must wait: late could run, but other came first
            assert thread.is_alive()
        assert order == []
    for thread in (other, late):
        thread.join(10)
    assert order == ["other", "late"]


def test_an_error_releases_the_group() -> None:
    lock = GroupLock()
    with pytest.raises(ValueError, match="broken"), lock.hold("a"):
        raise ValueError("broken")
    with lock.hold("b"):
        pass


class Kept:
    """Holder of memory that it can do without."""

    def __init__(self) -> None:
        self.dropped = 0

    def drop(self) -> None:
        self.dropped += 1


def test_what_is_kept_stays_until_its_bytes_are_needed() -> None:
    budget, older, newer = Budget(100, lambda: None), Kept(), Kept()
    for owner in (older, newer):
        with budget.kept(owner, 30):
            pass
        owner.dropped = 0
    with budget.kept(older, 30):  # used again: now the other is the longest unused
        pass
    with budget.window(40):
        pass
    assert (older.dropped, newer.dropped) == (0, 0)
    with budget.window(70):
        assert (older.dropped, newer.dropped) == (0, 1)
    with budget.window(100):
        assert (older.dropped, newer.dropped) == (1, 1)


def test_what_is_in_use_is_not_dropped() -> None:
    budget, owner = Budget(100, lambda: None), Kept()
    inside, done = threading.Event(), threading.Event()

    def window() -> None:
        inside.set()
        with budget.window(100):
            done.set()

    thread = threading.Thread(target=window, daemon=True)
    with budget.kept(owner, 30):
        owner.dropped = 0
        thread.start()
        assert inside.wait(30)
        with budget.window(70):  # what is kept leaves room for its own windows
            assert not done.is_set()
        assert owner.dropped == 0
    assert done.wait(30)
    assert owner.dropped == 1


def test_bytes_of_an_owner_that_is_freed_or_lets_go_are_free() -> None:
    budget, owner, other = Budget(100, lambda: None), Kept(), Kept()
    with budget.kept(owner, 60):
        pass
    del owner
    with budget.kept(other, 100):
        pass
    budget.let_go(other)
    other.dropped = 0
    with budget.window(100):
        assert other.dropped == 0


def test_windows_of_their_own_size_do_not_share_a_place_while_there_is_room() -> None:
    budget = Budget(100, lambda: None)
    with budget.window(50, "session"):
        pass
    with budget.window(20, "session", own_size=True) as place:
        assert place.size == 20
    with budget.window(40, "session", own_size=True) as place:  # 70 are taken, 30 left
        assert place.size == 50
