"""Generic flatbuffer tables, each offset checked against the file; no schema, no writing."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from edgeqe.errors import ModelError
from edgeqe.model.limits import LONGEST_NAME, MOST_TENSORS

#: Scalars of the schema, little-endian, by their letter in struct.
_SCALARS = {kind: struct.Struct(f"<{kind}") for kind in "bBHiIfqQ"}


class Table:
    """A table, its fields by number."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position
        vtable = position - unpack(data, "i", position)
        size = unpack(data, "H", vtable)
        width = unpack(data, "H", vtable + 2)
        if size < 4 or size % 2 or width < 4 or position + width > len(data):
            raise _broken(position)
        self.offsets = numbers_at(data, "H", vtable + 4, size // 2 - 2)
        self.width = width

    def _field(self, number: int, width: int) -> int:
        """Position of a field's bytes, 0 if it is absent."""
        offset = self.offsets[number] if number < len(self.offsets) else 0
        if offset and (offset < 4 or offset + width > self.width):
            raise _broken(self.position)
        return self.position + offset if offset else 0

    def number(self, number: int, kind: str, absent: int = 0) -> int:
        """A scalar field, `kind` as struct has it; `absent` is the schema's default."""
        position = self._field(number, _SCALARS[kind].size)
        return unpack(self.data, kind, position) if position else absent

    def refuse(self, *numbers: int) -> None:
        """Error if one of these fields is there and not 0."""
        for number in numbers:
            position = self._field(number, 1)
            if position and self.data[position : position + 4].strip(b"\0"):
                raise ModelError(
                    "the TFLite model has custom operators, signatures, external or sparse data, "
                    "which edgeqe does not read: export it with edgeqe convert."
                )

    def vector(self, number: int, width: int) -> tuple[int, int]:
        """Position of the first item and count of a vector, (0, 0) if it is absent."""
        position = self._field(number, 4)
        if not position:
            return 0, 0
        start = reference(self.data, position)
        count = unpack(self.data, "I", start)
        if start + 4 + count * width > len(self.data):
            raise _broken(start)
        return start + 4, count

    def numbers(self, number: int, kind: str, most: int = MOST_TENSORS) -> tuple[int, ...]:
        """A vector of scalars, at most so many."""
        start, count = self.vector(number, _SCALARS[kind].size)
        if not start:
            return ()
        _few(count, most)
        return numbers_at(self.data, kind, start, count)

    def table(self, number: int) -> Table | None:
        """A table below this one."""
        position = self._field(number, 4)
        return Table(self.data, reference(self.data, position)) if position else None

    def tables(self, number: int, most: int) -> list[Table]:
        """A vector of tables, at most so many."""
        start, count = self.vector(number, 4)
        _few(count, most)
        return [Table(self.data, reference(self.data, start + 4 * index)) for index in range(count)]

    def name(self, number: int) -> str:
        """A short, printable string, '' if it is absent; a zero byte must stand behind it."""
        start, count = self.vector(number, 1)
        if start and self.data[start + count : start + count + 1] != b"\0":
            raise _broken(start)
        found = _text(self.data[start : start + count])
        if len(found) > LONGEST_NAME or not found.isprintable():
            raise ModelError("the TFLite model has a name that is too long or not printable.")
        return found


def unpack(data: bytes, kind: str, position: int) -> int:
    """One scalar, `kind` as struct has it."""
    form = _SCALARS[kind]
    if position < 0 or position + form.size > len(data):
        raise _broken(position)
    value: int = form.unpack_from(data, position)[0]
    return value


def numbers_at(data: bytes, kind: str, start: int, count: int) -> tuple[int, ...]:
    """Scalars in a row."""
    if start < 0 or start + count * _SCALARS[kind].size > len(data):
        raise _broken(start)
    return struct.unpack_from(f"<{count}{kind}", data, start)


def reference(data: bytes, position: int) -> int:
    """Where an offset at a position points; never back, and to a multiple of 4."""
    offset = unpack(data, "I", position)
    if offset < 4 or (position + offset) % 4:
        raise _broken(position)
    return position + offset


def indices(numbers: Iterable[int], count: int) -> tuple[int, ...]:
    """Indices into a list of that length, checked."""
    result = tuple(numbers)
    for number in result:
        if not 0 <= number < count:
            raise ModelError(f"the TFLite model refers to number {number} of {count} parts.")
    return result


def _few(count: int, most: int) -> None:
    """Error if a vector is too long: its items may all be the same few bytes."""
    if count > most:
        raise ModelError(f"the TFLite model has a list of {count} parts, {most} are the most.")


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError("the file is not a TFLite model: a name in it is not text.") from error


def _broken(position: int) -> ModelError:
    return ModelError(f"the file is not a whole TFLite model: it breaks off at byte {position}.")
