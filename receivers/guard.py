"""Who may send: asked before anything of a request is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Guard(Protocol):
    """Decides by a request's headers; whoever starts the process says by what."""

    challenge: str
    """What a sender is told to show: the value of WWW-Authenticate."""

    async def refusal(self, headers: Mapping[str, str], peer: str) -> str | None:
        """Return why `peer` is not served, or None if it is; header names are in lower case."""
