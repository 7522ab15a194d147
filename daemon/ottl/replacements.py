"""New objects in the place of shared ones: the same change of the same object gives the same new object.

Resource, scope and metric header are shared between batches and key the memories of those downstream, by identity: a
statement that makes the same change to every report must not make them forget.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import TypeVar

from receivers.model import MetricHeader, Resource, Scope

MAX_REPLACEMENTS = 20_000
"""Changes remembered at once, some 1 KB each; the oldest goes first."""

_Shared = TypeVar("_Shared", Resource, Scope, MetricHeader)


class Replacements:
    """Remembers what shared objects were replaced with; bounded."""

    def __init__(self, limit: int = MAX_REPLACEMENTS) -> None:
        self._limit = limit
        self._known: dict[Hashable, Resource | Scope | MetricHeader] = {}

    def replace(self, old: _Shared, field: str, value: object) -> _Shared:
        """Return `old` with another value in one field: `old` itself if it has that value already."""
        frozen = freeze(value)
        key = (old, field, frozen)
        known = self._known.get(key)
        if known is not None:
            return known  # type: ignore[return-value] # the key's first member has the same type
        new = old
        if freeze(getattr(old, field)) != frozen:
            # Any: each field has a type of its own.
            new = dataclasses.replace(old, **{field: value})  # type: ignore[arg-type] # see above
        if len(self._known) >= self._limit:
            del self._known[next(iter(self._known))]
        self._known[key] = new
        return new


def freeze(value: object) -> Hashable:
    """Return something hashable that is equal for values of equal types and contents only."""
    if isinstance(value, str | bytes) or value is None:
        return value
    if isinstance(value, Mapping):
        return ("map", tuple([(key, freeze(member)) for key, member in value.items()]))
    if isinstance(value, list):
        return ("list", tuple([freeze(member) for member in value]))
    if isinstance(value, float):
        return ("float", value.hex())  # NaN is equal to itself, 1.0 is not 1
    return (type(value), value)
