"""Files in the folder of a training."""

from __future__ import annotations

#: Everything that resuming needs.
CHECKPOINT = "checkpoint.npz"
#: Averaged weights by layer name.
AVERAGED = "averaged.npz"
#: One JSON object a validation.
LOG = "log.jsonl"
#: The recipe as it was run.
RECIPE = "recipe.json"
#: Ranges of the values of a quantization-aware training.
RANGES = "ranges.npz"
