"""The queue between two threads."""

import threading

import pytest

from edgeqe.video.channel import Channel, ChannelClosed


def test_items_come_in_order_and_then_the_error() -> None:
    channel: Channel[int] = Channel(2)

    def produce() -> None:
        for item in range(50):
            channel.put(item)
        channel.end(ValueError("at the end"))

    thread = threading.Thread(target=produce)
    thread.start()
    taken = []
    with pytest.raises(ValueError, match="at the end"):
        for item in channel:
            taken.append(item)
    thread.join()
    assert taken == list(range(50))


def test_no_more_than_its_size_wait() -> None:
    channel: Channel[int] = Channel(3)
    put = []

    def produce() -> None:
        for item in range(10):
            channel.put(item)
            put.append(item)
        channel.end()

    thread = threading.Thread(target=produce)
    thread.start()
    most = 0
    for number, _ in enumerate(channel):
        most = max(most, len(put) - number)
    thread.join()
    assert most <= 3 + 1  # and the one that was just taken


def test_a_producer_that_nobody_takes_from_is_released() -> None:
    channel: Channel[int] = Channel(1)
    ended = []

    def produce() -> None:
        try:
            while True:
                channel.put(1)
        except ChannelClosed:
            ended.append(True)

    thread = threading.Thread(target=produce)
    thread.start()
    next(iter(channel))
    channel.abandon()
    thread.join()
    assert ended
    assert list(channel) == []
