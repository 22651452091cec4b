"""Sets of pictures by name: folders, and the drawn pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeqe.errors import InputError
from edgeqe.quantization.drift.picture_sets import picture_sets
from edgeqe.zoo.training.drawn import drawn_set, fingerprint
from tests.drift_models import photographs


def test_folders_have_their_names(tmp_path: Path) -> None:
    first = photographs(tmp_path / "pictures")
    (tmp_path / "more").mkdir()
    second = photographs(tmp_path / "more" / "pictures")
    with picture_sets([first, second, str(first)]) as sets:
        assert list(sets) == ["pictures", str(second)]
        assert sets["pictures"] == (first / "astronaut.png", first / "camera.png")


def test_the_drawn_pictures_are_files_while_they_are_needed() -> None:
    drawn = drawn_set()
    with picture_sets(["drawn"]) as sets:
        ((name, files),) = sets.items()
        assert name == f"drawn {fingerprint(drawn)}"
        assert sorted(file.stem for file in files) == sorted(drawn)
        for file in files:
            with Image.open(file) as picture:
                np.testing.assert_array_equal(np.asarray(picture), drawn[file.stem])
    assert not any(file.exists() for file in files)


def test_a_folder_that_is_called_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photographs(tmp_path / "drawn")
    monkeypatch.chdir(tmp_path)
    with picture_sets(["./drawn"]) as sets:
        assert [len(files) for files in sets.values()] == [2]
    with picture_sets(["drawn"]) as sets:
        assert [len(files) for files in sets.values()] == [20]


def test_wrong_sets(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"), picture_sets([tmp_path / "none"]):
        pass
    with pytest.raises(InputError, match="no pictures: give a folder"), picture_sets([]):
        pass
