"""Where a signature goes in a model file: a last entry of its metadata, behind all other bytes."""

from __future__ import annotations

import struct

from edgeqe.model.flatbuffer import IDENTIFIER
from edgeqe.model.flatbuffer_tables import Table, reference
from edgeqe.model.protobuf_encoding import bytes_field
from edgeqe.trust.signature import SIGNATURE_KEY, TEXT_BYTES

#: Field of ONNX's ModelProto, and of its pairs.
_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2
#: Fields of TFLite's model: those that refer to something, and of these the two that grow.
_REFERENCES, _BUFFERS, _METADATA = (1, 2, 3, 4, 5, 6), 4, 6
#: Alignment that constants keep, bytes.
_ALIGNMENT = 64


def with_text(data: bytes, text: bytes) -> bytes:
    """A model file with a text as the last entry of its metadata, at its very end.

    Parameters
    ----------
    data : bytes
        Of a file that `ModelFile` accepted, without such an entry.
    text : bytes
        As long as every signature's.
    """
    assert len(text) == TEXT_BYTES
    if data[4:8] == IDENTIFIER:
        return _tflite(data, text)
    pair = bytes_field(_KEY, SIGNATURE_KEY.encode()) + bytes_field(_VALUE, text)
    return data + bytes_field(_METADATA_PROPS, pair)


def _tflite(data: bytes, text: bytes) -> bytes:
    """A new root in front, which refers to what the old one does, and the text behind.

    ::

        root, model, buffers, metadata | entry, its name, its buffer | the file as it was | text

    Offsets in a flatbuffer are relative and point forward, so the old tables stay as they are.
    """
    model = Table(data, reference(data, 0))
    positions = {n: model.vector(n, 1)[0] - 4 for n in _REFERENCES if model.vector(n, 1)[0]}
    lists = {n: _targets(model, n) for n in (_BUFFERS, _METADATA)}
    root, vtable, table, entries = 8, 8, 28, 60
    grown = entries + 4 + 4 * (len(lists[_BUFFERS]) + 1)
    entry = grown + 4 + 4 * (len(lists[_METADATA]) + 1)
    # entry: vtable of 8 bytes, table of 12; name: length, text, at least one zero byte
    name_at, name = entry + 20, SIGNATURE_KEY.encode()
    buffer_at = -(-(name_at + 4 + len(name) + 1) // 4) * 4
    front = -(-(buffer_at + 16) // _ALIGNMENT) * _ALIGNMENT
    length_at = -(-(front + len(data) + 4) // _ALIGNMENT) * _ALIGNMENT - 4

    made = bytearray(length_at + 4)
    made[front : front + len(data)] = data

    def put(position: int, kind: str, *numbers: int) -> None:
        struct.pack_into(f"<{len(numbers)}{kind}", made, position, *numbers)

    def refer(position: int, target: int) -> None:
        put(position, "I", target - position)

    def refer_all(position: int, targets: list[int]) -> None:
        put(position, "I", len(targets))
        for index, target in enumerate(targets):
            refer(position + 4 + 4 * index, target)

    refer(0, table)
    made[4:8] = IDENTIFIER
    new = {**{n: front + at for n, at in positions.items()}, _BUFFERS: entries, _METADATA: grown}
    put(root, "H", 18, 32, *(4 + 4 * n if n in new or n == 0 else 0 for n in range(7)))
    put(table, "i", table - vtable)
    put(table + 4, "I", model.number(0, "I"))
    for number, target in new.items():
        refer(table + 4 + 4 * number, target)
    refer_all(entries, [*(front + at for at in lists[_BUFFERS]), buffer_at + 8])
    refer_all(grown, [*(front + at for at in lists[_METADATA]), entry + 8])
    put(entry, "H", 8, 12, 4, 8)
    put(entry + 8, "i", 8)
    refer(entry + 12, name_at)
    put(entry + 16, "I", len(lists[_BUFFERS]))  # the new buffer is the last
    put(name_at, "I", len(name))
    made[name_at + 4 : name_at + 4 + len(name)] = name
    put(buffer_at, "H", 6, 8, 4, 0)
    put(buffer_at + 8, "i", 8)
    refer(buffer_at + 12, length_at)
    put(length_at, "I", len(text))
    return bytes(made) + text


def _targets(model: Table, number: int) -> list[int]:
    """Positions of the tables of a list."""
    start, count = model.vector(number, 4)
    return [reference(model.data, start + 4 * index) for index in range(count)]
