"""``edgeqe drift``: the gate that keeps a model from drifting from another."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from edgeqe.cli.options import codec_options, coding_options, two_models


@click.command("drift")
@two_models
@click.option("--data", multiple=True, required=True, metavar="DIR",
              help="Folder of reference pictures or clips, a clip, or 'drawn': twenty drawn ones, text, line art and "
                   "screens; repeatable, each is judged by itself.")  # fmt: skip
@codec_options
@coding_options("gray and rgb", "10, 20, 40, 60, 80 and 90")
@click.option("--max-drop", type=float, metavar="DB",
              help="Most that the mean gain may lose at any strength. If neither this nor the next "
                   "is given: the larger of 5 % of the reference's gain and 0.05 dB, above JPEG "
                   "quality 60 or a step as fine 0.03 dB.")  # fmt: skip
@click.option("--max-gain-loss", type=float, metavar="PCT",
              help="The same in percent of the reference's gain; with both, the larger "
                   "counts.")  # fmt: skip
@click.option("--max-tile-drop", type=float, default=0.3, show_default=True, metavar="DB",
              help="Most that the worst tile may drop, where it gains no more than 1.2 dB; where it "
                   "gains more, as much more.")  # fmt: skip
@click.option("--memory-limit", default="256MiB", show_default=True, metavar="SIZE",
              help="Memory of each of the two.")  # fmt: skip
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the verdicts there as JUnit XML.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def command(
    reference: str,
    candidate: str,
    data: tuple[str, ...],
    codec: str | None,
    qualities: tuple[float, ...],
    qps: tuple[float, ...],
    rates: tuple[float, ...],
    protocols: tuple[str, ...],
    max_drop: float | None,
    max_gain_loss: float | None,
    max_tile_drop: float,
    threads: int | None,
    memory_limit: str,
    junit: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compare what CANDIDATE and REFERENCE gain over the codec, strength by strength.

    Both are names of shipped models or model files, ONNX or TFLite, and each runs on its own
    runtime. A network's name alone is its float32 file as REFERENCE, and what this device runs
    as CANDIDATE. CANDIDATE drifts if its mean gain, or the PSNR of its worst tile, falls behind by
    more than a limit, or if its mean falls below the codec itself. Exit status 1 if it drifts.
    """
    from edgeqe.cli.networks import model_file
    from edgeqe.cli.progress import progress
    from edgeqe.coding import asked_points
    from edgeqe.errors import CheckError
    from edgeqe.quantization.drift.drift import QUALITIES
    from edgeqe.quantization.drift.gate import check
    from edgeqe.quantization.drift.limits import DriftLimits
    from edgeqe.quantization.drift.picture_sets import picture_sets
    from edgeqe.quantization.drift.references import PROTOCOLS
    from edgeqe.reports.junit import Case, error_case
    from edgeqe.reports.output_file import check_destination, write

    limits = DriftLimits(max_drop, max_gain_loss, max_tile_drop)
    if junit is not None:
        check_destination(junit, overwrite=overwrite)
    points = asked_points(codec, {"quality": qualities, "qp": qps, "rate": rates}, QUALITIES)
    judged = Case("edgeqe.drift", f"{candidate} against {reference}")
    with ExitStack() as stack:
        stack.enter_context(error_case(junit, "edgeqe drift", judged))
        sets = stack.enter_context(picture_sets(data))
        steps = sum(map(len, sets.values())) * len(points)
        advance = stack.enter_context(progress(steps, "Comparing", hide=as_json))
        report = check(
            model_file(reference),
            model_file(candidate),
            sets,
            protocols=protocols or PROTOCOLS,
            codec=points[0].codec,
            values=[point.value for point in points],
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
