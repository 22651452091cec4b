"""What a signature covers, and that signed files stay what they were for every tool."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from edgeqe import Enhancer, ModelError, SignatureError
from edgeqe.converters.export import export
from edgeqe.converters.opening import open_source
from edgeqe.model.catalogue import find_model
from edgeqe.model.file import ModelFile
from edgeqe.trust.signature import SIGNATURE_KEY, signature_of
from edgeqe.trust.signing import sign
from edgeqe.trust.trust import Trust
from tests.trust.signing import FORMS, new_key, signed

BOTH = pytest.mark.parametrize("form", FORMS)
SIGNATURE = 128
"""Bytes of a signature in a file."""


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEQE_STATE_DIR", str(tmp_path / "state"))
    return new_key(tmp_path)


@BOTH
def test_the_signature_is_plain_ed25519_over_all_bytes_before_it(key: Path, form: str) -> None:
    data = signed(key, form, counter=12).read_bytes()
    digest = hashlib.sha256(data[:-SIGNATURE]).hexdigest()
    public = load_pem_public_key(key.with_suffix(".pub").read_bytes())
    value = bytes.fromhex(data[-SIGNATURE:].decode())
    public.verify(value, b"edgeqe model signature 1: " + digest.encode())  # type: ignore[union-attr, call-arg]
    assert data[:-SIGNATURE].endswith(b"; counter 0000000012; ")


@BOTH
def test_a_signed_model_gives_what_it_gave_before(key: Path, form: str) -> None:
    picture = np.random.default_rng(3).integers(0, 256, (24, 40, 3)).astype(np.uint8)
    with (
        Enhancer(signed(key, form), trust=key.with_suffix(".pub")) as ours,
        Enhancer(FORMS[form]) as plain,
    ):
        for quality in (20, 80):  # the strength is written into the signed bytes, in memory
            same = ours.enhance(picture, quality=quality) == plain.enhance(picture, quality=quality)
            assert same.all()


def test_onnx_and_onnx_runtime_open_a_signed_file(key: Path) -> None:
    path, plain = signed(key, "onnx"), onnx.load(find_model(FORMS["onnx"]))
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.graph == plain.graph
    assert [entry.key for entry in model.metadata_props][-1] == SIGNATURE_KEY
    assert list(model.metadata_props)[:-1] == list(plain.metadata_props)
    onnxruntime.InferenceSession(path)


def test_litert_opens_a_signed_file_and_finds_everything_as_it_was(key: Path) -> None:
    data = signed(key, "tflite").read_bytes()
    before = find_model(FORMS["tflite"]).read_bytes()
    model, plain = (schema.ModelT.InitFromPackedBuf(content, 0) for content in (data, before))
    assert [entry.name.decode() for entry in model.metadata] == [
        *(entry.name.decode() for entry in plain.metadata),
        SIGNATURE_KEY,
    ]
    assert (
        bytes(model.buffers[model.metadata[-1].buffer].data) == data[-len(model.buffers[-1].data) :]
    )
    for ours, theirs in zip(model.buffers[:-1], plain.buffers, strict=True):
        assert (ours.data is None) == (theirs.data is None)
        assert ours.data is None or bytes(ours.data) == bytes(theirs.data)
    assert (model.version, model.description) == (plain.version, plain.description)
    names = [[t.name for t in m.subgraphs[0].tensors] for m in (model, plain)]
    assert names[0] == names[1]
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    for tensor in ModelFile(key.with_name("signed.tflite")).outline.initializers.values():
        assert tensor.start % tensor.dtype.itemsize == 0


@BOTH
def test_a_changed_byte_anywhere_is_refused_before_the_file_is_parsed(
    key: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = signed(key, form)
    data, trust = path.read_bytes(), Trust(key.with_suffix(".pub"))
    trust.open(path)
    monkeypatch.setattr("edgeqe.model.file.outline_of", lambda _: pytest.fail("parsed"))
    ends = {*range(256), *range(len(data) - 256, len(data))}
    for place in {*ends, *range(0, len(data), 41)}:
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(SignatureError):
            trust.open(path)


@BOTH
def test_cut_lengthened_and_moved_files_are_refused(key: Path, form: str) -> None:
    path, other = signed(key, form), signed(key, form, counter=1, name="other")
    data, trust = path.read_bytes(), Trust(key.with_suffix(".pub"))
    hostile = [data[:-1], data[:-SIGNATURE], data[: len(data) // 2], data[1:], b"", data + b"\0"]
    hostile += [data + data, data[:-SIGNATURE] + data[-SIGNATURE:].upper()]
    hostile += [data[:-SIGNATURE] + other.read_bytes()[-SIGNATURE:]]
    for content in hostile:
        path.write_bytes(content)
        with pytest.raises(SignatureError, match=path.name):
            trust.open(path)


@BOTH
def test_every_reason_has_its_words(key: Path, form: str) -> None:
    path, second = signed(key, form), new_key(key.parent, "second")
    with pytest.raises(SignatureError, match="is not signed.*'edgeqe sign'"):
        Enhancer(FORMS[form], trust=key.with_suffix(".pub"))
    with pytest.raises(SignatureError, match="is signed by the key .* get the file or the key"):
        Enhancer(path, trust=second.with_suffix(".pub"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(SignatureError, match="was changed after it was signed"):
        Enhancer(path, trust=key.with_suffix(".pub"))


@BOTH
def test_signing_again_changes_the_signature_alone(key: Path, form: str) -> None:
    path = signed(key, form, counter=1)
    before = path.read_bytes()
    sign(path, new_key(key.parent, "second"), path, 2)
    after = path.read_bytes()
    assert len(after) == len(before) and after[:-256] == before[:-256]
    assert Trust(key.with_name("second.pub")).open(path).card.name == "edgeqe-nano"
    with pytest.raises(SignatureError):
        Trust(key.with_suffix(".pub")).open(path)


def test_a_signature_in_the_middle_is_none_and_is_not_signed_over(key: Path) -> None:
    model = onnx.load(signed(key, "onnx"))
    entry = model.metadata_props.pop()
    model.metadata_props.insert(0, entry)
    path = key.with_name("moved.onnx")
    onnx.save(model, path)
    with pytest.raises(SignatureError, match="is not signed"):
        Trust(key.with_suffix(".pub")).open(path)
    with pytest.raises(ModelError, match="convert it anew"):
        sign(path, key, path)
    model.metadata_props.append(entry)
    onnx.save(model, path)
    with pytest.raises(ModelError, match=f"'{SIGNATURE_KEY}' twice"):
        ModelFile(path)


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_a_converted_model_is_not_signed(key: Path, suffix: str) -> None:
    path = key.with_name("float.onnx")
    sign(find_model("edgeqe-nano:float32"), key, path)
    made = export(open_source(str(path)), key.with_name(f"converted{suffix}")).path
    assert signature_of(made.read_bytes()) is None
    assert SIGNATURE_KEY not in ModelFile(made).outline.metadata
