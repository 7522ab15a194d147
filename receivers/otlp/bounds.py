"""Bucket bounds."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from math import isnan
from operator import lt


def increase(bounds: Sequence[float]) -> bool:
    """Return whether each bound is above the one before."""
    return all(map(lt, bounds, bounds[1:])) and not (bounds and isnan(bounds[0]))


@lru_cache(maxsize=1024)
def are_increasing(raw: bytes) -> bool:
    """Return the same of bounds as they arrive: doubles, without more."""
    return len(raw) % 8 == 0 and increase(struct.unpack(f"<{len(raw) // 8}d", raw))
