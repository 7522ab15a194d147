"""Lists of texts as the collector reads them: a single text is split at commas (spec/ottl.md 5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from daemon.config.errors import KeyPath


class Text(NamedTuple):
    """One text and where it stands; one `split` off a longer text begins at character `offset` of that."""

    path: KeyPath
    text: str
    offset: int = 0
    split: bool = False


def texts_of(value: str | tuple[str, ...] | None, path: KeyPath) -> Iterator[Text]:
    """Yield the members of a list at `path`."""
    if isinstance(value, tuple):
        for index, text in enumerate(value):
            yield Text((*path, index), text)
    elif value:
        offset = 0
        for piece in value.split(","):
            yield Text(path, piece, offset, split="," in value)
            offset += len(piece) + 1
