"""Arguments of a function, of the types that the parser has checked."""

from __future__ import annotations

from collections.abc import Sequence

from query.evaluate.context import Argument
from query.evaluate.stepped import StepScalar, StepVector


def vector_argument(arguments: Sequence[Argument], place: int) -> StepVector:
    """Return the argument at `place`, an instant vector."""
    argument = arguments[place]
    assert isinstance(argument, StepVector)  # noqa: S101 - checked by query.typecheck
    return argument


def scalar_argument(arguments: Sequence[Argument], place: int) -> StepScalar:
    """Return the argument at `place`, a scalar."""
    argument = arguments[place]
    assert isinstance(argument, StepScalar)  # noqa: S101 - checked by query.typecheck
    return argument


def text_argument(arguments: Sequence[Argument], place: int) -> str:
    """Return the argument at `place`, a string."""
    argument = arguments[place]
    assert isinstance(argument, str)  # noqa: S101 - checked by query.typecheck
    return argument
