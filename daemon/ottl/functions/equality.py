"""Equality between any two values (spec/ottl.md 2.2), as `Index` and `ContainsValue` use it."""

from __future__ import annotations

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.values import Opaque, RawList, RawMap, Time, TypedSlice, Value


def equal(left: Value, right: Value) -> bool:
    """Return whether two values are equal: int and float by value, lists and maps deeply, other kinds never.

    Raises OttlEvaluationError for two typed slices of the same kind: the collector crashes on them.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _numbers_equal(left, right)
    if isinstance(left, TypedSlice) and isinstance(right, TypedSlice):
        if left.element == right.element:
            raise OttlEvaluationError(f"cannot compare two lists of {left.element}")
        return False
    if isinstance(left, list) and isinstance(right, list):
        return _deep(left, True, right, True)
    if isinstance(left, dict) and isinstance(right, dict):
        return _deep(left, True, right, True)
    if isinstance(left, Opaque) and isinstance(right, Opaque):
        if isinstance(left.target, bytes):  # an id
            return left.name == right.name and left.target == right.target
        return left.target is right.target
    if isinstance(left, Time) and isinstance(right, Time):
        return left.unix_nano == right.unix_nano  # the zone does not matter
    return type(left) is type(right) and left == right


def _numbers_equal(left: float, right: float) -> bool:
    if isinstance(left, int) and isinstance(right, int):
        return left == right
    return float(left) == float(right)


def _deep(left: Value, left_raw: bool, right: Value, right_raw: bool) -> bool:
    """Compare members: types must agree, and a telemetry list or map inside a raw one differs from a raw one.

    A telemetry list is compared by its raw form, so everything inside it counts as raw too.
    """
    if isinstance(left, list) and isinstance(right, list):
        if left_raw != right_raw or len(left) != len(right):
            return False
        return all(
            _deep(one, _member_is_raw(left, one), other, _member_is_raw(right, other))
            for one, other in zip(left, right, strict=True)
        )
    if isinstance(left, dict) and isinstance(right, dict):
        if left_raw != right_raw or left.keys() != right.keys():
            return False
        return all(
            _deep(one, _member_is_raw(left, one), right[key], _member_is_raw(right, right[key]))
            for key, one in left.items()
        )
    if isinstance(left, RawList | RawMap | list | dict):
        return False
    return type(left) is type(right) and left == right


def _member_is_raw(holder: Value, member: Value) -> bool:
    return not isinstance(holder, RawList | RawMap) or isinstance(member, RawList | RawMap)
