"""Plain values to dataclasses: every mistake at once, in the operator's words."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from types import NoneType
from typing import Any, Literal, TypeVar, get_args

from daemon.config.document import Value
from daemon.config.errors import ConfigError, KeyPath, UnknownKeyError
from daemon.config.fields import shown
from daemon.config.hints import (
    Hint,
    branches_of,
    fields_of,
    is_container,
    is_sequence,
    items_of,
    key_of,
    origin_of,
    unmarked,
)
from daemon.config.markers import AfterValidator, BeforeValidator, Field
from query.text import nearest

T = TypeVar("T")
Read = Any  # what a setting becomes: no common type exists for them
Mistakes = list[ConfigError]

_SCALARS = {
    str: "expected text",
    int: "expected a whole number",
    float: "expected a number",
    bool: "expected true or false",
    NoneType: "expected nothing",
}


def validate(kind: type[T], value: Value, path: KeyPath, mistakes: Mistakes) -> T | None:
    """Return `value` as the dataclass `kind`, or None with every mistake noted, each below `path`."""
    found: Mistakes = []
    result: T = read(kind, value, path, found)
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


def read(hint: Hint, value: Value, path: KeyPath, mistakes: Mistakes) -> Read:
    """Return `value` as the type `hint`; what it returns beside a mistake is of no use."""
    bare, marks = unmarked(hint)
    known = len(mistakes)
    result: Read = value
    try:
        for mark in marks:
            if isinstance(mark, BeforeValidator):
                result = mark.func(result)
        result = _typed(bare, result, path, mistakes)
        for mark in marks if len(mistakes) == known else ():
            if isinstance(mark, AfterValidator):
                result = mark.func(result)
            elif isinstance(mark, Field):
                _check_bounds(mark, result, path, mistakes)
    except ValueError as error:  # its text is for the operator
        mistakes.append(ConfigError(path, str(error)))
    return result


def _typed(hint: Hint, value: Read, path: KeyPath, mistakes: Mistakes) -> Read:
    branches = branches_of(hint)
    if len(branches) > 1:
        return _one_of(branches, value, path, mistakes)
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, value, path, mistakes)
    if is_container(hint, Mapping):
        return _mapping(hint, value, path, mistakes)
    if is_sequence(hint):
        return _sequence(hint, value, path, mistakes)
    return _scalar(hint, value, path, mistakes)


def _one_of(branches: Sequence[Hint], value: Read, path: KeyPath, mistakes: Mistakes) -> Read:
    """Return `value` as the first type of a union that takes it; null for nothing is no expectation worth telling."""
    if value is None and NoneType in branches:
        return None
    refusals: Mistakes = []
    for branch in branches:
        if branch is not NoneType:
            found: Mistakes = []
            result = read(branch, value, path, found)
            if not found:
                return result
            refusals += found
    mistakes += _put_together(refusals)
    return None


def _dataclass(kind: Hint, value: Read, path: KeyPath, mistakes: Mistakes) -> Read:
    if not isinstance(value, dict):
        return _expected("expected a mapping", value, path, mistakes)
    known, before = (
        {key_of(name): (name, one) for name, one in fields_of(kind).items()},
        len(mistakes),
    )
    mistakes += [unknown_key((*path, key), list(known)) for key in value if key not in known]
    settings = {
        known[key][0]: read(known[key][1], item, (*path, key), mistakes)
        for key, item in value.items()
        if key in known
    }
    mistakes += [
        ConfigError((*path, key_of(field.name)), "is required and missing")
        for field in dataclasses.fields(kind)
        if field.name not in settings
        and field.default is field.default_factory is dataclasses.MISSING
    ]
    return kind(**settings) if len(mistakes) == before else None


def _mapping(hint: Hint, value: Read, path: KeyPath, mistakes: Mistakes) -> Read:
    if not isinstance(value, dict):
        return _expected("expected a mapping", value, path, mistakes)
    items = items_of(hint)
    return {key: read(items, item, (*path, key), mistakes) for key, item in value.items()}


def _sequence(hint: Hint, value: Read, path: KeyPath, mistakes: Mistakes) -> Read:
    if not isinstance(value, list):
        return _expected("expected a list", value, path, mistakes)
    items = items_of(hint)
    return tuple(read(items, item, (*path, at), mistakes) for at, item in enumerate(value))


def _scalar(hint: Hint, value: Read, path: KeyPath, mistakes: Mistakes) -> Read:
    if hint in {Any, object} or (type(value) is hint and hint in _SCALARS):
        return value
    if hint is float and type(value) is int:
        return float(value)
    if hint in _SCALARS:
        return _expected(_SCALARS[hint], value, path, mistakes)
    if origin_of(hint) is Literal:
        choices = {one: one for one in get_args(hint)}
    elif isinstance(hint, type) and issubclass(hint, Enum):
        choices = {one.value: one for one in hint}
    else:
        raise TypeError(f"no setting can be a {hint}")
    if isinstance(value, Enum) and value in choices.values():  # a BeforeValidator made it
        return value
    for written, choice in choices.items():
        if type(value) is type(written) and value == written:
            return choice
    return _expected(f"expected {_any_of(choices)}", value, path, mistakes)


def _check_bounds(bounds: Field, value: Read, path: KeyPath, mistakes: Mistakes) -> None:
    if bounds.ge is not None and not value >= bounds.ge:
        _expected(f"expected at least {bounds.ge}", value, path, mistakes)
    elif bounds.le is not None and not value <= bounds.le:
        _expected(f"expected at most {bounds.le}", value, path, mistakes)


def _expected(expected: str, value: Read, path: KeyPath, mistakes: Mistakes) -> None:
    mistakes.append(ConfigError(path, f"{expected}, got {shown(value)}"))


def _any_of(choices: Iterable[object]) -> str:
    """Return "a, b or c"."""
    *first, last = map(str, choices)
    return f"{', '.join(first)} or {last}" if first else last


def _put_together(refusals: Mistakes) -> Mistakes:
    """Return what the branches of a union refused, one mistake for each place; the deepest say most."""
    by_place: dict[KeyPath, Mistakes] = {}
    for error in refusals:
        same = by_place.setdefault(error.path, [])
        if error.expected not in {other.expected for other in same}:
            same.append(error)
    above = {place[:depth] for place in by_place for depth in range(len(place))}
    return [_either(errors) for place, errors in by_place.items() if place not in above]


def _either(errors: Mistakes) -> ConfigError:
    """Return "expected text or a list, got 5" for what several branches of a union expected."""
    if len(errors) == 1:
        return errors[0]
    got = ", got " + errors[0].expected.rpartition(", got ")[2]
    expected = [error.expected.removesuffix(got).removeprefix("expected ") for error in errors]
    return ConfigError(errors[0].path, f"expected {' or '.join(expected)}{got}")
