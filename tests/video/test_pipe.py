"""Standard input whose first bytes are looked at."""

from __future__ import annotations

import os
import threading

from edgeqe.video.pipe import PipeReader


def test_nothing_is_lost_behind_what_was_looked_at() -> None:
    content = bytes(range(256)) * 300
    below, above = os.pipe()

    def write() -> None:
        with open(above, "wb", buffering=0) as pipe:
            pipe.write(content[:3])  # less than is looked at
            pipe.write(content[3:])

    thread = threading.Thread(target=write)
    thread.start()
    with open(below, "rb") as stream:
        reader = PipeReader(stream)
        assert reader.peek(9)[:9] == content[:9]
        found = b""
        while part := reader.read(1000):
            assert len(part) <= 1000
            found += part
    thread.join()
    assert found == content


def test_a_pipe_that_ends_early() -> None:
    below, above = os.pipe()
    os.write(above, b"YUV4")
    os.close(above)
    with open(below, "rb") as stream:
        reader = PipeReader(stream)
        assert reader.peek(9) == b"YUV4"
        assert reader.read(100) == b"YUV4"
        assert reader.read(100) == b""
