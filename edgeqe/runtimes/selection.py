"""Which file of a model runs on which backend: a profile's, in order, on what is installed."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeqe.errors import InputError, ProviderError
from edgeqe.hardware.machine import read_hardware
from edgeqe.model.catalogue import find_model, forms_of, shipped_models
from edgeqe.runtimes.forks import in_runtime
from edgeqe.targets.detect import cpu_target, targets_here
from edgeqe.targets.profile import Backend, Profile
from edgeqe.targets.reading import read_profile

TARGET_VARIABLE = "EDGEQE_TARGET"
#: Modules of each runtime, of which one must be there.
MODULES = {"onnxruntime": ("onnxruntime",), "litert": ("ai_edge_litert", "tflite_runtime")}
_NAMES = {"onnxruntime": "ONNX Runtime", "litert": "LiteRT"}


@dataclass(frozen=True)
class Selection:
    """A model file and the backend that runs it."""

    path: Path
    backend: Backend


def asked(target: str) -> str:
    """Target that is asked for: of ``auto`` the environment's EDGEQE_TARGET, if that is set."""
    return (os.environ.get(TARGET_VARIABLE, "").strip() or target) if target == "auto" else target


def profile_for(target: str) -> Profile:
    """Profile of a target's name, of ``auto``, ``cpu``, or of a TOML file's path.

    ``auto`` is the environment's EDGEQE_TARGET if that is set, else the fastest target that
    this machine is and that the installed runtime lists a provider for.

    Raises
    ------
    InputError
        If there is no such target, or the profile is wrong.
    """
    named = asked(target)
    if named not in ("auto", "cpu"):
        try:
            profile = read_profile(named)
        except InputError as error:
            if named == target:
                raise
            raise InputError(f"{TARGET_VARIABLE} = '{named}': {error}") from error
        unknown = sorted(set(profile.precision) - set(shipped_models()))
        if unknown:
            raise InputError(
                f"profile '{profile.source}': [precision] names '{unknown[0]}', the shipped "
                f"networks are {', '.join(shipped_models())}."
            )
        return profile
    if named == "cpu":
        return read_profile(cpu_target(read_hardware().machine))
    return _of_machine()


def _of_machine() -> Profile:
    """Profile of the fastest target that this machine is and that has a provider."""
    hardware = read_hardware()
    tegra, gpus = bool(hardware.tegra), bool(hardware.gpus)
    listed = _providers() if tegra or gpus else []
    return read_profile(targets_here(hardware.machine, tegra=tegra, gpus=gpus, providers=listed)[0])


def reason_absent(backend: Backend, features: Collection[str]) -> str:
    """Why a backend is not there, before any session is made; '' where it is.

    Parameters
    ----------
    backend : Backend
    features : collection of str
        Features of this machine's processor.
    """
    if not any(importlib.util.find_spec(module) for module in MODULES[backend.runtime]):
        return f"{_NAMES[backend.runtime]} is not installed"
    if backend.needs and set(backend.needs).isdisjoint(features):
        return f"the processor has none of {', '.join(backend.needs)}"
    if backend.runtime == "onnxruntime":
        listed = _providers()
        if backend.provider not in listed:
            return f"the installed ONNX Runtime has {', '.join(listed) or 'no provider'} only"
    return ""


def select(
    model: str | os.PathLike[str], profile: Profile, refused: Collection[Backend] = ()
) -> Selection:
    """File and backend of a model on a target: the first that is there.

    A network's name alone is the backend's first precision that is shipped; where the profile names
    some for that network, backends that run one of these come first. A file runs on the first
    backend whose runtime reads its format.

    Parameters
    ----------
    model : str or path
        See `catalogue.find_model`.
    profile : Profile
    refused : collection of Backend
        Backends that were tried and do not run.

    Raises
    ------
    ProviderError
        If no backend is there.
    ModelError
        If there is no such model.
    """
    features = read_hardware().cpu_features
    bare = str(model) in shipped_models()
    path = None if bare else find_model(model)
    reasons = []
    for backend in profile.backends_for(str(model)):
        suffix = ".tflite" if backend.runtime == "litert" else ".onnx"
        if path is not None and _suffix(path) != suffix:
            continue
        if backend in refused:
            continue
        # a file that is asked for by name may run slowly: what the backend needs is for choosing
        absent = reason_absent(backend, features if path is None else backend.needs)
        if absent:
            reasons.append(f"{backend.provider} is not there ({absent})")
            continue
        if path is not None:
            return Selection(path, backend)
        for form in _forms(str(model), profile, backend, suffix):
            return Selection(find_model(f"{model}:{form}"), backend)
    raise ProviderError(no_backend(profile, reasons, str(model)))


def chosen_file(model: str | os.PathLike[str]) -> Path:
    """File that the target ``auto`` chooses for a name; a path is itself."""
    if str(model) not in shipped_models():
        return find_model(model)
    return select(model, profile_for("auto")).path


def no_backend(profile: Profile, reasons: Sequence[str], model: str) -> str:
    """Message for a target on which nothing runs: providers, what was found, the fix."""
    found = "; ".join(dict.fromkeys(reasons)) or f"none of its runtimes reads '{model}'"
    fix = next((backend.fix for backend in profile.backends if backend.fix), "")
    fallback = ", or allow falling back to the processor (--allow-fallback, allow_fallback=True)"
    return (
        f"target '{profile.name}' cannot run here: {found}. "
        + (f"Fix: {fix}" if fix else "'edgeqe doctor' tells more")
        + (fallback if profile.on_accelerator else "")
        + "."
    )


def _forms(network: str, profile: Profile, backend: Backend, suffix: str) -> list[str]:
    """Forms of a network that a backend runs, the wanted one first."""
    ending = "" if suffix == ".onnx" else suffix
    shipped = forms_of(network)
    wanted = [p for p in profile.precision.get(network, ()) if p in backend.precisions]
    order = dict.fromkeys([*wanted, *([] if wanted else backend.precisions)])
    return [f"{precision}{ending}" for precision in order if f"{precision}{ending}" in shipped]


def _suffix(path: Path) -> str:
    """Format of a file, told by its bytes, as a suffix."""
    try:
        with path.open("rb") as file:
            return ".tflite" if file.read(8)[4:] == b"TFL3" else ".onnx"
    except OSError as error:
        raise InputError(f"cannot read the model '{path}': {error.strerror or error}.") from error


def _providers() -> list[str]:
    with in_runtime():
        from edgeqe.runtimes.ort import providers

    try:
        return providers()
    except ProviderError:
        return []
