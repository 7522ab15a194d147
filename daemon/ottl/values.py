"""The kinds of value that OTTL knows beside Python's own (spec/ottl.md 2.1).

nil, bool, int64, float64, string and bytes are None, bool, int, float, str and bytes; telemetry list and map are plain
list and dict. The kinds below have no Python type of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo


class RawList(list["Value"]):
    """A list literal or the result of `Sort`; never equal to a telemetry list unless spec/ottl.md 2.2 says so."""

    __slots__ = ()


class RawMap(dict[str, "Value"]):
    """A map that a converter such as `URL` made."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TypedSlice:
    """A Go slice of one kind: `element` is string, bool, int64, float64 or uint64."""

    element: str
    items: tuple[str | bool | int | float, ...]


@dataclass(frozen=True, slots=True)
class Time:
    """A point in time; `zone` matters only for how it prints and for calendar fields."""

    unix_nano: int
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of time in nanoseconds."""

    nanoseconds: int


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """An object that conditions can pass on but not look into; `name` is its Go-like kind for messages."""

    name: str
    target: object


Value = (
    None
    | bool
    | int
    | float
    | str
    | bytes
    | list["Value"]
    | dict[str, "Value"]
    | TypedSlice
    | Time
    | Duration
    | Opaque
)
