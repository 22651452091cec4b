"""Runs on both sides: enhances a picture with one model, and says by what it was done.

Usage: ``python enhance.py PICTURE.npy MODEL OUT.npz``. Prints one line of JSON, the text fields of
`comparison.Side`. Needs nothing but the device package.
"""

from __future__ import annotations

import json
import platform
import sys

import numpy as np

from edgeqe import Enhancer

#: The quality that the picture was coded with.
QUALITY = 20


def main(picture: str, model: str, out: str) -> None:
    """Enhance at 8 bits, as devices do, and at 16, where roundings of the network show."""
    image = np.load(picture)
    with Enhancer(model, threads=1) as enhancer:
        bits8 = enhancer.enhance(image, quality=QUALITY)
        bits16 = enhancer.enhance(image.astype(np.uint16) * 257, quality=QUALITY)
        test, info = enhancer.self_test(), enhancer.info
    np.savez(out, bits8=bits8, bits16=bits16)
    facts = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "runtime": f"{info.runtime} {info.runtime_version}",
        "provider": info.provider,
        "precision": info.precision,
        "self_test": test.passed,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
