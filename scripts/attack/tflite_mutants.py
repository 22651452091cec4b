"""Structured mutants of TFLite files: tables of the generated schema changed and packed again."""

from __future__ import annotations

from random import Random
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_STRANGE = (-(2**31), -129, -2, -1, 0, 1, 2, 3, 5, 7, 16, 64, 127, 255, 4096, 65536, 2**31 - 1)


def mutant(data: bytes, random: Random) -> bytes:
    """A file with one to three fields of its operators, tensors or lists changed."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        _change(model, random)
    try:
        builder = flatbuffers.Builder(len(data) + 1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())
    except (TypeError, ValueError, OverflowError, AttributeError, AssertionError, flatbuffers.builder.BuilderNotFinishedError):  # fmt: skip
        return data  # a value that the schema's field cannot hold


def _change(model: Any, random: Random) -> None:
    graph = model.subgraphs[0] if model.subgraphs else model
    kind = random.randrange(10)
    operators = getattr(graph, "operators", None) or []
    tensors = getattr(graph, "tensors", None) or []
    if kind < 3 and operators:
        _numbers(random.choice(operators), random.choice(("inputs", "outputs")), random)
    elif kind < 6 and operators:
        operator = random.choice(operators)
        where = operator if operator.builtinOptions is None else operator.builtinOptions
        if random.random() < 0.2:
            operator.builtinOptions = None
            operator.builtinOptionsType = random.choice((0, operator.builtinOptionsType))
        else:
            _field(where, random)
    elif kind < 8 and tensors:
        tensor = random.choice(tensors)
        if random.random() < 0.5:
            _numbers(tensor, "shape", random)
        elif tensor.quantization is not None and random.random() < 0.7:
            _field(tensor.quantization, random)
        else:
            _field(tensor, random)
    elif kind == 8:
        parts = random.choice((operators, tensors, model.operatorCodes or [], model.buffers or []))
        if parts:
            place = random.randrange(len(parts))
            if random.random() < 0.5:
                del parts[place]
            else:
                parts.insert(random.randrange(len(parts)), parts[place])
    else:
        _field(random.choice([model, graph, *(model.operatorCodes or [])]), random)


def _field(table: Any, random: Random) -> None:
    """Change one field of a table to another value of its kind."""
    name = random.choice(sorted(vars(table)) or [""])
    value = getattr(table, name, None)
    if isinstance(value, (bool, np.bool_)):
        setattr(table, name, not value)
    elif isinstance(value, (int, np.integer)):
        setattr(table, name, random.choice((*_STRANGE, int(value) + 1)))
    elif isinstance(value, (float, np.floating)):
        setattr(table, name, random.choice((0.0, -1.0, 1e38, float("nan"), float("inf"))))
    elif isinstance(value, (list, np.ndarray)) and len(value):
        _numbers(table, name, random)
    elif value is not None:
        setattr(table, name, None)


def _numbers(table: Any, name: str, random: Random) -> None:
    """Change a list of numbers: one of them, its order or its length."""
    found = getattr(table, name)
    if found is None or not len(found) or not isinstance(found[0], (int, float, np.number)):
        return
    values = list(found)
    place, kind = random.randrange(len(values)), random.randrange(5)
    if kind < 2:
        values[place] = type(values[place])(random.choice(_STRANGE) % 2**31)
        if kind == 1 and isinstance(values[place], (int, np.integer)):
            values[place] = random.choice((-1, 0, 1, 2))
    elif kind == 2:
        del values[place]
    elif kind == 3:
        values.append(values[place])
    else:
        random.shuffle(values)
    setattr(table, name, np.array(values) if isinstance(found, np.ndarray) else values)
