"""Paths to what they read: resolved at start-up, keys looked up at run time (spec/ottl.md 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.ottl import syntax
from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.evaluation import EvaluationContext, Operand, Read
from daemon.ottl.fields import FIELDS, PREFIXES, Field
from daemon.ottl.functions.conversions import kind_name
from daemon.ottl.values import TypedSlice, Value
from query.text import nearest

_SYNONYMS = {"instrumentation_scope": "scope"}


@dataclass(frozen=True, slots=True)
class ResolvedPath:
    """The field that a path leads to, whose it is and what it is called there, and the keys behind it."""

    owner: str
    name: str
    field: Field
    keys: tuple[syntax.Value, ...]


def resolve(path: syntax.Path, context: str, *, prefixed: bool) -> ResolvedPath:
    """Return the field that `path` means in `context`; with `prefixed` it must begin with a context name.

    Raises:
        OttlBuildError: there is no such field, it is out of reach in this context, or it takes no keys.
    """
    owner, segments = _owner(path, context, prefixed=prefixed)
    name = ".".join(segment.name for segment in segments)
    field = FIELDS[owner].get(name)
    if field is None:
        raise _unknown(path, context, owner, name)
    if name == "cache" and owner != context:
        raise OttlBuildError(
            f"{owner}.cache cannot be reached from the {context} context", path.offset
        )
    keys = segments[-1].keys
    inner_keys = any(segment.keys for segment in segments[:-1])
    if inner_keys or (keys and field.attributes is None):
        raise OttlBuildError(f"{path} takes no keys", path.offset)
    return ResolvedPath(owner, name, field, keys)


def _owner(
    path: syntax.Path, context: str, *, prefixed: bool
) -> tuple[str, tuple[syntax.Segment, ...]]:
    first = path.segments[0]
    begins_with_name = first.name in PREFIXES["datapoint"] and not first.keys
    if begins_with_name and len(path.segments) == 1:
        raise OttlBuildError(
            f"{first.name} alone is no value: expected {first.name}.<field>", path.offset
        )
    if begins_with_name and first.name in PREFIXES[context]:
        return _SYNONYMS.get(first.name, first.name), path.segments[1:]
    if begins_with_name:
        raise OttlBuildError(f"{path} cannot be reached from the {context} context", path.offset)
    if prefixed:
        expected = ", ".join(f"{name}." for name in PREFIXES[context])
        raise OttlBuildError(f"{path} must begin with one of {expected}", path.offset)
    return context, path.segments


def _unknown(path: syntax.Path, context: str, owner: str, name: str) -> OttlBuildError:
    close = nearest(name, FIELDS[owner])
    reachable = [
        f"{other}.{name}"
        for other in PREFIXES[context]
        if other not in _SYNONYMS and name in FIELDS[other]
    ]
    if reachable:
        hint = f"did you mean {' or '.join(reachable)}?"
    elif close:
        hint = f"did you mean {close}?"
    else:
        hint = f"expected one of {', '.join(FIELDS[owner])}"
    if context != "datapoint" and name in FIELDS["datapoint"]:
        hint += " data points are seen in the datapoint context only"
    return OttlBuildError(f"unknown path {path} in the {context} context: {hint}", path.offset)


def read_keys(field: Field, keys: Sequence[Operand]) -> Read:
    """Return how to read what `keys` lead to below a map of attributes."""
    attributes = field.attributes
    if attributes is None or not keys:
        return field.read
    literals = [key.literal for key in keys]
    names = [name for name in literals if isinstance(name, str)]
    if len(names) == len(keys) == 1:
        name = names[0]
        return lambda context: attributes(context).get(name)
    if len(names) == len(keys):
        return lambda context: _look_up(attributes(context), names)
    return lambda context: _look_up(attributes(context), [read_key(key, context) for key in keys])


def read_key(key: Operand, context: EvaluationContext) -> str | int:
    """Return what a key says at run time.

    Raises:
        OttlEvaluationError: it is neither string nor int.
    """
    value = key.read(context)
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise OttlEvaluationError(f"a key must be a string or an int, got {kind_name(value)}")


def _look_up(attributes: Mapping[str, Value], keys: Sequence[str | int]) -> Value:
    """Return the value behind the keys; a key that a map lacks makes it nil whatever follows."""
    first, *others = keys
    if not isinstance(first, str):
        raise OttlEvaluationError(f"cannot index a map with {first!r}")
    if first not in attributes:
        return None
    value = attributes[first]
    for key in others:
        if isinstance(value, dict) and isinstance(key, str) and key not in value:
            return None
        value = index(value, key)
    return value


def index(holder: Value, key: str | int) -> Value:
    """Return one member of a list or map.

    Raises:
        OttlEvaluationError: there is no such member, or the value has none.
    """
    if isinstance(holder, dict) and isinstance(key, str):
        if key not in holder:
            raise OttlEvaluationError(f"key {key!r} not found")
        return holder[key]
    members = holder.items if isinstance(holder, TypedSlice) else holder
    if not isinstance(members, list | tuple) or isinstance(key, str):
        raise OttlEvaluationError(f"cannot index a {kind_name(holder)} with {key!r}")
    if not 0 <= key < len(members):
        raise OttlEvaluationError(f"index {key} out of range for {len(members)} items")
    return members[key]
