"""Type hints of settings, taken apart."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

Hint = Any  # a type hint: no common type exists for them


@cache
def fields_of(kind: Hint) -> dict[str, Hint]:
    """Return the type hints of a dataclass by field."""
    return get_type_hints(kind, include_extras=True)


def key_of(name: str) -> str:
    """Return the key of a field in the file: `global_` is Python's way to write `global`."""
    return name.removesuffix("_")


def origin_of(hint: Hint) -> Hint:
    """Return what a hint is made from: `Literal`, `Union`, `tuple`; None for a plain type."""
    return get_origin(hint)


def unmarked(hint: Hint) -> tuple[Hint, tuple[object, ...]]:
    """Return a hint without its `Annotated`, and what was annotated."""
    return (hint.__origin__, hint.__metadata__) if origin_of(hint) is Annotated else (hint, ())


def branches_of(hint: Hint) -> tuple[Hint, ...]:
    """Return the types that a hint allows: those of a union, itself otherwise."""
    return get_args(hint) if origin_of(hint) in {Union, types.UnionType} else (hint,)


def items_of(hint: Hint) -> Hint:
    """Return what a container holds: the values of a mapping, the items of a sequence; anything if it does not say."""
    args = get_args(hint)
    if not args:
        return Any
    return args[-1] if is_container(hint, Mapping) else args[0]


def is_container(hint: Hint, kind: type) -> bool:
    """Return whether a hint stands for a container of this kind."""
    origin = origin_of(hint) or hint
    return isinstance(origin, type) and issubclass(origin, kind)


def leaves_of(hint: Hint) -> Iterator[tuple[Hint, tuple[object, ...]]]:
    """Yield every type that a hint allows with all that is annotated to it, at any depth of unions."""
    bare, marks = unmarked(hint)
    for branch in branches_of(bare):
        if branch is bare:
            yield bare, marks
        else:
            for leaf, more in leaves_of(branch):
                yield leaf, marks + more


def is_sequence(hint: Hint) -> bool:
    """Return whether a hint stands for a list in the file."""
    return is_container(hint, Sequence) and not is_container(hint, str)
