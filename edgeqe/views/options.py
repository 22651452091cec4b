"""How a call applies what the network says: how much of it, and how carefully found."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

from edgeqe.errors import InputError, InputTypeError
from edgeqe.views.ensemble import SIZE


@dataclass(frozen=True)
class EnhanceOptions:
    """How the residual is found and applied.

    Raises
    ------
    InputTypeError
        If the amount is no number.
    InputError
        If a value is out of range.
    """

    amount: float = 1.0
    """How much of the residual is added, 0 (the picture stays as it is) to 1."""
    ensemble: int = 1
    """1, or 8 for the mean residual over the eight flips and rotations."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        amount, ensemble = self.amount, self.ensemble
        if isinstance(amount, bool) or not isinstance(amount, Real) or not 0 <= amount <= 1:
            kind = InputError if isinstance(amount, Real) else InputTypeError
            raise kind(f"amount {amount!r} is not a number from 0 to 1.")
        if isinstance(ensemble, bool) or ensemble not in (1, SIZE):
            raise InputError(
                f"ensemble {ensemble!r} is neither 1 nor {SIZE}: {SIZE} is the mean over the "
                "eight flips and rotations."
            )
