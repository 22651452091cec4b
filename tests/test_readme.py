"""The README's examples run as they are written."""

import re
import runpy
from pathlib import Path

import pytest
from PIL import Image

from edgeqe.converters.export import export
from edgeqe.converters.sources import from_zoo
from tests.reference import photograph

README = Path(__file__).parent.parent / "README.md"


def test_the_python_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert len(examples) == 2
    script = tmp_path / "example.py"
    script.write_text("".join(examples), encoding="utf-8")
    for name, network in (("nr.onnx", "vrcnn"), ("tr.onnx", "liu"), ("rrnet.tflite", "rrnet")):
        export(from_zoo(network), tmp_path / name)
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
