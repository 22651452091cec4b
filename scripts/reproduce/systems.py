"""Trainings of each group, in the order that they are run."""

from __future__ import annotations

#: Kinds of model of the QP-adaptive paper: one for all QPs, plain and QP-adaptive, and one per QP.
KINDS = ("global", "adaptive", "37", "32", "27", "22")

#: RRNet with the prediction residual, without it, and with a partition map in its place.
RRNETS = ("rrnet", "rrnet-reconstruction", "rrnet-partition")

#: Recipes by group.
GROUPS: dict[str, tuple[str, ...]] = {
    "liu": tuple(f"liu-{kind}" for kind in KINDS),
    "vrcnn": tuple(f"vrcnn-{kind}" for kind in KINDS),
    "asqe": ("asqe-full", "asqe-no-attention", "asqe-no-weight-sharing", "asqe-no-mff"),
    "rrnet": tuple(f"{name}-{qp}" for qp in (37, 32) for name in RRNETS),
    "mvgl": ("mvgl-b", "mvgl-c", "mvgl-a"),
    "hgrdn": ("hgrdn-nr", "hgrdn-tr", "hgrdn-cascade"),
}

#: Memory limit: some networks pool over whole pictures, and others have no window that fits in the usual one.
MEMORY = "2GiB"
