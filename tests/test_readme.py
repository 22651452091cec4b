"""The README's example runs as it is written."""

import re
import runpy
from pathlib import Path

import pytest
from PIL import Image

from tests.reference import photograph

README = Path(__file__).parent.parent / "README.md"


def test_the_python_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    script = tmp_path / "example.py"
    script.write_text(example, encoding="utf-8")
    Image.fromarray(photograph("coffee", 0, 0, 120, 160)).save(tmp_path / "in.jpg", quality=20)
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(script))
    assert names["report"].quality == 20
    with Image.open(tmp_path / "out.png") as written:
        assert written.size == (160, 120)


def test_every_verb_is_listed() -> None:
    from edgeqe.cli import VERBS

    text = README.read_text(encoding="utf-8").partition("## Use from the command line")[2]
    assert re.findall(r"^edgeqe (\w+)", text, re.M) == list(VERBS)
