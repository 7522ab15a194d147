"""What a script is run against, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from query.labels import Labels

Samples = Sequence[tuple[int, float]]
"""(time in ms, value), ascending in time."""


class SubjectError(Exception):
    """The question was refused or failed."""


class NotSupportedError(SubjectError):
    """The question needs what this release does not evaluate, and says so."""


class CannotClearError(Exception):
    """The subject cannot drop its data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """An instant vector, in the subject's order."""

    elements: list[tuple[Labels, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A range vector."""

    series: list[tuple[Labels, list[tuple[int, float]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A scalar."""

    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class String:
    """A string."""

    value: str


Value = Vector | Matrix | Scalar | String


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A value and what travels beside it."""

    value: Value
    warnings: Sequence[str] = field(default_factory=tuple)
    infos: Sequence[str] = field(default_factory=tuple)


class Subject(Protocol):
    """Whatever stores series and answers queries."""

    def clear(self) -> None:
        """Drop all data.

        Raises:
            CannotClearError: it cannot.
        """

    def load(self, series: Mapping[Labels, Samples]) -> None:
        """Add series."""

    def instant(self, query: str, at_ms: int) -> Answer:
        """Evaluate once; raises SubjectError."""

    def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Answer:
        """Evaluate at each step; raises SubjectError."""
