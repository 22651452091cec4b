"""Items of a HEIF or AVIF file: what each is, its properties, its bytes (ISO/IEC 23008-12)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edgeqe.codecs.boxes import ByteReader, MediaBox, boxes, find
from edgeqe.codecs.coded import damaged, unsupported

#: Items, their parts, properties and tiles of a file, all together.
ENTRY_LIMIT = 100_000


@dataclass
class HeifItem:
    """One item of a file."""

    kind: bytes = b""
    """Four letters, as ``hvc1``, ``av01`` or ``grid``."""
    in_idat: bool = False
    """Whether the extents lie in the box ``idat`` instead of in the file."""
    extents: list[tuple[int, int]] = field(default_factory=list)
    """Offset and length of each part; length 0 goes to the end."""
    properties: list[int] = field(default_factory=list)
    """Indices into the file's properties."""
    tiles: list[int] = field(default_factory=list)
    """Items that it is derived from."""
    extra_of: list[int] = field(default_factory=list)
    """Items that it is an auxiliary picture of, such as alpha, or that it describes, as EXIF."""


class HeifItems:
    """Items of a file by their IDs."""

    def __init__(self, data: bytes) -> None:
        """Read the box ``meta``.

        Raises
        ------
        ImageError
            If there is none, or it is damaged.
        """
        self._data = data
        self._taken = 0
        self._entries = 0
        self.items: dict[int, HeifItem] = {}
        self.properties: list[MediaBox] = []
        self.primary = 0
        meta = find(data, 0, len(data), b"meta")
        if meta is None:
            raise unsupported("HEIF and AVIF files that hold a sequence and no picture")
        inside = {box.kind: box for box in boxes(data, min(meta.start + 4, meta.stop), meta.stop)}
        self._idat = inside.get(b"idat", MediaBox(b"idat", 0, 0))
        for kind, read in (
            (b"pitm", self._read_primary),
            (b"iinf", self._read_kinds),
            (b"iloc", self._read_extents),
            (b"iref", self._read_references),
            (b"iprp", self._read_properties),
        ):
            if kind in inside:
                read(inside[kind])

    def item(self, number: int) -> HeifItem:
        """Item of an ID.

        Raises
        ------
        ImageError
            If there is none.
        """
        if number not in self.items:
            raise damaged(f"the file has no item {number}")
        return self.items[number]

    def property(self, item: HeifItem, kind: bytes) -> bytes:
        """Content of an item's property.

        Raises
        ------
        ImageError
            If the item has none of that kind.
        """
        found = next((content for name, content in self.properties_of(item) if name == kind), None)
        if found is None:
            raise damaged(f"an item has no property {kind.decode('ascii', 'replace')!r}")
        return found

    def properties_of(self, item: HeifItem) -> Iterator[tuple[bytes, bytes]]:
        """Kind and content of each property of an item, in the order in which they apply."""
        for index in item.properties:
            if 0 < index <= len(self.properties):
                box = self.properties[index - 1]
                yield box.kind, self._data[box.start : box.stop]

    def extras_of(self, number: int) -> list[HeifItem]:
        """Items that are auxiliary pictures of an item, or describe it."""
        return [item for item in self.items.values() if number in item.extra_of]

    def bytes_of(self, item: HeifItem) -> bytes:
        """Bytes of an item.

        Raises
        ------
        ImageError
            If they lie outside of the file, or all items asked for are larger than the file.
        """
        first, last = (self._idat.start, self._idat.stop) if item.in_idat else (0, len(self._data))
        parts = []
        for offset, length in item.extents:
            length = length or last - first - offset
            if length < 0 or offset > last - first - length:
                raise damaged(
                    f"an item says that {length} bytes lie at {offset}, the file has "
                    f"{last - first} there"
                )
            self._taken += length
            if self._taken > len(self._data):
                raise damaged("items of the file lie one over another")
            parts.append(self._data[first + offset : first + offset + length])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _reader(self, box: MediaBox) -> tuple[ByteReader, int, int]:
        """Reader of a box that has a version and flags; these two."""
        reader = ByteReader(
            self._data, box.start, box.stop, f"box {box.kind.decode('ascii', 'replace')!r}"
        )
        return reader, reader.u(1), reader.u(3)

    def _count(self, entries: int = 1) -> int:
        """Count entries of the file's tables before they are read."""
        self._entries += entries
        if self._entries > ENTRY_LIMIT:
            raise damaged(f"the tables of the file have more than {ENTRY_LIMIT} entries")
        return entries

    def _make(self, number: int) -> HeifItem:
        self._count()
        return self.items.setdefault(number, HeifItem())

    def _read_primary(self, box: MediaBox) -> None:
        reader, version, _ = self._reader(box)
        self.primary = reader.u(4 if version else 2)

    def _read_kinds(self, box: MediaBox) -> None:
        reader, version, _ = self._reader(box)
        reader.u(4 if version else 2)
        for entry in boxes(self._data, reader.at, box.stop):
            if entry.kind == b"infe":
                inner, version, _ = self._reader(entry)
                if version < 2:
                    raise unsupported("HEIF items without a kind (infe before version 2)")
                number = inner.u(4 if version > 2 else 2)
                inner.take(2)
                self._make(number).kind = inner.take(4)

    def _read_extents(self, box: MediaBox) -> None:
        reader, version, _ = self._reader(box)
        sizes = reader.u(2)
        offset_size, length_size, base_size, index_size = (sizes >> s & 15 for s in (12, 8, 4, 0))
        index_size = index_size if version else 0
        for _ in range(reader.u(4 if version > 1 else 2)):
            item = self._make(reader.u(4 if version > 1 else 2))
            method = reader.u(2) & 15 if version else 0
            source = reader.u(2)
            base = reader.u(base_size)
            if method > 1 or source:
                raise unsupported("HEIF items whose bytes lie in other items or files")
            item.in_idat = method == 1
            for _ in range(self._count(reader.u(2))):
                reader.take(index_size)
                item.extents.append((base + reader.u(offset_size), reader.u(length_size)))

    def _read_references(self, box: MediaBox) -> None:
        _, version, _ = self._reader(box)
        size = 4 if version else 2
        for entry in boxes(self._data, box.start + 4, box.stop):
            if entry.kind in (b"dimg", b"auxl", b"cdsc"):
                name = entry.kind.decode("ascii")
                reader = ByteReader(self._data, entry.start, entry.stop, f"box {name!r}")
                item = self._make(reader.u(size))
                numbers = [reader.u(size) for _ in range(self._count(reader.u(2)))]
                if entry.kind == b"dimg":
                    item.tiles = numbers
                else:
                    item.extra_of = numbers

    def _read_properties(self, box: MediaBox) -> None:
        for entry in boxes(self._data, box.start, box.stop):
            if entry.kind == b"ipco":
                self.properties = list(boxes(self._data, entry.start, entry.stop))
            elif entry.kind == b"ipma":
                reader, version, flags = self._reader(entry)
                for _ in range(reader.u(4)):
                    item = self._make(reader.u(4 if version else 2))
                    wide = flags & 1
                    indices: Sequence[int] = [
                        reader.u(2) & 0x7FFF if wide else reader.u(1) & 0x7F
                        for _ in range(self._count(reader.u(1)))
                    ]
                    item.properties.extend(indices)
