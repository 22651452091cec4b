"""Files of TFLite on LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgeqe.model.flatbuffer import outline
from edgeqe.typing import Float

RNG = np.random.default_rng(5)


def normal(*shape: int, spread: float = 1.0) -> Float:
    return RNG.normal(0, spread, shape).astype(np.float32)


def run(data: bytes, given: dict[str, Float]) -> tuple[Float, Any]:
    """LiteRT's result (h, w, C) for inputs (h, w, C), and the interpreter."""
    outline(data)  # what the writer writes, the device reads
    interpreter = Interpreter(model_content=data, num_threads=1)
    for one in interpreter.get_input_details():
        interpreter.resize_tensor_input(one["index"], (1, *given[one["name"]].shape))
    interpreter.allocate_tensors()
    for one in interpreter.get_input_details():
        interpreter.set_tensor(one["index"], given[one["name"]][None])
    interpreter.invoke()
    result: Float = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    return result, interpreter


def delegated(interpreter: Any) -> bool:
    """Whether one delegate runs everything."""
    made = [op for op in interpreter._get_ops_details() if op["op_name"] == "DELEGATE"]
    output = interpreter.get_output_details()[0]["index"]
    return len(made) == 1 and output in made[0]["outputs"]


def relative(found: Float, expected: Float) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())
