"""Converters of lists and maps (spec/ottl.md 4.3, 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.conversions import convert, kind_name
from daemon.ottl.functions.declare import plain
from daemon.ottl.functions.equality import equal
from daemon.ottl.functions.gotext import format_attribute, to_utf8
from daemon.ottl.functions.kinds import opaque_size
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import RawList, TypedSlice, Value


def length(target: Value) -> int:
    """Return the size of a text in bytes, or of a list, map, bytes or collection of data points."""
    if isinstance(target, str):
        return len(to_utf8(target))
    if isinstance(target, TypedSlice):
        return len(target.items)
    if isinstance(target, bytes | list | dict):
        return len(target)
    size = opaque_size(target)
    if size is None:
        raise OttlEvaluationError(
            f"Len: expected string, bytes, list or map, got {kind_name(target)}"
        )
    return size


def index(target: Value, value: Value) -> int:
    """Return the byte offset of a text in a text, or the position of a value in a list; -1 when absent."""
    if isinstance(target, str):
        if not isinstance(value, str):
            raise OttlEvaluationError(
                f"Index: expected a string to look for, got {kind_name(value)}"
            )
        return to_utf8(target).find(to_utf8(value))
    items = convert(ParamKind.LIST, target)
    if not isinstance(items, list):
        raise OttlEvaluationError(f"Index: expected string or list, got {kind_name(target)}")
    return next((at for at, item in enumerate(items) if equal(item, value)), -1)


def contains_value(target: list[Value], item: Value) -> bool:
    """Return whether a list has an item that is equal by OTTL's rules: 2 matches 2.0."""
    return any(equal(member, item) for member in target)


def keys(target: dict[str, Value]) -> list[Value]:
    """Return the keys in map order."""
    return list(target)


def values(target: dict[str, Value]) -> list[Value]:
    """Return the values in map order."""
    return list(target.values())


def coalesce(candidates: Sequence[Value]) -> Value:
    """Return the first value that is not nil."""
    return next((value for value in candidates if value is not None), None)


def _bind_coalesce(literals: Mapping[str, Value]) -> Function:
    if literals.get("values") == []:
        raise OttlBuildError("Coalesce: expected at least one value")
    return coalesce


def slice_to_map(
    target: list[Value],
    key_path: Sequence[str] | None = None,
    value_path: Sequence[str] | None = None,
) -> dict[str, Value]:
    """Return a list as a map: keys from inside each item or its position, values from inside it or the item."""
    result: dict[str, Value] = {}
    for position, item in enumerate(target):
        key = str(position) if key_path is None else _dig(item, key_path, position)
        if not isinstance(key, str):
            raise OttlEvaluationError(
                f"SliceToMap: key of item {position}: expected string, got {kind_name(key)}"
            )
        result[key] = item if value_path is None else _dig(item, value_path, position)
    return result


def _dig(item: Value, path: Sequence[str], position: int) -> Value:
    found = item
    for step in path:
        if not isinstance(found, dict) or step not in found:
            raise OttlEvaluationError(f"SliceToMap: item {position} has no {'.'.join(path)}")
        found = found[step]
    if not path:
        raise OttlEvaluationError("SliceToMap: expected at least one key in a path")
    return found


def _bind_sort(literals: Mapping[str, Value]) -> Function:
    order = literals.get("order", "asc")
    if order not in {None, "asc", "desc"}:
        raise OttlBuildError(f"Sort: expected asc or desc, got {order!r}")
    descending = order == "desc"
    return lambda target, _order=None: sort(target, descending=descending)


def sort(target: Value, *, descending: bool = False) -> Value:
    """Return the items in order: numbers by value, any other mix by text; lists holding lists, maps or bytes stay."""
    if isinstance(target, TypedSlice):
        if target.element == "uint64":
            raise OttlEvaluationError("Sort: cannot sort a list of uint64")
        by_item: Callable[[Any], Any] = to_utf8 if target.element == "string" else _number_key
        items = sorted(target.items, key=by_item, reverse=descending)
        return TypedSlice(target.element, tuple(items))
    members = convert(ParamKind.LIST, target)
    if not isinstance(members, list) or not members:
        return members
    if any(isinstance(member, list | dict | bytes) for member in members):
        return members
    numeric = all(isinstance(m, int | float) and not isinstance(m, bool) for m in members)
    key: Callable[[Any], Any] = _number_key if numeric else _text_key
    return RawList(sorted(members, key=key, reverse=descending))


def _number_key(value: float) -> tuple[int, float]:
    # NaN comes before all numbers, as in Go's cmp.Compare.
    return (0, 0) if value != value else (1, value)  # noqa: PLR0124


def _text_key(value: Value) -> bytes:
    return to_utf8(format_attribute(value))


_LIST: Final = Param("target", ParamKind.LIST)
_MAP: Final = Param("target", ParamKind.MAP)
_ANY: Final = Param("target", ParamKind.ANY)

CONVERTERS: Final[tuple[Converter, ...]] = (
    plain("Len", length, _ANY),
    plain("Index", index, _ANY, Param("value", ParamKind.ANY)),
    plain("ContainsValue", contains_value, _LIST, Param("item", ParamKind.ANY)),
    plain("Keys", keys, _MAP),
    plain("Values", values, _MAP),
    Converter(
        name="Coalesce",
        params=(Param("values", ParamKind.ANY, many=True),),
        bind=_bind_coalesce,
    ),
    plain(
        "SliceToMap",
        slice_to_map,
        _LIST,
        Param("key_path", ParamKind.LITERAL_STRING, many=True, optional=True),
        Param("value_path", ParamKind.LITERAL_STRING, many=True, optional=True),
    ),
    Converter(
        name="Sort",
        params=(_ANY, Param("order", ParamKind.LITERAL_STRING, optional=True)),
        bind=_bind_sort,
    ),
)
