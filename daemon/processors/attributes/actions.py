"""Actions on attributes: built once, applied to one mapping after the other (otlp.md 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.config.attributes import ActionConfig
from daemon.config.errors import ConfigError, KeyPath
from daemon.config.fields import shown
from daemon.ottl.functions.gotext import from_utf8, to_utf8
from daemon.processors.attributes.sources import (
    ABSENT,
    ContextReader,
    Source,
    Values,
    build_source,
)
from daemon.processors.attributes.values import CONVERSIONS, hash_value
from daemon.processors.patterns import build_search, compile_checked
from receivers.consumer import RequestContext
from receivers.model import AnyValue

Action = Callable[[dict[str, AnyValue], Values], None]

_SETTINGS = {
    "insert": {"value", "from_attribute", "from_context", "default_value"},
    "update": {"value", "from_attribute", "from_context", "default_value"},
    "upsert": {"value", "from_attribute", "from_context", "default_value"},
    "delete": {"pattern"},
    "hash": {"pattern"},
    "extract": {"pattern"},
    "convert": {"converted_type"},
}
"""What each action takes besides `key`."""
_UNSET: tuple[object, ...] = (None, "")


@dataclass(frozen=True, slots=True)
class Actions:
    """Actions in order, and what of a message's context they read."""

    steps: tuple[Action, ...]
    readers: tuple[ContextReader, ...]

    def read(self, context: RequestContext) -> Values:
        """Return what `apply` needs of a message: hashable, so that it may be part of a key."""
        return tuple(reader(context) for reader in self.readers)

    def apply(self, attributes: dict[str, AnyValue], values: Values) -> None:
        """Change `attributes` in place."""
        for step in self.steps:
            step(attributes, values)


def build_actions(
    configs: Sequence[ActionConfig], path: KeyPath, mistakes: list[ConfigError]
) -> Actions:
    """Return the actions that stand at `path`; every mistake is added to `mistakes`."""
    if not configs:
        mistakes.append(ConfigError(path, "expected at least one action"))
    readers: list[ContextReader] = []
    steps = [
        _build_action(config, (*path, index), readers, mistakes)
        for index, config in enumerate(configs)
    ]
    return Actions(tuple(steps), tuple(readers))


def _build_action(
    config: ActionConfig, path: KeyPath, readers: list[ContextReader], mistakes: list[ConfigError]
) -> Action:
    _check_settings(config, path, mistakes)
    match config.action:
        case "insert" | "update" | "upsert":
            return _setter(config, build_source(config, path, readers, mistakes))
        case "delete":
            return _for_each_key(config, path, mistakes, _delete)
        case "hash":
            return _for_each_key(config, path, mistakes, _hash)
        case "extract":
            return _extractor(config, path, mistakes)
        case "convert":
            return _converter(config, path, mistakes)


def _check_settings(config: ActionConfig, path: KeyPath, mistakes: list[ConfigError]) -> None:
    """Note a key that is missing and settings that the action has no use for."""
    takes = _SETTINGS[config.action]
    by_pattern = config.action in {"delete", "hash"}
    if not config.key and not (by_pattern and config.pattern):
        what = "key or pattern" if by_pattern else "key"
        mistakes.append(ConfigError(path, f"{config.action} needs a {what}"))
    mistakes += [
        ConfigError((*path, name), f"{config.action} does not take {name}")
        for name in sorted(set().union(*_SETTINGS.values()) - takes)
        if getattr(config, name) not in _UNSET
    ]


def _setter(config: ActionConfig, source: Source) -> Action:
    key, kind = config.key, config.action

    def put(attributes: dict[str, AnyValue], values: Values) -> None:
        if kind != "upsert" and (key in attributes) is (kind == "insert"):
            return
        value = source(attributes, values)
        if value is not ABSENT:
            attributes[key] = value

    return put


def _delete(attributes: dict[str, AnyValue], key: str) -> None:
    del attributes[key]


def _hash(attributes: dict[str, AnyValue], key: str) -> None:
    attributes[key] = hash_value(attributes[key])


def _for_each_key(
    config: ActionConfig,
    path: KeyPath,
    mistakes: list[ConfigError],
    change: Callable[[dict[str, AnyValue], str], None],
) -> Action:
    """Return an action on `key` and on every key that `pattern` finds, each once."""
    key = config.key
    if not config.pattern:

        def change_one(attributes: dict[str, AnyValue], _values: Values) -> None:
            if key in attributes:
                change(attributes, key)

        return change_one
    search = build_search(config.pattern, (*path, "pattern"), mistakes)

    def change_found(attributes: dict[str, AnyValue], _values: Values) -> None:
        for name in list(attributes):
            if name == key or search(name):
                change(attributes, name)

    return change_found


def _extractor(config: ActionConfig, path: KeyPath, mistakes: list[ConfigError]) -> Action:
    place = (*path, "pattern")
    compiled: Any = None  # re2 ships no types
    if config.pattern:
        compiled = compile_checked(config.pattern, place, mistakes, captures=True)
    else:
        mistakes.append(ConfigError(path, "extract needs a pattern"))
    names = _group_names(compiled, place, mistakes)
    key = config.key

    def extract(attributes: dict[str, AnyValue], _values: Values) -> None:
        text = attributes.get(key)
        found = compiled.search(to_utf8(text)) if isinstance(text, str) else None
        if found is not None:
            for name, number in names.items():
                attributes[name] = from_utf8(found.group(number) or b"")

    return extract


def _group_names(
    compiled: Any,  # re2 ships no types
    place: KeyPath,
    mistakes: list[ConfigError],
) -> dict[str, int]:
    """Return the numbers of the groups by name; all must have one, and there must be some."""
    if compiled is None:
        return {}
    by_name = {
        from_utf8(name) if isinstance(name, bytes) else name: number
        for name, number in compiled.groupindex.items()
    }
    if not compiled.groups or len(by_name) < compiled.groups:
        expected = "expected every group to have a name, as in (?P<user>[a-z]+)"
        mistakes.append(ConfigError(place, expected))
    return dict(sorted(by_name.items(), key=lambda item: item[1]))


def _converter(config: ActionConfig, path: KeyPath, mistakes: list[ConfigError]) -> Action:
    conversion = CONVERSIONS.get(config.converted_type)
    if conversion is None:
        place = (*path, "converted_type") if config.converted_type else path
        got = shown(config.converted_type or None)
        expected = f"expected converted_type to be {', '.join(CONVERSIONS)}, got {got}"
        mistakes.append(ConfigError(place, expected))
        return lambda _attributes, _values: None
    key = config.key

    def change(attributes: dict[str, AnyValue], _values: Values) -> None:
        if key in attributes:
            attributes[key] = conversion(attributes[key])

    return change
