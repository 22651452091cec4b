"""Which pictures are packed: a draw that thins every folder out alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from contents import size


def draw(files: list[Path], budget: int, seed: int) -> list[Path]:
    """Files of at most so many bytes together, every folder's share of its bytes about the same.

    The next file is of the folder of which the smallest share is drawn; a folder whose next
    file does not fit any more is done, so that large files are not passed over.

    Parameters
    ----------
    files : list of Path
    budget : int
        Bytes.
    seed : int

    Returns
    -------
    list of Path
        Sorted.
    """
    rng = np.random.default_rng(seed)
    waiting: dict[Path, list[Path]] = {}
    for file in sorted(files):
        waiting.setdefault(file.parent, []).append(file)
    waiting = {k: [group[i] for i in rng.permutation(len(group))] for k, group in waiting.items()}
    whole = {folder: size(group) for folder, group in waiting.items()}
    taken = dict.fromkeys(waiting, 0)
    drawn: list[Path] = []
    while waiting:
        folder = min(waiting, key=lambda name: taken[name] / max(1, whole[name]))
        file = waiting[folder].pop()
        bytes_of_file = size([file])
        if bytes_of_file > budget:
            del waiting[folder]
            continue
        budget -= bytes_of_file
        taken[folder] += bytes_of_file
        drawn.append(file)
        if not waiting[folder]:
            del waiting[folder]
    return sorted(drawn)
