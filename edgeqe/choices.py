"""Strings that stand for a choice, as enumerations that refuse any other."""

from __future__ import annotations

import re
from enum import Enum
from typing import NoReturn


class Choice(str, Enum):
    """Base of enumerations whose members are the words of a command line."""

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        from edgeqe.errors import InputError

        what = re.sub("(?<!^)(?=[A-Z])", " ", cls.__name__).lower()
        known = ", ".join(member.value for member in cls)
        raise InputError(f"no {what} '{value}': choose one of {known}.")
