"""Where the value of `insert`, `update` and `upsert` comes from (otlp.md 4.1)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from daemon.config.attributes import ActionConfig
from daemon.config.errors import ConfigError, KeyPath
from receivers.consumer import RequestContext
from receivers.model import AnyValue

Values = tuple[str | None, ...]
"""What each `from_context` gave, in order of the actions that have one."""
ContextReader = Callable[[RequestContext], str | None]

ABSENT: Final = cast("AnyValue", object())
"""There is no value: the action does nothing."""

Source = Callable[[Mapping[str, AnyValue], Values], AnyValue]
"""Gives the value that the action sets, or ABSENT."""

_SOURCES = ("value", "from_attribute", "from_context")
_METADATA, _CLIENT_ADDRESS, _AUTH = "metadata.", "client.address", "auth."


def build_source(
    config: ActionConfig, path: KeyPath, readers: list[ContextReader], mistakes: list[ConfigError]
) -> Source:
    """Return the source that `config` names; a reader of the context joins `readers`, mistakes `mistakes`."""
    named = [name for name in _SOURCES if getattr(config, name) not in (None, "")]
    if config.value == "":
        named = ["value", *named]
    if not named and config.default_value is None:
        expected = f"{config.action} needs a value, from_attribute or from_context"
        mistakes.append(ConfigError(path, expected))
    mistakes += [
        ConfigError((*path, other), f"cannot stand beside {named[0]}") for other in named[1:]
    ]
    for name in ("value", "default_value"):
        mistakes.extend(_beyond_int64(getattr(config, name), (*path, name)))
    first = _first_source(named[0] if named else "", config, readers)
    if config.default_value is None:
        return first
    default = _constant(config.default_value)

    def or_default(attributes: Mapping[str, AnyValue], values: Values) -> AnyValue:
        value = first(attributes, values)
        return default(attributes, values) if value is ABSENT else value

    return or_default


def _first_source(name: str, config: ActionConfig, readers: list[ContextReader]) -> Source:
    match name:
        case "value":
            return _constant(config.value)
        case "from_attribute":
            key = config.from_attribute
            return lambda attributes, _values: _own(attributes.get(key, ABSENT))
        case "from_context":
            place = len(readers)
            readers.append(_context_reader(config.from_context))
            return lambda _attributes, values: _or_absent(values[place])
        case _:
            return lambda _attributes, _values: ABSENT


def _or_absent(text: str | None) -> AnyValue:
    return ABSENT if text is None else text


def _constant(value: Any) -> Source:  # Any: whatever YAML gave
    return lambda _attributes, _values: _own(value)


def _own(value: AnyValue) -> AnyValue:
    """Return a value that nobody else holds: each data point may change its own."""
    return copy.deepcopy(value) if isinstance(value, list | dict) else value


def _context_reader(name: str) -> ContextReader:
    """Return what reads `client.address`, `metadata.<header>` or a bare `<header>` of a message's context.

    Nobody has authenticated here: `auth.<name>` is always absent.
    """
    if name == _CLIENT_ADDRESS:
        return lambda context: context.client_address or None
    if name.startswith(_AUTH):
        return lambda _context: None
    header = name.removeprefix(_METADATA).lower()

    def read(context: RequestContext) -> str | None:
        found = context.metadata.get(header)
        return ";".join(found) if found else None

    return read


def _beyond_int64(value: object, path: KeyPath) -> Iterator[ConfigError]:
    """Yield a mistake for each number that no attribute can hold; the collector wraps it around."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield ConfigError(path, f"expected a number of 64 bits with sign, got {value}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _beyond_int64(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _beyond_int64(item, (*path, key))
