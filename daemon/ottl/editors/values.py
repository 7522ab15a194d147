"""Editors of any value: set, append, delete_index (spec/ottl.md 6.3)."""

from __future__ import annotations

from typing import Final

from daemon.ottl.attributes import MAX_LIST_ITEMS
from daemon.ottl.editors.signature import TARGET, Arguments, Editor, refuse
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.evaluation import Edit, EditContext
from daemon.ottl.functions.conversions import kind_name
from daemon.ottl.functions.signature import Param, ParamKind
from daemon.ottl.values import TypedSlice, Value


def _bind_set(arguments: Arguments) -> Edit:
    read, write = arguments.read("value"), arguments.target.write

    def edit(context: EditContext) -> None:
        value = read(context)
        if value is not None:
            write(context, value)

    return edit


def _bind_append(arguments: Arguments) -> Edit:
    if not {"value", "values"} & arguments.readers.keys():
        refuse("append: expected value or values")
    target = arguments.target
    readers = [arguments.read("value")] if "value" in arguments.readers else []
    read_values = arguments.read("values")

    def edit(context: EditContext) -> None:
        items = _items(target.read(context))
        items += [read(context) for read in readers]
        values = read_values(context)
        items += values if isinstance(values, list) else []
        if len(items) > MAX_LIST_ITEMS:
            raise OttlEvaluationError(f"append: more than {MAX_LIST_ITEMS} items in one list")
        target.write(context, items)

    return edit


def _items(held: Value) -> list[Value]:
    """Return what is there as the beginning of a list."""
    if held is None:
        return []
    if isinstance(held, TypedSlice):
        return list(held.items)
    if isinstance(held, dict):
        raise OttlEvaluationError("append: cannot append to a map")
    return list(held) if isinstance(held, list) else [held]


def _bind_delete_index(arguments: Arguments) -> Edit:
    target = arguments.target
    read_start, read_end = arguments.read("start"), arguments.read("end")

    def edit(context: EditContext) -> None:
        held = target.read(context)
        if not isinstance(held, list):
            raise OttlEvaluationError(f"delete_index: expected list, got {kind_name(held)}")
        start, end = read_start(context), read_end(context)
        assert isinstance(start, int)  # noqa: S101 (the parameter takes ints only)
        stop = end if isinstance(end, int) else start + 1
        if not 0 <= start < stop <= len(held):
            raise OttlEvaluationError(
                f"delete_index: {start} to {stop} is out of range for {len(held)} items"
            )
        target.write(context, held[:start] + held[stop:])

    return edit


EDITORS: Final[tuple[Editor, ...]] = (
    Editor(name="set", params=(TARGET, Param("value", ParamKind.ANY)), bind=_bind_set),
    Editor(
        name="append",
        params=(
            TARGET,
            Param("value", ParamKind.ANY, optional=True),
            Param("values", ParamKind.ANY, many=True, optional=True),
        ),
        bind=_bind_append,
    ),
    Editor(
        name="delete_index",
        params=(
            TARGET,
            Param("start", ParamKind.INT),
            Param("end", ParamKind.INT, optional=True),
        ),
        bind=_bind_delete_index,
    ),
)
