"""Services: threads behind FastAPI, asyncio, processes: the same pictures as one plain call."""

import asyncio
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edgeqe import Enhancer
from tests.examples.loading import EXAMPLES, example
from tests.reference import photograph

Answer = tuple[int, dict[str, str], bytes]


def jpeg(quality: int) -> bytes:
    coded = io.BytesIO()
    Image.fromarray(photograph("camera", quality, 0, 48, 64)).save(coded, "JPEG", quality=quality)
    return coded.getvalue()


def pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as picture:
        return picture.tobytes()


@pytest.fixture(scope="module")
def wanted() -> dict[int, bytes]:
    """Pixels that one plain call gives, by quality."""
    found = {}
    with Enhancer("edgeqe-nano", threads=1) as enhancer:
        for quality in (20, 40, 60):
            out = io.BytesIO()
            enhancer.enhance_file(jpeg(quality), out)
            found[quality] = pixels(out.getvalue())
    return found


def test_asyncio(tmp_path: Path, wanted: dict[int, bytes]) -> None:
    service = example("service_asyncio")
    for quality in wanted:
        (tmp_path / f"{quality}.jpg").write_bytes(jpeg(quality))
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    sources = sorted(tmp_path.glob("*.jpg"))
    with Enhancer("edgeqe-nano", threads=1) as enhancer:
        found = asyncio.run(service.enhance_all(enhancer, sources, tmp_path))
    assert {path.name for path, error in found.items() if error} == {"bad.jpg"}
    for quality, expected in wanted.items():
        assert pixels((tmp_path / f"{quality}.png").read_bytes()) == expected


def test_processes(tmp_path: Path, wanted: dict[int, bytes]) -> None:
    (tmp_path / "in").mkdir()
    for quality in wanted:
        (tmp_path / "in" / f"{quality}.jpg").write_bytes(jpeg(quality))
    (tmp_path / "in" / "bad.jpg").write_bytes(b"no picture")
    command = [sys.executable, str(EXAMPLES / "pool_multiprocessing.py"), str(tmp_path / "in"),
               str(tmp_path / "out"), "--model", "edgeqe-nano"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "bad.jpg: " in done.stdout, done.stderr
    assert "Traceback" not in done.stderr
    for quality, expected in wanted.items():
        assert pixels((tmp_path / "out" / f"{quality}.png").read_bytes()) == expected


def test_processes_without_a_model_end(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(20))
    command = [sys.executable, str(EXAMPLES / "pool_multiprocessing.py"), str(tmp_path),
               str(tmp_path / "out"), "--model", "edgeqe-nanu", "--workers", "1"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a.jpg: no model 'edgeqe-nanu'" in done.stdout and not done.stderr


def test_processes_say_that_a_folder_holds_nothing_for_them(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    command = [sys.executable, str(EXAMPLES / "pool_multiprocessing.py"), str(tmp_path),
               str(tmp_path / "out")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "holds no JPEGs" in done.stderr
    assert not (tmp_path / "out").exists()


async def call(app: Any, method: str, path: str, body: bytes = b"", query: str = "") -> Answer:
    """One request to an application by ASGI, its body in two parts."""
    parts = [{"type": "http.request", "body": body[:50], "more_body": True},
             {"type": "http.request", "body": body[50:], "more_body": False}]  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
             "path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": [],
             "scheme": "http", "server": ("test", 80), "client": ("test", 1)}  # fmt: skip
    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent)


def test_fastapi(monkeypatch: pytest.MonkeyPatch, wanted: dict[int, bytes]) -> None:
    pytest.importorskip("fastapi")
    monkeypatch.setenv("EDGEQE_MODEL", "edgeqe-nano")
    service = example("service_fastapi")
    app = service.app

    async def use() -> None:
        async with app.router.lifespan_context(app):
            found = await asyncio.gather(*(call(app, "POST", "/enhance", jpeg(q)) for q in wanted))
            for (status, headers, body), (quality, expected) in zip(
                found, wanted.items(), strict=True
            ):
                assert (status, headers["x-edgeqe-number"]) == (200, str(quality))
                assert pixels(body) == expected
            assert (await call(app, "POST", "/enhance", b"no picture"))[0] == 422
            assert (await call(app, "POST", "/enhance", jpeg(20), "quality=200"))[0] == 422
            assert (await call(app, "GET", "/health"))[2] == b'{"passed":true}'
            monkeypatch.setattr(service, "LARGEST_BODY", 100)
            assert (await call(app, "POST", "/enhance", jpeg(20)))[0] == 413

    asyncio.run(use())
