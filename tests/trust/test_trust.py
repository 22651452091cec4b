"""Which keys are taken, what the environment says, and that counters never go back."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edgeqe import Enhancer, InputError, MissingPackageError, SignatureError
from edgeqe.cli import main
from edgeqe.trust.counters import keep_counter, lowest_counter
from edgeqe.trust.signing import sign
from edgeqe.trust.trust import Trust
from tests.trust.signing import FORMS, new_key, signed, write_key

PUBLIC = bytes(32)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("EDGEQE_STATE_DIR", str(folder))
    monkeypatch.delenv("EDGEQE_TRUST", raising=False)
    return folder / "counters"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path)


def run(path: Path, key: Path) -> None:
    Enhancer(path, trust=key.with_suffix(".pub"), threads=1).close()


@pytest.mark.parametrize("form", FORMS)
def test_an_older_counter_is_refused_once_a_newer_one_ran(key: Path, form: str) -> None:
    old, new = (signed(key, form, counter, f"c{counter}") for counter in (4, 15))
    run(old, key)
    run(new, key)
    with pytest.raises(SignatureError, match="has counter 4.*'edgeqe-nano' with 15.*--counter 15"):
        run(old, key)
    run(new, key)
    run(signed(key, form, 15, "again"), key)


def test_counters_are_of_a_key_and_a_network(key: Path) -> None:
    run(signed(key, "onnx", 9, "nine"), key)
    second = new_key(key.parent, "second")
    run(signed(second, "onnx", 1, "one"), second)
    assert lowest_counter(PUBLIC, "edgeqe-nano") == 0
    with pytest.raises(SignatureError):  # another form of the same network
        run(signed(key, "tflite", 8, "eight"), key)


def test_a_model_that_does_not_run_keeps_no_counter(key: Path, state: Path) -> None:
    path = signed(key, "onnx", 9)
    with pytest.raises(InputError):
        Enhancer(path, trust=key.with_suffix(".pub"), memory_limit=1)
    Trust(key.with_suffix(".pub")).open(path)
    assert not state.exists()


def test_the_highest_counter_stays_however_it_was_kept(state: Path) -> None:
    keep_counter(PUBLIC, "net", 7)
    keep_counter(PUBLIC, "net", 3)
    assert lowest_counter(PUBLIC, "net") == 7
    (kept,) = state.iterdir()
    # as another process leaves it that was stopped before it removed a lower one
    kept.with_suffix(".0000000005").touch()
    assert lowest_counter(PUBLIC, "net") == 7
    keep_counter(PUBLIC, "net", 10)
    assert [path.name[-3:] for path in state.iterdir()] == ["010"]


def test_counter_0_needs_no_folder(key: Path, state: Path) -> None:
    state.parent.write_text("no folder")
    path = signed(key, "onnx", 0)
    with pytest.raises(InputError, match="EDGEQE_STATE_DIR"):
        run(path, key)
    state.parent.unlink()
    run(path, key)
    assert not state.exists()


def test_a_counter_that_cannot_be_kept_refuses_the_model(
    key: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = signed(key, "onnx", 2)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="cannot keep the counter 2.*No space.*EDGEQE_STATE_DIR"):
        run(path, key)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_of_counters_that_others_write_is_refused(key: Path, state: Path) -> None:
    state.mkdir(parents=True)
    state.chmod(0o777)
    with pytest.raises(InputError, match="may be written by others"):
        run(signed(key, "onnx", 1), key)


def test_the_environment_names_the_key(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEQE_TRUST", str(key.with_suffix(".pub")))
    Enhancer(signed(key, "onnx"), threads=1).close()
    with pytest.raises(SignatureError, match="EDGEQE_TRUST"):
        Enhancer("edgeqe-nano")
    source = key.with_name("in.png")
    source.touch()  # there, and never read
    result = CliRunner().invoke(main, ["enhance", str(source), "-o", "out.png", "-q", "30"])
    assert result.exit_code == 2 and "is not signed" in result.stderr
    monkeypatch.setenv("EDGEQE_TRUST", str(key))
    with pytest.raises(InputError, match="EDGEQE_TRUST = .* is a private key"):
        Enhancer("edgeqe-nano")


def test_a_copy_in_another_process_asks_for_the_key_too(key: Path) -> None:
    path = signed(key, "onnx")
    with Enhancer(path, trust=key.with_suffix(".pub"), threads=1) as enhancer:
        sent = pickle.dumps(enhancer)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(SignatureError):
        pickle.loads(sent)


def refused_keys(folder: Path) -> dict[str, Path]:
    """Files that are no private Ed25519 key, by what the message says."""
    encrypted = folder / "encrypted.pem"
    encrypted.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    garbage, large = folder / "garbage.pem", folder / "large.pem"
    garbage.write_bytes(b"\xff-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    large.write_bytes(bytes(1 << 17))
    return {
        "another kind": write_key(ec.generate_private_key(ec.SECP256R1()), folder, "curve"),
        "of another": write_key(x25519.X25519PrivateKey.generate(), folder, "agreement"),
        "is encrypted": encrypted,
        "no private key in PEM": garbage,
        "larger than any key": large,
        "is a public key": new_key(folder, "good").with_suffix(".pub"),
        "there is no key": folder / "absent.pem",
        "no plain file": folder,
    }


def test_wrong_private_keys_are_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    for words, path in refused_keys(tmp_path).items():
        arguments = ["sign", "edgeqe-nano:int8", "--key", str(path), "-o", str(out)]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2 and result.stderr.count(words) == 1, result.output
        assert result.stderr.count("\n") == 1 and not out.exists()
        assert f"'{path}'" in result.stderr and result.stderr.count(str(path)) == 1


def test_wrong_public_keys_are_one_line(tmp_path: Path, key: Path) -> None:
    hostile = tmp_path / "hostile.pub"
    hostile.write_bytes(b"-----BEGIN PUBLIC KEY-----\n===\n-----END PUBLIC KEY-----\n")
    wrong = refused_keys(tmp_path)
    expected = {
        key: "is a private key",
        hostile: "no public key in PEM",
        wrong["another kind"].with_suffix(".pub"): "not of Ed25519",
        wrong["of another"].with_suffix(".pub"): "not of Ed25519",
        wrong["larger than any key"]: "larger than any key",
        tmp_path / "absent.pub": "there is no key",
    }
    for path, words in expected.items():
        result = CliRunner().invoke(main, ["verify", "edgeqe-nano", "--trust", str(path)])
        assert result.exit_code == 2 and words in result.stderr, result.output
        assert result.stderr.count("\n") == 1


def test_sign_and_verify_on_the_command_line(tmp_path: Path, key: Path) -> None:
    path, run = tmp_path / "model.tflite", CliRunner().invoke
    arguments = ["sign", "edgeqe-nano:int8.tflite", "--key", str(key), "-o", str(path)]
    assert run(main, [*arguments, "--counter", "3"]).exit_code == 0
    again = run(main, arguments)
    assert again.exit_code == 2 and "--overwrite" in again.stderr
    in_place = run(main, ["sign", str(path), "--key", str(key), "--counter", "5", "--json"])
    assert in_place.exit_code == 0 and '"counter": 5' in in_place.stdout
    shown = run(main, ["inspect", str(path)])
    assert "counter 5, not checked" in shown.stdout
    checked = run(main, ["verify", str(path), "--trust", str(key.with_suffix(".pub"))])
    assert checked.exit_code == 0 and "counter 5" in checked.stdout
    for wrong in (["edgeqe-nano"], [str(path), "--counter", "-1"], [str(tmp_path)]):
        result = run(main, ["sign", *wrong, "--key", str(key)])
        assert result.exit_code == 2 and result.stderr.count("\n") == 1


def test_only_models_of_edgeqe_are_signed(tmp_path: Path, key: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(InputError, match=r"other\.onnx"):
        sign(path, key, path)
    assert path.read_bytes() == b"no model"


def test_without_cryptography_the_message_has_the_pip_line(
    key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = signed(key, "onnx")
    for module in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    calls: list[Callable[[], object]] = [lambda: run(path, key), lambda: sign(path, key, path)]
    for call in calls:
        with pytest.raises(MissingPackageError, match=r"pip install 'edgeqe\[trust\]'"):
            call()
