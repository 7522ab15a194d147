"""How much memory may be taken until somebody has looked at how much is left."""

from __future__ import annotations

from collections.abc import Callable


class Allowance:
    """Bytes to spend; without a limit as long as nobody sets one."""

    def __init__(self) -> None:
        self.left_bytes: int | None = None
        """None is no limit; from 0 on nothing is given until somebody sets more."""
        self.on_spent: Callable[[], None] = _nothing
        """Called when it is used up; may set more."""

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.left_bytes == 0

    def spend(self, size_bytes: int) -> bool:
        """Take so much off, and return whether it was there; asks for more at most once, and is spent if that is too little."""
        if self.is_spent:
            return False
        if self.left_bytes is not None and size_bytes > self.left_bytes:
            self.left_bytes = 0
            self.on_spent()
        left_bytes: int | None = self.left_bytes
        if left_bytes is None:
            return True
        self.left_bytes = max(left_bytes - size_bytes, 0)
        return size_bytes <= left_bytes


def _nothing() -> None:
    """Set no more."""
