"""Facts of every network of the zoo, as data: building them takes Keras and many seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FACTS = Path(__file__).with_name("facts.json")


def network_facts() -> dict[str, dict[str, Any]]:
    """Facts of each network by name, as `edgeqe.converters.sources.facts` finds them.

    Returns
    -------
    dict
        ``name``, ``parameters``, ``trainable``, ``kmac_per_pixel``, ``halo`` and ``alignment``
        (picture pixels), ``tiling``, ``block``, ``planes``, ``inputs``, ``strengths`` (whether its
        weights follow the strength), ``codecs``, ``paper``, ``description``.
    """
    found: dict[str, dict[str, Any]] = json.loads(FACTS.read_text(encoding="utf-8"))
    return found
