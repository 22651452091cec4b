"""Bits of headers: Exp-Golomb and fixed codes, each compared with the end of its data."""

from __future__ import annotations

from edgeqe.codecs.coded import damaged

#: Largest value of an unsigned Exp-Golomb code of the standards: 32 zeros in front.
LARGEST_UE = 2**32 - 2


class BitReader:
    """Reads bits from the most significant one on."""

    def __init__(self, data: bytes, what: str) -> None:
        """Begin at the first bit.

        Parameters
        ----------
        data : bytes
            Without emulation prevention.
        what : str
            Name of the header in messages.
        """
        self.data = data
        self.what = what
        self.position = 0
        self.end = 8 * len(data)

    @property
    def left(self) -> int:
        """Bits that are left."""
        return self.end - self.position

    def u(self, count: int) -> int:
        """Unsigned number of `count` bits, 0 to 64.

        Raises
        ------
        ImageError
            If the data ends before.
        """
        position = self.position
        stop = position + count
        if stop > self.end:
            raise damaged(f"the {self.what} ends too early")
        self.position = stop
        last = (stop + 7) >> 3
        value = int.from_bytes(self.data[position >> 3 : last], "big") >> ((last << 3) - stop)
        return value & ((1 << count) - 1)

    def flag(self) -> bool:
        """One bit."""
        return self.u(1) == 1

    def skip(self, count: int) -> None:
        """Pass over bits.

        Raises
        ------
        ImageError
            If the data ends before.
        """
        if count < 0 or count > self.left:
            raise damaged(f"the {self.what} ends too early")
        self.position += count

    def align(self) -> None:
        """Pass over bits up to the next whole byte."""
        self.skip(-self.position % 8)

    def ue(self, most: int = LARGEST_UE, name: str = "a number") -> int:
        """Unsigned Exp-Golomb code.

        Parameters
        ----------
        most : int
            Largest value that the standard allows.
        name : str
            What the value is, in messages.

        Raises
        ------
        ImageError
            If the data ends before, or the value is larger.
        """
        window = min(33, self.left)
        ahead = self.u(window)
        zeros = window - ahead.bit_length()
        self.position -= window
        if zeros > 32 or ahead == 0:
            raise damaged(f"the {self.what} ends too early")
        self.skip(zeros)
        value = self.u(zeros + 1) - 1
        if value > most:
            raise damaged(f"the {self.what} says {value} for {name}, at most {most} is allowed")
        return value

    def se(
        self, least: int = -LARGEST_UE // 2, most: int = LARGEST_UE // 2, name: str = "a number"
    ) -> int:
        """Signed Exp-Golomb code.

        Parameters
        ----------
        least, most : int
            Range that the standard allows.
        name : str
            What the value is, in messages.

        Raises
        ------
        ImageError
            If the data ends before, or the value lies outside.
        """
        code = self.ue()
        value = (code + 1) // 2 if code % 2 else -(code // 2)
        if not least <= value <= most:
            raise damaged(f"the {self.what} says {value} for {name}, {least} to {most} is allowed")
        return value


class BitWriter:
    """Writes bits from the most significant one on."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def u(self, count: int, value: int) -> None:
        """Unsigned number of `count` bits."""
        if not 0 <= value < 1 << count:
            raise ValueError(f"{value} does not fit into {count} bits")
        self._bits.append(f"{value:0{count}b}" if count else "")

    def ue(self, value: int) -> None:
        """Unsigned Exp-Golomb code."""
        length = (value + 1).bit_length()
        self.u(2 * length - 1, value + 1)

    def bytes(self) -> bytes:
        """All bits, filled up with zeros."""
        bits = "".join(self._bits)
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""
