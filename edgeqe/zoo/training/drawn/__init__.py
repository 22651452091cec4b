"""Pictures that are no photographs, drawn in code.

Networks that saw photographs alone harm text, line art and screens: such edges are in no
photograph. So some of what they are trained on is drawn. `kinds.py` has the kinds.
"""

from edgeqe.zoo.training.drawn.evaluation import drawn_set, fingerprint
from edgeqe.zoo.training.drawn.kinds import KINDS, draw, draw_kind

__all__ = ["KINDS", "draw", "draw_kind", "drawn_set", "fingerprint"]
