"""Pictures of a planned folder, each by its own network or by none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from edgeqe.enhancer import Enhancer
from edgeqe.errors import InputError
from edgeqe.files.enhance import PIXEL_LIMIT, enhance_file
from edgeqe.files.file_report import FileReport
from edgeqe.files.picture import Samples
from edgeqe.files.writing import format_of
from edgeqe.planned.manifest import read_planned

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Unchanged", "enhance_planned", "open_network"]


class Unchanged:
    """What stands where no network does: pictures go through as they are decoded."""

    takes_planes, takes_residual = True, False

    def enhance(self, image: Samples, **_: Any) -> Samples:
        """Gray or RGB array as it is."""
        return image

    def enhance_planes(
        self, y: Samples, u: Samples, v: Samples, **_: Any
    ) -> tuple[Samples, Samples, Samples]:
        """I420 planes as they are."""
        return y, u, v

    def is_exact(self, height: int, width: int) -> bool:
        """Nothing is cut into tiles."""
        return True

    def enhance_file(
        self,
        source: str | os.PathLike[str] | bytes | IO[bytes],
        destination: str | os.PathLike[str] | IO[bytes],
        **options: Any,
    ) -> FileReport:
        """Write a picture file as it is decoded; see `edgeqe.files.enhance.enhance_file`."""
        return enhance_file(self, source, destination, **options)

    def __enter__(self) -> Unchanged:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


def open_network(model: str | None, **opening: Any) -> Enhancer | Unchanged:
    """Open a planned network.

    Parameters
    ----------
    model : str, optional
        None: `Unchanged`.
    **opening
        As of `Enhancer`.

    Raises
    ------
    InputError, ProviderError
        As of `Enhancer`.
    """
    return Unchanged() if model is None else Enhancer(model, **opening)


def enhance_planned(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    suffix: str = ".png",
    target: str = "auto",
    memory_limit: int | str = "64MiB",
    threads: int | None = None,
    allow_fallback: bool = False,
    trust: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    output_quality: int | None = None,
    pixel_limit: int = PIXEL_LIMIT,
) -> list[FileReport]:
    """Enhance the pictures of a folder that `edgeqe plan` wrote, each by its planned network.

    Parameters
    ----------
    folder : path
        With a plan in it.
    output : path
        Folder; gets the same sub-folders.
    suffix : str
        Format of the files that are written: .png, .tif, .webp or .jpg.
    target, memory_limit, threads, allow_fallback, trust
        As of `Enhancer`.
    overwrite, output_quality, pixel_limit
        As of `Enhancer.enhance_file`.

    Returns
    -------
    list of FileReport
        In the plan's order.

    Raises
    ------
    InputError
        As of `read_planned`, if the suffix is none that is written or two pictures would become one
        file, or as of `Enhancer.enhance_file`; pictures before that are written.
    ProviderError
        As of `Enhancer`.
    """
    planned = read_planned(folder)
    format_of(f"a{suffix}")
    names = {p.file: Path(output, p.file).with_suffix(suffix) for p in planned.pictures}
    if len(set(names.values())) < len(names):
        raise InputError(
            f"pictures of {planned.path} differ by their suffix alone and would become one file: use "
            "'edgeqe enhance', which keeps both."
        )
    reports = {}
    for model, pictures in planned.by_network():
        with open_network(
            model,
            target=target,
            memory_limit=memory_limit,
            threads=threads,
            allow_fallback=allow_fallback,
            trust=trust,
        ) as enhancer:
            for picture in pictures:
                destination = names[picture.file]
                _make_folder(destination.parent)
                reports[picture.file] = enhancer.enhance_file(
                    planned.path / picture.file,
                    destination,
                    overwrite=overwrite,
                    output_quality=output_quality,
                    pixel_limit=pixel_limit,
                )
    return [reports[picture.file] for picture in planned.pictures]


def _make_folder(folder: Path) -> None:
    """Make a folder of the output.

    Raises
    ------
    InputError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be made ({error.strerror}): name another output."
        ) from error
