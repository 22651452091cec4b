"""Settings that `tune` tries on a target: backend, form of the network, threads, windows."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from edgeqe.engine.tiling import least_side
from edgeqe.errors import ProviderError
from edgeqe.model.catalogue import find_model, forms_of, shipped_models
from edgeqe.model.file import ModelFile
from edgeqe.runtimes.selection import reason_absent
from edgeqe.targets.profile import Profile

#: Most of a window's side that is tried, pixels.
SIDES = (128, 192, 256, 384, 512, 768)
#: Least of its side, as a share of the most: between the two the planner finds windows that divide
#: a picture without rest.
SHARE = 2 / 3
#: A side below so many halos is not tried: more than three quarters of its pixels would be halo.
HALOS = 4


@dataclass(frozen=True)
class Setting:
    """A backend of a target, a form of the network, threads and windows."""

    backend: int
    """Index of the profile's ``[[runtime]]``."""
    form: str
    """Shipped form of the network, such as ``int8.tflite``; empty where a file fixes it."""
    threads: int
    """Windows that run at once, from 1."""
    smallest: int
    """``window.smallest``, pixels; 0: what the network needs."""
    largest: int
    """``window.largest``, pixels; 0: any."""

    @property
    def precision(self) -> str:
        """Precision of the form; empty where a file fixes it."""
        return self.form.partition(".")[0]


@dataclass(frozen=True)
class Space:
    """All settings, one axis at a time."""

    forms: tuple[tuple[int, str], ...]
    """Backends and forms in the profile's own order: the first one that runs is the default."""
    default: Setting
    """What the profile itself says; its form is that of the first backend."""
    start: Setting
    """The same without the profile's bounds: every processor, windows as planned."""
    threads: tuple[int, ...]
    windows: tuple[tuple[int, int], ...]
    """Smallest and largest side, pixels."""

    def starts(self) -> Iterator[Setting]:
        """Every form on every backend that runs it."""
        return (replace(self.start, backend=backend, form=form) for backend, form in self.forms)

    def at_threads(self, setting: Setting) -> Iterator[Setting]:
        """Give a setting on other numbers of threads."""
        return (replace(setting, threads=count) for count in self.threads)

    def at_windows(self, setting: Setting) -> Iterator[Setting]:
        """Give a setting in other windows."""
        return (
            replace(setting, smallest=smallest, largest=largest)
            for smallest, largest in self.windows
        )

    def defaults(self) -> Iterator[Setting]:
        """What the profile says for each backend, in its order; the first one that runs is taken."""
        firsts: dict[int, str] = {}
        for backend, form in self.forms:
            firsts.setdefault(backend, form)
        return (
            replace(self.default, backend=backend, form=form) for backend, form in firsts.items()
        )

    def without(self, forms: Collection[tuple[int, str]]) -> Space:
        """Space without some backends and forms; the default stays what it is."""
        return replace(self, forms=tuple(form for form in self.forms if form not in forms))


def space_of(
    model: str | os.PathLike[str],
    profile: Profile,
    features: Collection[str],
    processors: int,
) -> tuple[Space, dict[int, str]]:
    """Space of a model on a target.

    Parameters
    ----------
    model : str or path
        A network's name alone has all its shipped forms; any other name fixes the form.
    profile : Profile
    features : collection of str
        Of this machine's processor, see `hardware.CPU_FLAGS`.
    processors : int
        That this process may use.

    Returns
    -------
    Space
    dict of int to str
        Backends that are not installed, and why.

    Raises
    ------
    ModelError
        If there is no such model.
    ProviderError
        If no backend is there.
    """
    network = str(model) if str(model) in shipped_models() else ""
    given = None if network else ModelFile(find_model(model))
    forms: list[tuple[int, str]] = []
    absent: dict[int, str] = {}
    seen = []
    for backend in profile.backends_for(network):
        index = profile.backends.index(backend)
        ending = ".tflite" if backend.runtime == "litert" else ""
        # a file is the user's own choice: what the backend needs is for choosing among forms
        why = reason_absent(backend, features if given is None else backend.needs)
        if given is not None and (given.format == "tflite") != (backend.runtime == "litert"):
            continue
        if why:
            absent[index] = why
        elif given is None:
            shipped = forms_of(network)
            wanted = [p for p in profile.precision.get(network, ()) if p in backend.precisions]
            ordered = [f"{p}{ending}" for p in dict.fromkeys([*wanted, *backend.precisions])]
            forms += [(index, form) for form in ordered if form in shipped]
        elif (backend.provider, backend.options) not in seen:
            seen.append((backend.provider, backend.options))
            forms.append((index, ""))
    if not forms:
        raise nothing_runs(profile, absent, str(model))
    first = given or ModelFile(find_model(f"{network}:{forms[0][1]}"))
    bounds, count = profile.window, profile.threads or processors
    default = Setting(*forms[0], count, bounds.smallest, bounds.largest)
    # an accelerator keeps its one window shape, and its threads are no matter of processors
    start = replace(default, threads=count if profile.on_accelerator else processors)
    if not bounds.fixed:
        start = replace(start, smallest=0, largest=0)
    return (
        Space(
            forms=tuple(forms),
            default=default,
            start=start,
            threads=counts_to(processors),
            windows=_windows(first, start, fixed=bounds.fixed),
        ),
        absent,
    )


def nothing_runs(profile: Profile, absent: Mapping[int, str], model: str) -> ProviderError:
    """Error for a target on which no backend runs; falling back is no fix where a target is tuned."""
    reasons = [f"{profile.backends[index].provider}: {why}" for index, why in absent.items()]
    fix = next(
        (backend.fix for backend in profile.backends if backend.fix), "'edgeqe doctor' tells more"
    )
    found = "; ".join(dict.fromkeys(reasons)) or f"none of its runtimes reads '{model}'"
    return ProviderError(f"target '{profile.name}' cannot be tuned here: {found}. Fix: {fix}.")


def counts_to(processors: int) -> tuple[int, ...]:
    """Return 1, 2, 4, ... and the number itself."""
    powers = [1 << power for power in range(processors.bit_length())]
    return tuple(sorted({*powers, processors}))


def _windows(model: ModelFile, start: Setting, *, fixed: bool) -> tuple[tuple[int, int], ...]:
    """Bounds to try: those of the start, and around each side that suits the network."""
    card, found = model.card, [(start.smallest, start.largest)]
    if card.tiling != "exact":
        return tuple(found)
    for side in SIDES:
        largest = side // card.alignment * card.alignment
        if largest < max(least_side(card.halo, card.alignment), HALOS * card.halo):
            continue
        steps = -(-int(largest * SHARE) // card.alignment)
        smallest = max(steps * card.alignment, least_side(card.halo, card.alignment))
        found.append((largest if fixed else smallest, largest))
    return tuple(found)
