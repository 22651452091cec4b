"""What ``edgeqe enhance --dry-run`` says of a file: from its headers alone, nothing is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeqe.cli.account import FAILED, PLANNED, SKIPPED, Row, strength_words

if TYPE_CHECKING:
    from edgeqe.cli.jobs import FileJob
    from edgeqe.cli.whole_process import PeakGuard
    from edgeqe.codecs.strength import Strength


def tried(
    job: FileJob, model: str | None, given: Strength | None, guard: PeakGuard, *, by_pixels: bool
) -> tuple[Row, str]:
    """Row of a file, and the line about it.

    Parameters
    ----------
    job : FileJob
    model : str, optional
        Name or file of the model, which must serve the file's codec; None where no network runs.
    given : Strength, optional
        The caller's, which is not looked for then.
    guard : PeakGuard
        States the memory of the whole process.
    by_pixels : bool
        The strength will be estimated from the pixels.
    """
    from edgeqe.errors import EdgeqeError
    from edgeqe.files.reading import PictureFile
    from edgeqe.files.stated import strength_in
    from edgeqe.model.serving import check_model
    from edgeqe.reports.process import standard_stream
    from edgeqe.reports.tables import printable

    if job.skipped:
        return Row(job.source, job.destination, SKIPPED, job.skipped), ""
    try:
        file = PictureFile(standard_stream("stdin") if job.source == "-" else job.source)
        if given is not None:
            words = strength_words(given.codec, "", None, given.step)
        elif by_pixels:
            words = "strength by its pixels"
        else:
            stated = strength_in(file)
            if model is not None:
                check_model(model, stated.strength)
            sign = "" if stated.exact else "about "
            strength = stated.strength
            words = strength_words(strength.codec, stated.scale, stated.number, strength.step, sign)
        peak = guard.peak(job.source, job.destination)
        if peak is not None:
            words += f"  {peak.words()}"
    except EdgeqeError as error:
        return Row(job.source, job.destination, FAILED, str(error)), ""
    return Row(job.source, job.destination, PLANNED, words), (
        f"{printable(job.source)} -> {printable(job.destination)}  would be enhanced  {words}"
    )
