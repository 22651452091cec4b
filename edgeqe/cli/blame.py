"""``edgeqe blame``: where a drift comes from."""

from __future__ import annotations

from contextlib import ExitStack

import click

from edgeqe.cli.options import coding_options, two_models


@click.command("blame")
@two_models
@click.option("--data", required=True, metavar="DIR",
              help="Folder of reference pictures, or 'drawn': twenty drawn ones, text, line art and "
                   "screens.")  # fmt: skip
@coding_options("gray and rgb", "10, 40 and 90")
@click.option("--decoder", type=click.Choice(["islow", "ifast"]), default="islow",
              show_default=True,
              help="JPEG decoder of CANDIDATE's device, by its DCT; islow is the "
                   "reference's.")  # fmt: skip
def command(
    reference: str,
    candidate: str,
    data: str,
    qualities: tuple[float, ...],
    protocols: tuple[str, ...],
    decoder: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Say how much of a drift is quantization, how much runtime, how much JPEG decoder.

    From REFERENCE by reference inference to CANDIDATE on its runtime behind another decoder, one
    thing after another is swapped. What each swap costs is gain in dB, and the costs add up.
    """
    from edgeqe.cli.networks import model_file
    from edgeqe.cli.progress import progress
    from edgeqe.coding import asked_points
    from edgeqe.quantization.drift.blame import QUALITIES, blame
    from edgeqe.quantization.drift.blame_report import to_json, to_text
    from edgeqe.quantization.drift.decoders import decoder_of
    from edgeqe.quantization.drift.picture_sets import picture_sets
    from edgeqe.quantization.drift.references import PROTOCOLS
    from edgeqe.runtimes.quiet import quiet_start

    points = asked_points("jpeg", {"quality": qualities}, QUALITIES)
    chosen = [round(point.value) for point in points]
    with quiet_start():
        decoder_of(decoder)
    with ExitStack() as stack:
        ((name, files),) = stack.enter_context(picture_sets([data])).items()
        advance = stack.enter_context(progress(len(files) * len(chosen), "Comparing", hide=as_json))
        found = blame(
            model_file(reference),
            model_file(candidate),
            files,
            data=name,
            protocols=protocols or PROTOCOLS,
            qualities=chosen,
            decoder=decoder,
            threads=threads,
            advance=advance,
        )
    click.echo(to_json(found) if as_json else to_text(found))
