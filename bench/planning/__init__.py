"""Each picture's strength and network, chosen under a total size and a total time; `plan` is one call."""

from edgeqe.bench.planning.report import PlanReport
from edgeqe.bench.planning.run import plan

__all__ = ["PlanReport", "plan"]
