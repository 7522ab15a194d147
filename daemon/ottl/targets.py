"""Paths that editors change: how to read and how to write what they lead to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daemon.ottl import syntax
from daemon.ottl.attributes import to_attribute, with_value
from daemon.ottl.errors import OttlBuildError
from daemon.ottl.evaluation import EditContext, NotLiteral, Operand, Read
from daemon.ottl.paths import ResolvedPath, read_key, read_keys
from daemon.ottl.values import Value
from daemon.ottl.writers import WRITERS, Writer

_Write = Callable[[EditContext, Value], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a path leads to.

    `write` puts any value but nil there and raises OttlEvaluationError if it does not fit; `store` puts there what an
    attribute can hold as it stands. `remembered` says that it is part of metric header, resource or scope.
    """

    path: str
    read: Read
    write: _Write
    store: _Write
    remembered: bool


def target_of(node: syntax.Path, path: ResolvedPath, keys: Sequence[Operand]) -> Target:
    """Return the target that a resolved path with these compiled keys is.

    Raises:
        OttlBuildError: it cannot be changed.
    """
    writer = WRITERS[path.owner].get(path.name)
    if writer is None:
        raise OttlBuildError(f"{node} cannot be changed", node.offset)
    store = _store_below(path, keys, writer) if keys else writer.store
    accept = to_attribute if keys else writer.accept
    return Target(
        path=str(node),
        read=read_keys(path.field, keys),
        write=lambda context, value: store(context, accept(value)),
        store=store,
        remembered=path.field.remembered,
    )


def _store_below(path: ResolvedPath, keys: Sequence[Operand], writer: Writer) -> _Write:
    """Return how to put a value behind keys of a map: the map is replaced."""
    attributes = path.field.attributes
    if attributes is None:
        raise OttlBuildError(f"{path.name} takes no keys")
    literals = [key.literal for key in keys if not isinstance(key.literal, NotLiteral)]
    known = [key for key in literals if isinstance(key, str | int)]
    if len(known) == len(keys):
        return lambda context, value: writer.store(
            context, with_value(attributes(context), known, value)
        )

    def store(context: EditContext, value: Value) -> None:
        at = [read_key(key, context) for key in keys]
        writer.store(context, with_value(attributes(context), at, value))

    return store
