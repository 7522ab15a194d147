"""Editors of maps: each makes a new map, and none where nothing changes (spec/ottl.md 6.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from daemon.ottl.attributes import to_attribute, valid_text
from daemon.ottl.editors.signature import TARGET, Arguments, Editor, refuse
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.evaluation import Edit, EditContext, EvaluationContext
from daemon.ottl.functions.conversions import kind_name
from daemon.ottl.functions.gotext import to_utf8
from daemon.ottl.functions.patterns import bind_pattern, compile_cached
from daemon.ottl.functions.signature import Param, ParamKind
from daemon.ottl.targets import Target
from daemon.ottl.values import Value

Map = dict[str, Value]
Change = Callable[[EvaluationContext, Map], Map]
"""Returns the changed map, or the same one if nothing changes; never changes it in place."""


def edit_map(target: Target, change: Change) -> Edit:
    """Return the edit that puts the changed map in the place of what the target holds."""
    read, store, path = target.read, target.store, target.path

    def edit(context: EditContext) -> None:
        held = read(context)
        if not isinstance(held, dict):
            raise OttlEvaluationError(f"expected map in {path}, got {kind_name(held)}")
        changed = change(context, held)
        if changed is not held:
            store(context, changed)

    return edit


def matcher(arguments: Arguments) -> Callable[[EvaluationContext], Callable[[str], bool]]:
    """Return what gives a search for the argument `pattern` in a text: compiled at start-up if it is a literal."""
    literal = bind_pattern(arguments.literals, "pattern", captures=False)
    read = arguments.read("pattern")

    def search(context: EvaluationContext) -> Callable[[str], bool]:
        compiled: Any = literal or compile_cached(str(read(context)), captures=False)  # Any: re2
        return lambda text: compiled.search(to_utf8(text)) is not None

    return search


def _kept(held: Map, keep: Callable[[str], bool]) -> Map:
    kept = {key: value for key, value in held.items() if keep(key)}
    return held if len(kept) == len(held) else kept


def _bind_delete_key(arguments: Arguments) -> Edit:
    read = arguments.read("key")

    def change(context: EvaluationContext, held: Map) -> Map:
        unwanted = read(context)
        return _kept(held, lambda key: key != unwanted) if unwanted in held else held

    return edit_map(arguments.target, change)


def _bind_delete_matching_keys(arguments: Arguments) -> Edit:
    search = matcher(arguments)

    def change(context: EvaluationContext, held: Map) -> Map:
        matches = search(context)
        return _kept(held, lambda key: not matches(key))

    return edit_map(arguments.target, change)


def _bind_keep_matching_keys(arguments: Arguments) -> Edit:
    search = matcher(arguments)
    return edit_map(arguments.target, lambda context, held: _kept(held, search(context)))


def _bind_keep_keys(arguments: Arguments) -> Edit:
    read = arguments.read("keys")

    def change(context: EvaluationContext, held: Map) -> Map:
        wanted = read(context)
        return _kept(held, lambda key: key in wanted)  # type: ignore[operator] # a list

    return edit_map(arguments.target, change)


def _bind_limit(arguments: Arguments) -> Edit:
    limit = arguments.number("limit")
    priority = arguments.literals.get("priority_keys", [])
    first = [str(key) for key in priority] if isinstance(priority, list) else []
    if limit < len(first):
        refuse(f"limit: expected at least {len(first)}, as many as there are priority keys")

    def change(_context: EvaluationContext, held: Map) -> Map:
        if len(held) <= limit:
            return held
        kept = {key for key in first if key in held}
        others = [key for key in held if key not in kept][: limit - len(kept)]
        return _kept(held, kept.union(others).__contains__)

    return edit_map(arguments.target, change)


def _bind_merge_maps(arguments: Arguments) -> Edit:
    strategy = arguments.choice("strategy", "insert", "update", "upsert", default="upsert")
    read = arguments.read("source")

    def change(context: EvaluationContext, held: Map) -> Map:
        source = to_attribute(read(context))
        assert isinstance(source, dict)  # noqa: S101 (the parameter takes maps only)
        if strategy == "insert":
            source = {key: value for key, value in source.items() if key not in held}
        elif strategy == "update":
            source = {key: value for key, value in source.items() if key in held}
        return {**held, **source} if source else held

    return edit_map(arguments.target, change)


def _bind_truncate_all(arguments: Arguments) -> Edit:
    limit = arguments.number("limit")
    utf8_safe = arguments.flag("utf8_safe", default=True)

    def change(_context: EvaluationContext, held: Map) -> Map:
        cut = {
            key: _truncate(value, limit, utf8_safe=utf8_safe)
            for key, value in held.items()
            if isinstance(value, str) and len(to_utf8(value)) > limit
        }
        return {**held, **cut} if cut else held

    return edit_map(arguments.target, change)


def _truncate(text: str, limit: int, *, utf8_safe: bool) -> Value:
    """Return the first bytes of a text; half a character at the end goes, or becomes a replacement character.

    Differs from the collector, which keeps half characters: attributes hold valid Unicode only.
    """
    return to_utf8(text)[:limit].decode("utf-8", "ignore" if utf8_safe else "replace")


def _bind_flatten(arguments: Arguments) -> Edit:
    depth = arguments.number("depth", default=2**31)
    resolve_conflicts = arguments.flag("resolve_conflicts")
    read_prefix = arguments.read("prefix", "")

    def change(context: EvaluationContext, held: Map) -> Map:
        prefix = valid_text(str(read_prefix(context) or ""))
        flat: Map = {}
        for key, value in _leaves(held, prefix, depth):
            flat[_free(flat, key) if resolve_conflicts else key] = value
        return held if list(flat) == list(held) else flat

    return edit_map(arguments.target, change)


def _leaves(value: Value, prefix: str, depth: int) -> list[tuple[str, Value]]:
    """Return what is inside a map or list with joined keys; depth 0 goes into the first level only."""
    members = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[arg-type] # a list
    leaves: list[tuple[str, Value]] = []
    for key, member in members:
        joined = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(member, dict | list) and depth > 0:
            leaves += _leaves(member, joined, depth - 1)
        else:
            leaves.append((joined, member))
    return leaves


def _free(flat: Map, key: str) -> str:
    """Return the key, with the first number behind it that makes it new."""
    if key not in flat:
        return key
    number = 0
    while f"{key}.{number}" in flat:
        number += 1
    return f"{key}.{number}"


_PATTERN: Final = Param("pattern", ParamKind.STRING)

EDITORS: Final[tuple[Editor, ...]] = (
    Editor(
        name="delete_key",
        params=(TARGET, Param("key", ParamKind.STRING)),
        bind=_bind_delete_key,
    ),
    Editor(name="delete_matching_keys", params=(TARGET, _PATTERN), bind=_bind_delete_matching_keys),
    Editor(name="keep_matching_keys", params=(TARGET, _PATTERN), bind=_bind_keep_matching_keys),
    Editor(
        name="keep_keys",
        params=(TARGET, Param("keys", ParamKind.STRING, many=True)),
        bind=_bind_keep_keys,
    ),
    Editor(
        name="limit",
        params=(
            TARGET,
            Param("limit", ParamKind.LITERAL_INT),
            Param("priority_keys", ParamKind.LITERAL_STRING, many=True, optional=True),
        ),
        bind=_bind_limit,
    ),
    Editor(
        name="merge_maps",
        params=(
            TARGET,
            Param("source", ParamKind.MAP),
            Param("strategy", ParamKind.LITERAL_STRING),
        ),
        bind=_bind_merge_maps,
    ),
    Editor(
        name="truncate_all",
        params=(
            TARGET,
            Param("limit", ParamKind.LITERAL_INT),
            Param("utf8_safe", ParamKind.LITERAL_BOOL, optional=True),
        ),
        bind=_bind_truncate_all,
    ),
    Editor(
        name="flatten",
        params=(
            TARGET,
            Param("prefix", ParamKind.STRING, optional=True),
            Param("depth", ParamKind.LITERAL_INT, optional=True),
            Param("resolve_conflicts", ParamKind.LITERAL_BOOL, optional=True),
        ),
        bind=_bind_flatten,
    ),
)
