"""An archive on a real Ray cluster of two workers, one of which is killed; `make ray` runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.archive.made import BAD, ROOT, check_archive, files_of, lines_of, make_archive

pytest.importorskip("ray", reason="needs Ray: run make ray")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own

FILES = 300
GUARD_SECONDS = 900


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that does no work; nodes that are added find edgeqe in this checkout."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80_000_000}
    )
    yield made
    made.shutdown()


def start(address: str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "edgeqe", "archive", "in", "out", "-m", "edgeqe-nano",
               "--workers", "2", "--ray", address, *words]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_worker_loses_no_file(cluster: Any, here: Path) -> None:
    make_archive(Path("in"), FILES)
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=80_000_000) for _ in range(2)]
    process = start(cluster.address)
    while len(lines_of("out")) < FILES // 4:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
    cluster.remove_node(nodes[0], allow_graceful=False)
    output, errors = process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == 1, (output, errors)
    assert "Traceback" not in errors
    assert all(f"failed: {name}" in output for name in BAD)
    check_archive(Path("in"), Path("out"), FILES)
    before = files_of(Path("out"))
    again = start(cluster.address, "--json")
    output, errors = again.communicate(timeout=GUARD_SECONDS)
    assert again.returncode == 1, (output, errors)
    assert f'"done_before": {FILES - len(BAD)}' in output
    assert files_of(Path("out")) == before


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at '127.0.0.1:1' (Connection refused)"),
        ("ray://127.0.0.1:10001", "is no address of a Ray cluster: give HOST:PORT, or auto"),
    ],
)
def test_no_cluster_is_one_line(here: Path, address: str, why: str) -> None:
    make_archive(Path("in"), 6)
    process = start(address)
    _, errors = process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == 2
    (line,) = errors.splitlines()
    assert why in line
