"""Mutants of a model file: of its bytes, its structure, its card and its tables."""

from __future__ import annotations

import importlib
import json
from copy import deepcopy
from random import Random
from typing import Any

from edgeqe.errors import ModelError
from edgeqe.model.card import CARD_KEY, read_card
from edgeqe.model.file import outline_of, weights_sha256

#: Values that a field of JSON may get.
_STRANGE: tuple[Any, ...] = (
    None, True, 0, 1, -1, 2**70, 10**400, 0.5, 1e300, -1e-300, "", "\x1b[2J", "planes", [], {}, [[]],
    [1], ["a", "a"], {"a": 1}, [2**70], "x" * 2000,
)  # fmt: skip
_TEXTS = ("NaN", "Infinity", "1e999", "[" * 5000, '{"a": 1, "a": 2}', "\\ud800", "nul", "")


def mutant(data: bytes, kind: str, seed: str) -> bytes:
    """One mutant, the same for the same seed.

    Parameters
    ----------
    data : bytes
        A sound model file.
    kind : {"bytes", "structure", "card"}
    seed : str
    """
    random = Random(seed)
    if kind == "bytes":
        return changed_bytes(data, random)
    if kind == "card":
        return _card(data, random)
    return _signed_again(_module(data).mutant(data, random))


def _module(data: bytes) -> Any:
    """Mutants of the file's format; those of TFLite need LiteRT's schema."""
    return importlib.import_module("tflite_mutants" if data[4:8] == b"TFL3" else "onnx_mutants")


def changed_bytes(data: bytes, random: Random) -> bytes:
    """One to six places changed, cut out, doubled, or the end cut off."""
    changed = bytearray(data)
    for _ in range(random.randrange(1, 7)):
        place = random.randrange(len(changed))
        if random.random() < 0.7:  # structure lies at both ends
            place = random.randrange(min(len(changed), 4096))
            place = random.choice((place, len(changed) - 1 - place))
        length, kind = random.randrange(1, 9), random.randrange(6)
        if kind < 3:
            changed[place] ^= 1 << random.randrange(8)
        elif kind == 3:
            changed[place : place + length] = random.randbytes(length)
        elif kind == 4:
            del changed[place : place + length]
        elif random.random() < 0.3:
            del changed[max(place, 64) :]
        else:
            changed[place:place] = changed[place : place + 4 * length]
    return bytes(changed)


def _card(data: bytes, random: Random) -> bytes:
    """The card, a table or the golden tile with a value changed anywhere in its JSON."""
    metadata = outline_of(data).metadata
    keys = [key for key in metadata if key != "edgeqe.training"]
    key = random.choice((CARD_KEY, random.choice(keys)))
    if random.random() < 0.1:
        place = random.randrange(len(metadata[key]) + 1)
        text = metadata[key][:place] + random.choice(_TEXTS) + metadata[key][place:]
    else:
        values = json.loads(metadata[key])
        for _ in range(random.choice((1, 1, 2))):
            _change(values, random)
        text = json.dumps(values)
        if random.random() < 0.1:
            text = text.replace("0", random.choice(_TEXTS), 1)
    return with_metadata(data, key, text)


def _change(values: Any, random: Random) -> None:
    """Change a value somewhere below an object or list."""
    while True:
        places = list(values) if isinstance(values, dict) else list(range(len(values)))
        if not places:
            return
        place = random.choice(places)
        below = values[place]
        if isinstance(below, (dict, list)) and below and random.random() < 0.6:
            values = below
            continue
        kind = random.randrange(5)
        if kind == 0 and isinstance(values, dict):
            del values[place]
        elif kind == 1 and isinstance(below, str) and below:
            cut = random.randrange(len(below))
            values[place] = below[:cut] + random.choice("A0/=\u00e9") + below[cut + 1 :]
        elif kind == 2 and isinstance(below, list):
            below.append(deepcopy(below[0]) if below else 1)
        elif kind == 3 and isinstance(below, (int, float)):
            values[place] = random.choice((below + 1, -below, below * 2, below * 10**6))
        else:
            values[place] = deepcopy(random.choice(_STRANGE))  # a later change may fill it
        return


def with_metadata(data: bytes, key: str, text: str) -> bytes:
    """A file with another text under a key of its metadata."""
    new = text.encode("utf-8", "surrogatepass")
    if data[4:8] == b"TFL3":
        schema = importlib.import_module("ai_edge_litert.schema_py_generated")
        flatbuffers = importlib.import_module("flatbuffers")
        model = schema.ModelT.InitFromPackedBuf(data, 0)
        for entry in model.metadata:
            if entry.name.decode() == key:
                model.buffers[entry.buffer].data = list(new)
        builder = flatbuffers.Builder(len(data) + 1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())
    onnx_mutants = importlib.import_module("onnx_mutants")
    tree = onnx_mutants.parse(data)
    for number, _, content in tree:
        if number == 14 and content[0][2].decode() == key:
            content[1][2] = new
    packed: bytes = onnx_mutants.encode(tree)
    return packed


def _signed_again(data: bytes) -> bytes:
    """The mutant with the hash of its own weights, as an attacker would write it."""
    try:
        found = outline_of(data)
        card = read_card(found.metadata)
        digest = weights_sha256(data, found, card)
        # hashes have one length, so the bytes stay where they are
        return data.replace(card.weights_sha256.encode(), digest.encode())
    except ModelError:
        return data
