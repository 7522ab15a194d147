"""Converters of numbers: logarithm and check digits (spec/ottl.md 4.4)."""

from __future__ import annotations

import math
from typing import Final

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.declare import plain
from daemon.ottl.functions.signature import Converter, Param, ParamKind


def logarithm(target: float | None) -> float:
    """Return the natural logarithm of a number above zero."""
    if target is None or target <= 0:
        raise OttlEvaluationError(
            f"Log: expected a number above zero, got {'nil' if target is None else target}"
        )
    return math.log(target)


def is_valid_luhn(target: str | None) -> bool:
    """Return whether the last digit is the Luhn check digit of the others; blanks do not count."""
    if target is None:
        raise OttlEvaluationError("IsValidLuhn: expected digits, got nil")
    digits = target.replace(" ", "")
    if not digits:
        return False
    if not (digits.isascii() and digits.isdigit()):
        raise OttlEvaluationError(f"IsValidLuhn: expected digits, got {target[:40]!r}")
    total = 0
    for position, digit in enumerate(reversed(digits)):
        total += int(digit) if position % 2 == 0 else sum(divmod(2 * int(digit), 10))
    return total % 10 == 0


CONVERTERS: Final[tuple[Converter, ...]] = (
    plain("Log", logarithm, Param("target", ParamKind.FLOAT_LIKE)),
    plain("IsValidLuhn", is_valid_luhn, Param("target", ParamKind.STRING_LIKE)),
)
