"""Folders of coded pictures with a plan, as `edgeqe plan` writes them: which network enhances which picture."""

from edgeqe.planned.enhancing import Unchanged, enhance_planned, open_network
from edgeqe.planned.manifest import (
    MANIFEST_NAME,
    PlannedFolder,
    PlannedPicture,
    has_plan,
    read_planned,
)

__all__ = [
    "MANIFEST_NAME",
    "PlannedFolder",
    "PlannedPicture",
    "Unchanged",
    "enhance_planned",
    "has_plan",
    "open_network",
    "read_planned",
]
