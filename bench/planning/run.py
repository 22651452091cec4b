"""`plan`: pictures in, a folder of coded pictures with each one's network out."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from edgeqe.bench.conditions.snapshot import read_conditions, warnings
from edgeqe.bench.data import checked_scale
from edgeqe.bench.planning.coding import SUFFIXES, plan_points
from edgeqe.bench.planning.folder import NETWORKS, check_output, manifest_bytes, write_folder
from edgeqe.bench.planning.limits import plan_limits
from edgeqe.bench.planning.measuring import PlanMeasurement, measure_tables
from edgeqe.bench.planning.programs import best_single, joint, two_step
from edgeqe.bench.planning.references import PlanSource, list_sources
from edgeqe.bench.planning.report import PlanNetwork, PlanReport
from edgeqe.bench.planning.tables import PlanChoice
from edgeqe.bench.stamp import machine_stamp
from edgeqe.codecs.strength import Strength
from edgeqe.coding import RatePoint
from edgeqe.enhancer import Enhancer
from edgeqe.errors import InputError
from edgeqe.model.catalogue import reproduced_files, shipped_files, shipped_models
from edgeqe.model.serving import check_model
from edgeqe.runtimes.quiet import quiet_start

__all__ = ["plan"]

ProgressCallback = Callable[[str, int, int], None]


def plan(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    size_limit: int | str,
    time_limit: float,
    models: Sequence[str],
    codec: str = "bpg",
    qps: Sequence[float] = (),
    qualities: Sequence[float] = (),
    rates: Sequence[float] = (),
    scale: float = 1.0,
    target: str = "auto",
    memory_limit: int | str = "64MiB",
    threads: int | None = None,
    overwrite: bool = False,
    progress: ProgressCallback = lambda what, done, length: None,
) -> PlanReport:
    """Choose each picture's strength and network, and write the coded pictures with the choice.

    The mean PSNR of what `edgeqe enhance` makes of the folder is as large as it can be inside both
    limits; times are measured on this device. No network is always a choice.

    Parameters
    ----------
    data : path
        Folder of reference pictures of 8 bits. They are coded upright; alpha, colour profile and
        metadata are left out.
    out : path
        Folder to be written; `edgeqe.planned` reads it.
    size_limit : int or str
        Of all coded files: bits a pixel, ``"0.15bpp"``, or bytes, ``"200KiB"``.
    time_limit : float
        Of the networks on all pictures, seconds; reading and writing files is not counted.
    models : sequence of str
        Shipped names, with or without ``edgeqe-``, and model files; they serve the codec.
    codec : str
        ``bpg``, ``jpeg``, ``jpeg2000`` or ``webp``.
    qps, qualities, rates : sequence of float
        Strengths to choose from, of the codec's own kind; eight if left out.
    scale : float
        Factor of a bicubic resize of the references, above 0 and up to 1.
    target, memory_limit, threads
        As of `Enhancer`.
    overwrite : bool
        Write into a folder that is not empty; files of the same names are replaced.
    progress : callable
        Gets what is being done, how much of it is done, and how much there is.

    Returns
    -------
    PlanReport

    Raises
    ------
    InputError
        If an argument is wrong, a limit is too small (the message has the least that works), or a
        picture cannot be read or coded.
    ProviderError
        As of `Enhancer`.
    """
    import scipy.optimize  # noqa: F401  # better missed now than after the measuring

    source, folder = Path(data), Path(out)
    points = plan_points(codec, {"quality": qualities, "qp": qps, "rate": rates})
    plan_limits(size_limit, time_limit, 1)  # refused before anything is measured
    checked_scale(scale)
    names = _named(models, codec)
    sources = list_sources(source)
    check_output(folder, source, overwrite=overwrite)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeqe-plan-")))
        with quiet_start():
            networks = [
                stack.enter_context(
                    Enhancer(name, target=target, memory_limit=memory_limit, threads=threads)
                )
                for name in names
            ]
        before = read_conditions()
        found = measure_tables(sources, points, networks, work, scale=scale, progress=progress)
        notes = warnings(before, read_conditions())
        limits = plan_limits(size_limit, time_limit, found.pixels)
        found.tables.check(limits)
        progress("solving", 0, 2)
        begun = time.perf_counter()
        single = best_single(found.tables, limits)
        steps = two_step(found.tables, limits)
        progress("solving", 1, 2)
        known = [steps] if single is None else [steps, single]
        chosen = joint(found.tables, limits, known=known)
        seconds = time.perf_counter() - begun
        progress("solving", 2, 2)
        _write(folder, sources, points, names, found, chosen)
        return PlanReport(
            data=os.fspath(data),
            out=os.fspath(out),
            scale=scale,
            points=points,
            networks=tuple(
                PlanNetwork(name, e.info.precision, e.info.runtime, e.info.provider, e.info.threads)
                for name, e in zip(names, networks, strict=True)
            ),
            limits=limits,
            size_limit=str(size_limit),
            pictures=tuple(one.name for one in sources),
            sizes=found.sizes,
            tables=found.tables,
            single=single,
            two_step=steps,
            joint=chosen,
            solving_seconds=seconds,
            stripped=found.stripped,
            notes=tuple(notes),
            stamp=machine_stamp(),
        )


def _named(models: Sequence[str], codec: str) -> list[str]:
    """Models by their full names, each once, all of which serve the codec.

    Raises
    ------
    InputError
        If there is none, or one is none or does not serve the codec.
    """
    names = []
    for model in models:
        network = model.partition(":")[0]
        short = network not in shipped_models() and f"edgeqe-{network}" in shipped_models()
        names.append(f"edgeqe-{model}" if short and not Path(model).is_file() else model)
    names = list(dict.fromkeys(names))
    if not names:
        raise InputError(f"no model to choose from: name some of {', '.join(shipped_models())}.")
    for name in names:
        check_model(name, Strength(1.0, codec))
    return names


def _write(
    out: Path,
    sources: Sequence[PlanSource],
    points: Sequence[RatePoint],
    names: Sequence[str],
    found: PlanMeasurement,
    chosen: PlanChoice,
) -> None:
    """Write the folder of a choice."""
    files: dict[str, Path] = {}
    networks: list[Mapping[str, str]] = []
    for index, name in enumerate(names):
        if name in (*shipped_models(), *shipped_files(), *reproduced_files()):
            networks.append({"model": name})
            continue
        path = f"{NETWORKS}/{index}-{Path(name).name}"
        networks.append({"file": path})
        files[path] = Path(name)
    pictures = []
    for index, source in enumerate(sources):
        q, m = chosen.strengths[index], chosen.networks[index]
        point = points[q]
        name = f"{source.name}{SUFFIXES[point.codec]}"
        files[name] = found.files[index][q]
        pictures.append(
            {
                "file": name,
                "network": None if m == 0 else m - 1,
                point.unit: point.value,
                "bytes": int(found.tables.sizes[index, q]),
                "seconds": int(found.tables.microseconds[index, m]) / 1e6,
                "psnr_db": float(found.tables.psnr[index, q, m]),
            }
        )
    write_folder(
        out, files, manifest_bytes(points[0].codec, networks, pictures), [s.path for s in sources]
    )
