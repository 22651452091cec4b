"""Structured mutants of ONNX files: the tree of messages changed and written again, lengths right."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

from edgeqe.model.protobuf_encoding import bytes_field, int_field, varint

#: Messages that a field of a message holds, by path of field numbers.
_NESTED = {
    (): {7: "graph", 8: "opset", 14: "pair"},
    ("graph",): {1: "node", 5: "tensor", 11: "value", 12: "value"},
    ("node",): {5: "attribute"},
    ("value",): {2: "type"},
    ("type",): {1: "tensor type"},
    ("tensor type",): {2: "shape"},
    ("shape",): {1: "side"},
}
_STRANGE = (0, 1, 2, 3, 5, 7, 64, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63, 2**64 - 1)

#: A field: number, wire type, and bytes, an integer, or the fields of a message.
Field = list[Any]


def parse(data: bytes, kind: tuple[str, ...] = ()) -> list[Field]:
    """Fields of a well-formed message."""
    fields, position = [], 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        content: Any
        if wire == 0:
            content, position = _varint(data, position)
        elif wire == 5:
            content, position = data[position : position + 4], position + 4
        else:
            size, position = _varint(data, position)
            content, position = data[position : position + size], position + size
            nested = _NESTED.get(kind, {}).get(number)
            if nested is not None:
                content = parse(content, (nested,))
        fields.append([number, wire, content])
    return fields


def encode(fields: list[Field]) -> bytes:
    """Bytes of a message."""
    parts = []
    for number, wire, content in fields:
        if isinstance(content, list):
            parts.append(bytes_field(number, encode(content)))
        elif wire == 0:
            parts.append(int_field(number, content))
        elif wire == 2:
            parts.append(bytes_field(number, content))
        else:
            parts.append(varint(number << 3 | wire) + content)
    return b"".join(parts)


def mutant(data: bytes, random: Random) -> bytes:
    """A file with one to three fields removed, doubled, moved, added or changed."""
    tree = parse(data)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        _change(tree, random)
    return encode(tree)


def _change(tree: list[Field], random: Random) -> None:
    messages = [tree]
    for message in messages:
        messages += [content for _, _, content in message if isinstance(content, list)]
    # half of the changes are in operators, inputs and outputs, of which there are few
    graph = next((content for number, _, content in tree if number == 7), tree)
    small = [c for n, _, c in graph if n in (1, 11, 12) and isinstance(c, list)]
    message = random.choice(random.choice((messages, small or messages)))
    if not message:
        return
    place = random.randrange(len(message))
    number, wire, content = message[place]
    kind = random.randrange(8)
    if kind == 0:
        del message[place]
    elif kind == 1:
        message.insert(random.randrange(len(message) + 1), deepcopy(message[place]))
    elif kind == 2:
        other = random.choice(messages)
        if other:
            message[place] = deepcopy(random.choice(other))  # not one that holds itself
    elif kind == 3:
        message.insert(place, [random.randrange(1, 30), 0, random.choice(_STRANGE)])
    elif kind == 4:
        message.insert(place, [random.randrange(1, 30), 2, random.randbytes(random.randrange(9))])
    elif isinstance(content, int):
        message[place] = [
            number,
            wire,
            random.choice((*_STRANGE, content + 1, content - 1)) % 2**64,
        ]
    elif isinstance(content, bytes):
        texts = [c for m in messages for _, w, c in m if w == 2 and isinstance(c, bytes)]
        short = [text for text in texts if len(text) < 64] or texts
        message[place] = [number, wire, random.choice(short)]
    else:
        random.shuffle(content)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
