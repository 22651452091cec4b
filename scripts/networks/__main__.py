"""Every network that ships or was reproduced: gain against arithmetic and time, as table and picture.

Usage: ``python scripts/networks measure gain --data LIVE1``, then ``measure time`` with all else closed,
then ``page``, which writes both into docs/networks.md and docs/networks.png. Figures are kept in
`results.json` beside this file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from figures import measured_gains, measured_times
from page import write_page

from edgeqe.errors import EdgeqeError


def main() -> int:
    """Parse, then measure or write."""
    parser = argparse.ArgumentParser(prog="networks", description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    measure = verbs.add_parser("measure", help="measure, and keep the figures")
    measure.add_argument("what", choices=("gain", "time"))
    measure.add_argument("--data", type=Path, help="folder of pictures, for gain")
    verbs.add_parser("page", help="write docs/networks.md and docs/networks.png")
    given = parser.parse_args()
    if given.verb == "measure" and given.what == "gain" and given.data is None:
        parser.error("measure gain needs --data, a folder of pictures.")
    try:
        if given.verb == "page":
            write_page()
        elif given.what == "gain":
            measured_gains(given.data)
        else:
            measured_times()
    except EdgeqeError as error:
        print(f"networks: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
