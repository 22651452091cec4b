"""A service over HTTP: FastAPI with threads that share one `Enhancer`.

    pip install 'edgeqe[ort,files]' fastapi uvicorn
    cd examples && uvicorn service_fastapi:app --port 8000
    curl --data-binary @in.jpg http://127.0.0.1:8000/enhance -o out.png

`enhance` is a plain function, so FastAPI runs it on a thread of its pool and the event loop stays
free: the runtimes let go of Python's lock. All threads share one memory limit: calls that do not
fit wait. Run one process a machine, not several workers, which would each have sessions and a limit.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

try:
    from fastapi import Depends, FastAPI, HTTPException, Request, Response
except ImportError:
    sys.exit("this example needs FastAPI: pip install 'edgeqe[ort,files]' fastapi uvicorn")

from edgeqe import EdgeqeError, Enhancer, ImageError, InputError, MemoryLimitError  # noqa: E402

#: Bytes of the largest body, and pixels of the largest picture.
LARGEST_BODY, PIXELS = 32 << 20, 50_000_000


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the model before the first request, and close it after the last."""
    model = os.environ.get("EDGEQE_MODEL", "edgeqe-small")
    limit = os.environ.get("EDGEQE_MEMORY_LIMIT", "128MiB")
    with Enhancer(model, memory_limit=limit) as enhancer:
        app.state.enhancer = enhancer
        yield


app = FastAPI(title="edgeqe", lifespan=lifespan)


async def body_of(request: Request) -> bytes:
    """Body of a request, given up as soon as it is too large."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > LARGEST_BODY:
            raise HTTPException(413, f"a picture file has at most {LARGEST_BODY >> 20} MiB")
    return bytes(found)


@app.post("/enhance")
def enhance(
    request: Request,
    body: Annotated[bytes, Depends(body_of)],
    quality: int | None = None,
) -> Response:
    """Enhance a picture file; the answer is a PNG, its strength in the headers."""
    out = io.BytesIO()
    try:
        report = request.app.state.enhancer.enhance_file(
            body, out, quality=quality, pixel_limit=PIXELS
        )
    except MemoryLimitError as error:
        raise HTTPException(413, str(error)) from error
    except (ImageError, InputError) as error:
        raise HTTPException(422, str(error)) from error
    except EdgeqeError as error:
        raise HTTPException(500, str(error)) from error
    headers = {"X-Edgeqe-Codec": report.codec, "X-Edgeqe-Number": f"{report.number:g}"}
    return Response(out.getvalue(), media_type="image/png", headers=headers)


@app.get("/health")
def health(request: Request) -> dict[str, bool]:
    """Whether the model gives on this machine what its file says."""
    return {"passed": request.app.state.enhancer.self_test().passed}
