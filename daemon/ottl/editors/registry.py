"""All editors by name (spec/ottl.md 6.3, 6.4)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daemon.ottl.editors import aggregation, buckets, derived, headers, maps, texts, values
from daemon.ottl.editors.signature import Editor

EDITORS: Final[Mapping[str, Editor]] = MappingProxyType(
    {
        editor.name: editor
        for module in (values, maps, texts, headers, derived, buckets, aggregation)
        for editor in module.EDITORS
    }
)
"""Every editor that statements may begin with."""
