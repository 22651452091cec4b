"""Protobuf wire format: the fields of a message, each one known to its schema.

A parser that skips what it does not know sees another file than the runtime does. So a field that
the schema lacks, a wire type that it does not have and a second value of a single field are errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgeqe.errors import ModelError
from edgeqe.model.limits import LONGEST_NAME

VARINT, BYTES, FIXED32 = 0, 2, 5
#: Bytes of the longest tag or length (32 bits), and of the longest number (64 bits).
_SHORT, _LONG = 5, 10


@dataclass(frozen=True)
class Message:
    """Schema of a message."""

    name: str
    """For error messages."""
    tags: Mapping[int, bool]
    """Tag (number and wire type) of each known field, and whether it may be repeated."""
    foreign: Mapping[int, str]
    """What some other fields are, by number, for error messages."""


def message(
    name: str,
    once: Mapping[int, int] | None = None,
    many: Mapping[int, int] | None = None,
    packed: tuple[int, ...] = (),
    foreign: Mapping[int, str] | None = None,
) -> Message:
    """Schema of a message.

    Parameters
    ----------
    name : str
    once, many : mapping of int to int
        Wire type of the fields that stand at most once, and of the repeated ones, by number.
    packed : tuple of int
        Numbers of repeated integers, which may be packed.
    foreign : mapping of int to str
        What some of the refused fields are.
    """
    tags = {number << 3 | wire: False for number, wire in (once or {}).items()}
    tags |= {number << 3 | wire: True for number, wire in (many or {}).items()}
    tags |= {number << 3 | wire: True for number in packed for wire in (VARINT, BYTES)}
    return Message(name, tags, foreign or {})


def fields(
    data: bytes, start: int, stop: int, schema: Message
) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, start and stop of the payload of each field of a message, in file order.

    Raises
    ------
    ModelError
        If the message breaks off, or holds what the schema does not.
    """
    position, seen, tags = start, set[int](), schema.tags
    while position < stop:
        tag = data[position]
        if tag < 0x80:
            position += 1
        else:
            tag, position = varint(data, position, stop, _SHORT)
        if tag not in tags:
            raise _foreign(schema, tag, position)
        if not tags[tag]:
            if tag in seen:
                raise ModelError(f"the ONNX model states field {tag >> 3} of {schema.name} twice.")
            seen.add(tag)
        wire = tag & 7
        short = position < stop and data[position] < 0x80  # most lengths and numbers are one byte
        if wire == BYTES:
            if short:
                end = position + 1 + data[position]
                position += 1
            else:
                size, position = varint(data, position, stop, _SHORT)
                end = position + size
        elif wire == VARINT:
            end = position + 1 if short else varint(data, position, stop)[1]
        else:
            end = position + 4
        if end > stop:
            raise _broken(stop)
        yield tag >> 3, wire, position, end
        position = end


def varint(data: bytes, position: int, stop: int, longest: int = _LONG) -> tuple[int, int]:
    """An unsigned integer and the position behind it."""
    value = shift = 0
    while position < stop and shift < 7 * longest:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> (32 if longest == _SHORT else 64):
                break
            return value, position
        shift += 7
    raise _broken(stop)


def integers(data: bytes, wire: int, start: int, stop: int) -> list[int]:
    """A repeated integer's values: one, or several packed."""
    found = []
    while start < stop:
        value, start = varint(data, start, stop)
        found.append(value)
    if wire == VARINT and len(found) != 1:
        raise _broken(stop)
    return found


def text(raw: bytes) -> str:
    """A text in UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError("the file is not an ONNX model: a name in it is not text.") from error


def name_of(raw: bytes) -> str:
    """A name: short, and of printable characters."""
    found = raw.decode("ascii") if raw.isascii() else text(raw)
    if len(found) > LONGEST_NAME or not found.isprintable():
        raise ModelError("the ONNX model has a name that is too long or not printable.")
    return found


def _foreign(schema: Message, tag: int, position: int) -> ModelError:
    number = tag >> 3
    if number in schema.foreign:
        return ModelError(
            f"the ONNX model {schema.foreign[number]}, which edgeqe never reads: export it with "
            "edgeqe convert."
        )
    return ModelError(
        f"the file is not an ONNX model of edgeqe: {schema.name} has an unknown field {number} "
        f"(wire type {tag & 7}) at byte {position}."
    )


def _broken(stop: int) -> ModelError:
    return ModelError(f"the file is not a whole ONNX model: it breaks off at byte {stop}.")
