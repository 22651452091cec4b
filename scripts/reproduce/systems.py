"""Trainings of each group, in the order that they are run."""

from __future__ import annotations

#: Kinds of model of the QP-adaptive paper: one for all QPs, plain and QP-adaptive, and one per QP.
KINDS = ("global", "adaptive", "37", "32", "27", "22")

#: Recipes by group.
GROUPS: dict[str, tuple[str, ...]] = {
    "liu": tuple(f"liu-{kind}" for kind in KINDS),
    "vrcnn": tuple(f"vrcnn-{kind}" for kind in KINDS),
}
