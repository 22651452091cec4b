"""Protobuf encoder: fields of a message as bytes, without the protobuf package."""

from __future__ import annotations

_VARINT, _BYTES = 0, 2


def bytes_field(number: int, payload: bytes) -> bytes:
    """Length-delimited field: bytes, text or a message."""
    return varint(number << 3 | _BYTES) + varint(len(payload)) + payload


def int_field(number: int, value: int) -> bytes:
    """Integer field; `value` is at least 0."""
    return varint(number << 3 | _VARINT) + varint(value)


def varint(value: int) -> bytes:
    """Base-128 varint of an integer of at least 0."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
