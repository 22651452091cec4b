"""Which models a run without any named ones measures, and what a report calls them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgeqe.enhancer import Enhancer
from edgeqe.hardware.machine import read_hardware
from edgeqe.model.catalogue import forms_of, shipped_files, shipped_models
from edgeqe.runtimes.selection import reason_absent
from edgeqe.targets.profile import Profile


def shipped_on(profile: Profile, *, full: bool) -> list[str]:
    """Shipped networks to measure on a target.

    Parameters
    ----------
    profile : Profile
    full : bool
        Every form that a backend of the target runs here, rather than the one that each name alone
        means. If no backend is there, the names alone, so that opening them says why.
    """
    networks = shipped_models()
    if not full:
        return networks
    features = read_hardware().cpu_features
    wanted: dict[str, None] = {}
    for network in networks:
        shipped = forms_of(network)
        for way in profile.backends:
            ending = ".tflite" if way.runtime == "litert" else ""
            forms = [f"{precision}{ending}" for precision in way.precisions]
            if not reason_absent(way, features):
                wanted.update({f"{network}:{form}": None for form in forms if form in shipped})
    return list(wanted) or networks


def label_of(enhancer: Enhancer, given: str, taken: Mapping[str, object]) -> str:
    """Name of an open model in a report, such as ``edgeqe-small:int8.tflite``.

    Parameters
    ----------
    enhancer : Enhancer
    given : str
        What the user named: the label where another model, or a shipped one, has the name.
    taken : mapping
        Keyed by the labels that are in use.
    """
    info = enhancer.info
    shipped = {path: name for name, path in shipped_files().items()}
    ending = ".tflite" if info.runtime == "litert" else ""
    own = shipped.get(Path(info.path))
    label = own or f"{info.model}:{info.precision}{ending}"
    return given if label in taken or not own and label in shipped.values() else label
