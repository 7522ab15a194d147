"""What a sidecar's metrics, label keys and label values are called on its page, and as it pushes them.

The page puts `dapr_` before the name, writes `_` for what Prometheus does not take, and shows a tag that was not recorded
as an empty label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from receivers.consumer import Count
from receivers.model import MetricHeader
from receivers.opencensus.decode import PHANTOM_VALUE, Layout
from receivers.opencensus.labels import keys_of_values
from receivers.opencensus.refusals import Refusal

PREFIX: Final = "dapr_"
"""The namespace that daprd gives its page (opencensus.md 4.14)."""
MAX_NAME_CHARACTERS: Final = 100
"""What the page keeps of a name."""
MAX_LABEL_SETS: Final = 16_384
"""Label sets remembered, of all senders together; those of replicas are the same."""
MAX_LABEL_CHARACTERS: Final = 2_048
"""Of a label set that is remembered."""
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_]")
_PAIR: Final = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"', re.ASCII)
_PAIRS: Final = re.compile(rf"(?:{_PAIR.pattern}(?:,|\Z))*", re.ASCII)
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n"}

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Naming:
    """What is called how on a page; one object for all senders with the same MetricDescriptor."""

    layout: Layout
    name: str
    """On the page."""
    keys: tuple[tuple[str, str], ...]
    """(on the page, as pushed), in the order of the wire."""

    @property
    def header(self) -> MetricHeader:
        """The header as pushes have it, the same object."""
        return self.layout.header


def name_on_page(layout: Layout) -> Naming:
    """Return what a pushed metric and its label keys are called on a page."""
    keys = tuple((_sanitized(key), key) for key in layout.label_keys)
    return Naming(layout, PREFIX + _sanitized(layout.header.name), keys)


class Reader:
    """How pages are read: what is wrong goes to `count`, label sets are remembered."""

    def __init__(self, count: Count) -> None:
        self.count = count
        self._known = lru_cache(MAX_LABEL_SETS)(pushed_labels)

    def labels(self, naming: Naming, text: str) -> Labels | Refusal:
        """Return what `pushed_labels` does."""
        if len(text) > MAX_LABEL_CHARACTERS:
            return pushed_labels(naming, text)
        return self._known(naming, text)


def pushed_labels(naming: Naming, text: str) -> Labels | Refusal:
    """Return the labels that a push has for a row of a page, wrong ones too where a push is shifted beyond repair.

    A push leaves out the values of absent tags, so that later ones slide to the keys before them (opencensus.md 4.1): what
    is repaired there is right here from the beginning, and for what is not, one series must not become two.
    """
    if _PAIRS.fullmatch(text) is None:
        return Refusal.UNDECODABLE_SERIES
    shown = {key: _unescaped(value) for key, value in _PAIR.findall(text)}
    layout = naming.layout
    keys: Sequence[str] = layout.label_keys
    if shown.keys() == {key for key, _ in naming.keys}:
        values = [shown[key] for key, _ in naming.keys if shown[key]]
        keys = keys_of_values(layout.header.name, layout.label_keys, values) or keys
    else:  # not what this descriptor says: then the page knows best
        keys, values = [key for key in shown if shown[key]], [one for one in shown.values() if one]
    if layout.may_hold_phantoms and values and values[0].startswith(PHANTOM_VALUE):
        return Refusal.PHANTOM_SERIES
    return tuple(zip(keys, values, strict=False))


def _sanitized(text: str) -> str:
    """Return `text` as the page writes names: at most 100 characters, and none that Prometheus does not take."""
    text = _NOT_IN_NAME.sub("_", text[:MAX_NAME_CHARACTERS])
    if text[:1].isdigit():
        return f"key_{text}"
    return f"key{text}" if text[:1] == "_" else text


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), value)
