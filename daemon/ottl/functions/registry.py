"""All converters by name (spec/ottl.md 4.3, 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daemon.ottl.functions import (
    containers,
    context,
    csvrow,
    digits,
    durations,
    encoding,
    formatting,
    grok,
    hashes,
    identifiers,
    kinds,
    letters,
    markup,
    network,
    parsing,
    patterns,
    severity,
    strings,
    times,
    urls,
)
from daemon.ottl.functions.signature import Converter

_MODULES: Final = (
    containers,
    context,
    csvrow,
    digits,
    durations,
    encoding,
    formatting,
    grok,
    hashes,
    identifiers,
    kinds,
    letters,
    markup,
    network,
    parsing,
    patterns,
    severity,
    strings,
    times,
    urls,
)

CONVERTERS: Final[Mapping[str, Converter]] = MappingProxyType(
    {converter.name: converter for module in _MODULES for converter in module.CONVERTERS}
)
"""Every converter that conditions may call."""

UNSUPPORTED: Final = frozenset({"IsRootSpan"})
"""Converters of the collector that make no sense for metrics; refused with a message of their own."""
