"""`Enhancer`: the runtime API that device teams embed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING, Literal

from edgeqe.calls.rows import RowCalls
from edgeqe.codecs.strength import Strength, resolve_if_given
from edgeqe.engine.cascade import LONGEST
from edgeqe.engine.memory import parse_size
from edgeqe.engine.opening import open_on
from edgeqe.errors import ClosedError, InputError, InputTypeError
from edgeqe.info import Info, SelfTest, info_of
from edgeqe.model.serving import check_serves, codecs_of
from edgeqe.trust.trust import trust_of
from edgeqe.views.options import EnhanceOptions

if TYPE_CHECKING:
    from edgeqe.files.file_report import FileReport

__all__ = ["Enhancer"]


class Enhancer(RowCalls):
    """Removes compression artefacts from pictures, in a bounded amount of memory.

    Thread-safe: calls of several threads share sessions, threads and memory limit,
    and wait where the limit is in use. A context manager. A process that is forked from one that
    uses it makes sessions and threads of its own at its first call; on an accelerator it must make
    an `Enhancer` of its own. Pickling, `multiprocessing` and `copy` send the arguments, and the
    other side opens the models anew.

    Parameters
    ----------
    model : str, path, or a sequence of 1 to 4 of them
        Name of a shipped model (``edgeqe models`` lists them) or a model file. Several
        are a cascade: they run one after another on each window, at one strength.
    target : str
        Where to run: ``auto``, ``cpu``, a target's name (``edgeqe targets`` lists them) or the
        path of a profile. A target that is not there, or that leaves convolutions elsewhere, is
        an error.
    memory_limit : int or str
        Most that all calls together allocate after their sessions are made; the
        caller's own pictures are not counted. Such as ``"64MiB"``.
    threads : int, optional
        Windows that run at once; if left out the target's, which is all processors on a CPU.
    allow_fallback : bool
        Run on the processor where the target is not there; `info` then says so.
    trust : str or path, optional
        Public Ed25519 key in PEM: only models that its owner signed (``edgeqe sign``) are opened, and
        none with a lower counter than has run here. If left out, the key that ``EDGEQE_TRUST`` names,
        or no key is asked for. Shipped models are not signed.

    Raises
    ------
    ModelError
        If the model is missing, damaged or foreign.
    SignatureError
        If a model is not signed by the trusted key, was changed since, or is too old.
    ProviderError
        If the runtime or the target is not there, or runs elsewhere.
    MemoryLimitError
        If the limit is too small for any window.
    InputTypeError
        If an argument has a wrong type.
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeqe import Enhancer
    >>> with Enhancer("edgeqe-tiny", memory_limit="24MiB", threads=1) as enhancer:
    ...     better = enhancer.enhance(np.full((40, 60), 90, np.uint8), quality=20)
    >>> better.shape, better.dtype
    ((40, 60), dtype('uint8'))
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = "edgeqe-small",
        *,
        target: str = "auto",
        memory_limit: int | str = "64MiB",
        threads: int | None = None,
        allow_fallback: bool = False,
        trust: str | os.PathLike[str] | None = None,
    ) -> None:
        names = [model] if isinstance(model, (str, os.PathLike)) else list(model)
        if not 1 <= len(names) <= LONGEST:
            raise InputError(f"a cascade has 1 to {LONGEST} models, not {len(names)}.")
        if threads is not None and (type(threads) is not int or not 1 <= threads <= 256):
            kind = InputError if type(threads) is int else InputTypeError
            raise kind(f"threads {threads!r} is not a whole number from 1 to 256.")
        limit = parse_size(memory_limit)
        self._same = partial(
            type(self),
            names,
            target=target,
            memory_limit=memory_limit,
            threads=threads,
            allow_fallback=allow_fallback,
            trust=trust,
        )
        self._opened = open_on(
            names, target, limit, threads, allow_fallback=allow_fallback, trust=trust_of(trust)
        )

    def __reduce__(self) -> tuple[Callable[[], Enhancer], tuple[()]]:
        """Pickle and copy the arguments: what comes of it opens the models anew."""
        if self._opened.closed:
            raise ClosedError("this Enhancer is closed: make a new one instead of a copy.")
        return self._same, ()

    def __enter__(self) -> Enhancer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free sessions and threads; calls that follow raise ClosedError. Closing twice is fine.

        Calls of other threads that are under way are finished first.
        """
        self._opened.close()

    @property
    def info(self) -> Info:
        """What it is and where it runs: card, provider as placed, window, halo, planned bytes."""
        return info_of(self._opened)

    @property
    def codecs(self) -> tuple[str, ...]:
        """Codecs that it serves, those that every model's card names; others are refused.

        Formats of still pictures come with the codec that codes them: ``heif`` and ``bpg`` with
        ``hevc``, ``avif`` with ``av1``.

        Examples
        --------
        >>> from edgeqe import Enhancer
        >>> with Enhancer("edgeqe-nano") as enhancer:
        ...     enhancer.codecs
        ('jpeg',)
        """
        return codecs_of(self._engine.cascade.cards)

    def is_exact(self, height: int, width: int) -> bool:
        """Whether a picture of this size gets what the network gives for it as a whole.

        Not so where the target has windows of one size, the picture is smaller, even with the
        8 pixels in which it is mirrored anyway, and the network sees further than these.

        Parameters
        ----------
        height, width : int
            Pixels.

        Returns
        -------
        bool
        """
        return self._engine.is_exact(height, width)

    def planned_bytes(self, height: int, width: int, *, ensemble: int = 1) -> int:
        """Bytes that a call on a picture of this size takes at most, its own output not counted.

        A call that writes into its own input may take more, up to the limit.

        Parameters
        ----------
        height, width : int
            Pixels.
        ensemble : {1, 8}
            As of `enhance`.

        Returns
        -------
        int
            Bytes, at most `info.memory_limit`.

        Raises
        ------
        MemoryLimitError
            If such a picture does not fit in the limit.
        InputError
            If `ensemble` is neither 1 nor 8.

        Examples
        --------
        >>> from edgeqe import Enhancer
        >>> with Enhancer("edgeqe-nano", memory_limit="32MiB", threads=1) as enhancer:
        ...     enhancer.planned_bytes(1080, 1920) <= 32 * 2**20
        True
        """
        members = EnhanceOptions(ensemble=ensemble).ensemble
        return self._engine.plan(height, width, 0.0, members).planned_bytes

    def enhance_file(
        self,
        source: str | os.PathLike[str] | bytes | IO[bytes],
        destination: str | os.PathLike[str] | IO[bytes],
        *,
        quality: int | Literal["auto"] | None = None,
        qp: float | None = None,
        rate: float | None = None,
        step: float | None = None,
        codec: str | None = None,
        amount: float = 1.0,
        ensemble: int = 1,
        overwrite: bool = False,
        output_quality: int | None = None,
        pixel_limit: int | None = None,
        accept_truncated: bool = False,
    ) -> FileReport:
        """Enhance a picture file; coded files say their codec and strength by themselves.

        Orientation, EXIF block, colour profile, resolution, alpha and depth are kept; 10 and 12
        bits become 16. The output appears whole or not at all. A model with a prediction residual
        takes HEIC, BPG and HEVC alone: residual, and luma before the loop filters, are decoded from
        their stream, and chroma comes as any decoder shows it.

        Parameters
        ----------
        source : str, path, bytes, or binary stream
            JPEG, JPEG 2000, HEIC, AVIF, WebP, BPG, PNG, TIFF, BMP, GIF, PGM, PPM, or HEVC of one
            picture (.hevc, .mp4).
        destination : str, path, or binary stream
            PNG, TIFF, WebP (lossless) or JPEG by suffix; PNG into a stream.
        quality, qp, rate, step, codec
            Strength, as of `enhance`. If left out, the headers of the file say it, except of
            PNG, TIFF, BMP, GIF, PGM and PPM. Quality ``auto`` estimates it from the pixels: the
            coarsest coding as JPEG that the picture has behind it, if that is certain enough.
        amount, ensemble
            As of `enhance`.
        overwrite : bool
            Replace an existing file.
        output_quality : int, optional
            Of JPEG or lossy WebP, 1 to 100. If left out, a JPEG's steps are a sixth of the
            input's, which is about twice its bytes, and WebP is lossless.
        pixel_limit : int, optional
            Largest number of pixels that is decoded; 256 million if left out. Files of more than
            256 pixels a byte get an eighth of it.
        accept_truncated : bool
            Take what is there of a JPEG or PNG that is cut short; the report says how much.

        Returns
        -------
        FileReport
            Strength, kind of picture, seconds.

        Raises
        ------
        MissingImageError
            If the file, or the output's folder, is not there.
        ImageError
            If a file cannot be read or written, the output exists, or its format cannot hold
            the picture.
        InputError
            If an argument is wrong, the file carries no strength and none is given, or the
            model does not serve the codec.
        MissingPackageError
            If the package that reads the format is not installed: Pillow, for HEIC pillow-heif,
            for a prediction residual PyAV and numba.

        Examples
        --------
        >>> import io
        >>> from PIL import Image
        >>> from edgeqe import Enhancer
        >>> jpeg, png = io.BytesIO(), io.BytesIO()
        >>> Image.new("RGB", (60, 40), (90, 120, 150)).save(jpeg, "JPEG", quality=30)
        >>> with Enhancer("edgeqe-nano") as enhancer:
        ...     report = enhancer.enhance_file(jpeg.getvalue(), png)
        >>> report.kind, report.quality, report.strength_from
        ('4:2:0 planes', 30, 'file')
        """
        from edgeqe.files.enhance import PIXEL_LIMIT, enhance_file

        cards = self._engine.cascade.cards
        asked = None if quality == "auto" else quality
        given = resolve_if_given(quality=asked, qp=qp, rate=rate, step=step, codec=codec)
        if given is not None:
            check_serves(cards, given)
        if self.takes_residual and not self.takes_planes:
            raise InputError(
                "this model takes RGB with a prediction residual, which files hold of luma alone: "
                "give arrays to enhance()."
            )
        return enhance_file(
            self,
            source,
            destination,
            quality=quality,
            qp=qp,
            rate=rate,
            step=step,
            codec=codec,
            options=EnhanceOptions(amount, ensemble),
            overwrite=overwrite,
            output_quality=output_quality,
            pixel_limit=PIXEL_LIMIT if pixel_limit is None else pixel_limit,
            accept_truncated=accept_truncated,
            check=partial(check_serves, cards),
        )

    def self_test(self) -> SelfTest:
        """Run the card's golden tile on this device and compare; each model's in a cascade.

        Returns
        -------
        SelfTest
            Of a cascade the model nearest to its tolerance, or farthest above it.

        Examples
        --------
        >>> from edgeqe import Enhancer
        >>> with Enhancer("edgeqe-nano") as enhancer:
        ...     enhancer.self_test().passed
        True
        """
        errors = self._engine.golden_errors()
        error, tolerance = max(errors, key=lambda pair: pair[0] / pair[1])
        return SelfTest(error <= tolerance, error, tolerance)

    def network_pass(self, height: int, width: int, *, step: float) -> None:
        """Run the network alone over all windows of a picture of this size, for timing.

        Parameters
        ----------
        height, width : int
            Pixels.
        step : float
            Quantization step, as of `enhance`.
        """
        self._engine.network_pass(height, width, Strength(step))
