"""Plain values to dataclasses: every mistake at once, in the operator's words."""

from __future__ import annotations

import copy
import dataclasses
import json
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from daemon.config.document import Value
from daemon.config.errors import ConfigError, KeyPath, UnknownKeyError
from daemon.config.fields import shown
from query.text import nearest

T = TypeVar("T")
Hint = Any  # a type hint: no common type exists for them

_EXPECTED = {
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "dict_type": "expected a mapping",
    "mapping_type": "expected a mapping",
    "dataclass_type": "expected a mapping",
    "none_required": "expected nothing",
}
_BOUNDS = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}


def validate(kind: type[T], value: Value, path: KeyPath, mistakes: list[ConfigError]) -> T | None:
    """Return `value` as the dataclass `kind`, or None with every mistake noted, each below `path`."""
    found = list(_unknown_keys(kind, value, path))
    hint: Hint = kind
    adapter: TypeAdapter[T] = _adapter(hint)
    try:
        result = adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        found += _mistakes(error, value, path)
    mistakes += found
    return None if found else result


def salvage(kind: type[T], value: Value) -> T | None:
    """Return a mistaken `value` as the dataclass `kind` without its mistakes, or None if nothing is left of it.

    An item of a list gives way to an empty one, so that those behind it keep their places.
    """
    kept = copy.deepcopy(value)
    while True:
        mistakes: list[ConfigError] = []
        result = validate(kind, kept, (), mistakes)
        if result is not None:
            return result
        taken = [_forget(kept, error.path) for error in mistakes]
        if not any(taken):
            return None


def _forget(value: Value, path: KeyPath) -> bool:
    """Take out of `value` what stands at `path`, or what contains it; return whether anything was left to take."""
    while path:
        *above, last = path
        holder: Any = value  # Any: what stands at the path of a mistake
        with suppress(KeyError, IndexError, TypeError):
            for part in above:
                holder = holder[part]
            if isinstance(holder, dict):
                del holder[last]
                return True
            empty: Value = {} if any(isinstance(item, dict) for item in holder) else ""
            if holder[last] != empty:
                holder[last] = empty
                return True
        path = tuple(above)
    return False


def unknown_key(path: KeyPath, known: Sequence[str]) -> UnknownKeyError:
    """Return the mistake that the last key of `path` is none of `known`."""
    near = nearest(str(path[-1]), known)
    hint = f"did you mean '{near}'?" if near else "there are no keys here"
    if not near and known:
        hint = f"expected one of {', '.join(known)}"
    return UnknownKeyError(path, f"unknown key; {hint}")


@cache
def _adapter(kind: Hint) -> TypeAdapter[Any]:  # Any: what `kind` makes
    return TypeAdapter(kind)


def _mistakes(error: ValidationError, value: Value, path: KeyPath) -> Iterator[ConfigError]:
    """Yield one mistake for each place; the branches of a union are put together."""
    by_place: dict[KeyPath, list[str]] = {}
    for details in error.errors(include_url=False):
        place = _place(details["loc"], value)
        expected = _expected(details)
        if expected not in by_place.setdefault(place, []):
            by_place[place].append(expected)
    above = {place[:depth] for place in by_place for depth in range(len(place))}
    for place, texts in by_place.items():
        if place not in above:
            yield ConfigError(path + place, _either(texts))


def _either(texts: Sequence[str]) -> str:
    """Return "expected text or a list, got 5" for what several branches of a union expected."""
    if len(texts) == 1:
        return texts[0]
    got = ", got " + texts[0].rpartition(", got ")[2]
    expected = [text.removesuffix(got).removeprefix("expected ") for text in texts]
    return f"expected {' or '.join(expected)}{got}"


def _place(loc: Sequence[str | int], value: Value) -> KeyPath:
    """Return the key path in `loc`, which also names the branches of unions and missing keys."""
    place: KeyPath = ()
    for index, part in enumerate(loc):
        if isinstance(value, dict) and part in value:
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        elif not (isinstance(value, dict) and index == len(loc) - 1 and isinstance(part, str)):
            continue
        place = (*place, part)
    return place


def _expected(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "expected":
        return details["msg"]
    if kind == "missing":
        return "is required and missing"
    if kind == "value_error":
        return str(context["error"])
    if kind in {"literal_error", "enum"}:
        expected = "expected " + str(context["expected"]).replace("'", "")
    elif kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        expected = f"expected {words} {context[key]}"
    else:
        expected = _EXPECTED.get(kind) or details["msg"][:1].lower() + details["msg"][1:]
    return f"{expected}, got {shown(details['input'])}"


def _unknown_keys(hint: Hint, value: Value, path: KeyPath) -> Iterator[ConfigError]:
    """Yield a mistake for each key that the dataclass in `hint` does not have, at any depth."""
    branches = list(_branches(hint))
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_keys(_items(branches, Sequence), item, (*path, index))
    elif isinstance(value, dict):
        kind: Hint = next(filter(dataclasses.is_dataclass, branches), None)
        known = _hints(kind) if kind else {}
        for key, item in value.items():
            if kind and key not in known:
                yield unknown_key((*path, key), list(known))
            else:
                yield from _unknown_keys(
                    known.get(key, _items(branches, Mapping)), item, (*path, key)
                )


def _branches(hint: Hint) -> Iterator[Hint]:
    """Yield the types that a hint allows, without annotations."""
    origin: Hint = get_origin(hint)
    if origin is Annotated:
        yield from _branches(get_args(hint)[0])
    elif origin in {Union, types.UnionType}:
        for branch in get_args(hint):
            yield from _branches(branch)
    else:
        yield hint


def _items(branches: Sequence[Hint], container: type) -> Hint:
    """Return what the containers among `branches` hold: the last argument of Mapping, the first of Sequence."""
    origins: list[Hint] = [get_origin(branch) for branch in branches]
    args = [
        get_args(branch)[-1 if container is Mapping else 0]
        for branch, origin in zip(branches, origins, strict=True)
        if isinstance(origin, type) and issubclass(origin, container)
    ]
    return Union[tuple(args)] if args else None  # noqa: UP007  built from a list


@cache
def _hints(kind: Hint) -> dict[str, Hint]:
    return get_type_hints(kind, include_extras=True)
