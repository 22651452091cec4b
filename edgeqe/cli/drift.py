"""``edgeqe drift``: the gate that keeps a model from drifting from another."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("drift")
@click.argument("reference")
@click.argument("candidate")
@click.option("--data", multiple=True, required=True, metavar="DIR",
              help="Folder of undamaged pictures, or 'drawn': twenty drawn ones, text, line art and "
                   "screens; repeatable, each is judged by itself.")  # fmt: skip
@click.option("--quality", "-q", "qualities", multiple=True, type=int, metavar="Q",
              help="JPEG quality, 1 to 100; repeatable; 10, 20, 40, 60, 80 and 90 if left "
                   "out.")  # fmt: skip
@click.option("--protocol", type=click.Choice(["gray", "colour", "both"]), default="both",
              show_default=True, help="Luma coded as grayscale, or RGB coded as 4:2:0.")  # fmt: skip
@click.option("--max-drop", type=float, metavar="DB",
              help="Most that the mean gain may lose at any quality. If neither this nor the next "
                   "is given: 0.05 dB to quality 60, above it the larger of 0.03 dB and 5 %.")  # fmt: skip
@click.option("--max-gain-loss", type=float, metavar="PCT",
              help="The same in percent of the reference's gain; with both, the larger "
                   "counts.")  # fmt: skip
@click.option("--max-tile-drop", type=float, default=0.3, show_default=True, metavar="DB",
              help="Most that the worst tile may drop.")  # fmt: skip
@click.option("--threads", type=int, metavar="N", help="All processors if left out.")
@click.option("--memory-limit", default="256MiB", show_default=True, metavar="SIZE",
              help="Memory of each of the two.")  # fmt: skip
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the verdicts there as JUnit XML.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    reference: str,
    candidate: str,
    data: tuple[str, ...],
    qualities: tuple[int, ...],
    protocol: str,
    max_drop: float | None,
    max_gain_loss: float | None,
    max_tile_drop: float,
    threads: int | None,
    memory_limit: str,
    junit: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compare what CANDIDATE and REFERENCE gain over the JPEG, strength by strength.

    Both are names of shipped models or model files, ONNX or TFLite, and each runs on its own
    runtime. A network's name alone is its float32 file as REFERENCE, and what this device runs
    as CANDIDATE. CANDIDATE drifts if its mean gain, or the PSNR of its worst tile, falls behind by
    more than a limit, or if its mean falls below the JPEG itself. Exit status 1 if it drifts.
    """
    from edgeqe.cli.networks import model_file
    from edgeqe.cli.progress import progress
    from edgeqe.errors import CheckError
    from edgeqe.quantization.drift.drift import QUALITIES
    from edgeqe.quantization.drift.gate import check
    from edgeqe.quantization.drift.limits import Limits
    from edgeqe.quantization.drift.picture_sets import picture_sets
    from edgeqe.quantization.drift.protocols import PROTOCOLS
    from edgeqe.reports.output_file import check_destination, write

    limits = Limits(max_drop, max_gain_loss, max_tile_drop)
    if junit is not None:
        check_destination(junit, overwrite=overwrite)
    chosen = tuple(dict.fromkeys(qualities)) or QUALITIES
    with (
        picture_sets(data) as sets,
        progress(sum(map(len, sets.values())) * len(chosen), "Comparing", hide=as_json) as advance,
    ):
        report = check(
            model_file(reference),
            model_file(candidate),
            sets,
            protocols=PROTOCOLS if protocol == "both" else (protocol,),
            qualities=chosen,
            limits=limits,
            threads=threads,
            memory_limit=memory_limit,
            advance=advance,
        )
    if junit is not None:
        write(report.to_junit(), junit)
    click.echo(report.to_json() if as_json else report.to_text())
    failures = report.failures()
    if failures:
        raise CheckError(
            f"'{candidate}' drifts from '{reference}' in {len(failures)} of {len(report.rows)} "
            f"rows. {failures[0]}."
        )
