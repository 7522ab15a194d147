"""Values as attributes hold them, and new maps with one value changed: what is there already is never changed in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.conversions import MAX_INT64, MIN_INT64, kind_name
from daemon.ottl.functions.gotext import to_utf8
from daemon.ottl.values import TypedSlice, Value

MAX_LIST_ITEMS: Final = 10_000
"""Items that a list may grow to: an index is a number that data can choose."""
MAX_DEPTH: Final = 64
"""Levels of lists and maps that a value may have; protobuf takes 100."""

Key = str | int


def to_attribute(value: Value, *, depth: int = 0) -> Value:
    """Return a copy of the value as an attribute holds it: plain lists and maps, valid Unicode.

    Raises:
        OttlEvaluationError: attributes cannot hold it.
    """
    if value is None or isinstance(value, bool | float | bytes):
        return value
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, int) and MIN_INT64 <= value <= MAX_INT64:
        return value
    if depth >= MAX_DEPTH:
        raise OttlEvaluationError(f"lists and maps nest more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        return {
            valid_text(key): to_attribute(member, depth=depth + 1) for key, member in value.items()
        }
    if isinstance(value, TypedSlice):
        return [to_attribute(member, depth=depth + 1) for member in value.items]
    if isinstance(value, list):
        return [to_attribute(member, depth=depth + 1) for member in value]
    raise OttlEvaluationError(f"an attribute cannot hold a {kind_name(value)}")


def valid_text(text: str) -> str:
    """Return the text with a replacement character for each half one, which no encoder takes."""
    return text if text.isascii() else to_utf8(text).decode("utf-8", "replace")


def with_value(holder: Mapping[str, Value], keys: Sequence[Key], value: Value) -> dict[str, Value]:
    """Return the map with this value behind the keys; levels that are missing are made.

    Raises:
        OttlEvaluationError: a key that does not fit what it is a key of.
    """
    first, *others = keys
    if not isinstance(first, str):
        raise OttlEvaluationError(f"cannot index a map with {first!r}")
    return {**holder, first: _with_value(holder.get(first), others, value)}


def _with_value(holder: Value, keys: Sequence[Key], value: Value) -> Value:
    if not keys:
        return value
    first, *others = keys
    if isinstance(first, str):
        if holder is not None and not isinstance(holder, dict):
            raise OttlEvaluationError(f"cannot index a {kind_name(holder)} with {first!r}")
        return with_value(holder or {}, keys, value)
    if holder is None:
        _check_length(first)
        return [*([None] * first), _with_value(None, others, value)]
    if not isinstance(holder, list):
        raise OttlEvaluationError(f"cannot index a {kind_name(holder)} with {first!r}")
    if not 0 <= first < len(holder):
        raise OttlEvaluationError(f"index {first} out of range for {len(holder)} items")
    return [*holder[:first], _with_value(holder[first], others, value), *holder[first + 1 :]]


def _check_length(index: int) -> None:
    if not 0 <= index < MAX_LIST_ITEMS:
        raise OttlEvaluationError(
            f"index {index} is out of range for a new list: expected 0 to {MAX_LIST_ITEMS - 1}"
        )
