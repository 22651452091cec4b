"""``edgeqe plan``: each picture's QP and network under a total size and a total time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from edgeqe.cli.options import Numbers


class Names(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """Names between commas."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Tuple of the names."""
        return tuple(name.strip() for name in str(value).split(",") if name.strip())


@click.command("plan")
@click.option("--data", "-d", required=True, type=click.Path(path_type=Path), metavar="DIR",
              help="Folder of reference pictures, its sub-folders too.")  # fmt: skip
@click.option("--codec", default="bpg", show_default=True, metavar="[bpg|jpeg|jpeg2000|webp]",
              help="What codes the pictures.")  # fmt: skip
@click.option("--size-limit", required=True, metavar="SIZE",
              help="Of all coded files: bits a pixel (0.15bpp), or bytes (200KiB).")  # fmt: skip
@click.option("--time-limit", required=True, type=float, metavar="S",
              help="Seconds of the networks on all pictures.")  # fmt: skip
@click.option("--models", "-m", required=True, type=Names(), metavar="M,M,...",
              help="Networks to choose from, beside none: shipped names, 'edgeqe-' left out or not, and "
                   "model files.")  # fmt: skip
@click.option("--qp", "qps", type=Numbers(), metavar="Q,Q,...",
              help="QPs of BPG to choose from; 22, 25, ... 43 if left out.")  # fmt: skip
@click.option("--quality", "-q", "qualities", type=Numbers(), metavar="Q,Q,...",
              help="Qualities of JPEG or WebP to choose from; eight from 10 to 85 (5 to 90) if left "
                   "out.")  # fmt: skip
@click.option("--rate", "rates", type=Numbers(), metavar="R,R,...",
              help="Rates of JPEG 2000 to choose from, bits a pixel; eight from 0.1 to 2 if left "
                   "out.")  # fmt: skip
@click.option("--scale", type=float, default=1.0, show_default=True,
              help="Downscale the pictures by this factor first.")  # fmt: skip
@click.option("--target", default="auto", show_default=True, help="Where to run.")
@click.option("--memory-limit", default="64MiB", show_default=True, metavar="SIZE",
              help="Most that each network takes beside the picture itself.")  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="All processors if left out."
)
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), metavar="OUT",
              help="Folder for the coded pictures and the plan.")  # fmt: skip
@click.option("--overwrite", is_flag=True,
              help="Write into a folder that is not empty; replace files of the same names.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, all tables too.")
def command(as_json: bool, **given: Any) -> None:
    """Choose each picture's QP and network for the best PSNR under a total size and a total time.

    Every picture is coded at every QP and enhanced by every network, and the networks are timed on this
    device. Two integer programs, for the QPs and then for the networks, and one for both at once choose;
    the report compares them with the best single QP and network. OUT gets the coded pictures of the last
    and says which network is for which: 'edgeqe enhance OUT -o DIR' obeys it.
    """
    from edgeqe.bench.planning import plan
    from edgeqe.cli.progress import phases

    given |= {name: given[name] or () for name in ("qps", "qualities", "rates")}
    with phases(hide=as_json) as progress:
        report = plan(**given, progress=progress)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else report.to_text())
