"""The head of a snapshot: when it was written, and what KEDA was told."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.scaler.decision import Told
from daemon.snapshot.extension import _read_head
from daemon.snapshot.file import SnapshotError

TOLD = {"value": 1.0, "active": True, "at_ms": 5}


def test_what_was_written() -> None:
    """It is what is read."""
    assert _read_head({"at_ms": 7, "held": {"k": TOLD}}) == (
        7,
        {"k": Told(value=1.0, active=True, at_ms=5)},
    )


@pytest.mark.parametrize(
    "head",
    [
        {},
        {"at_ms": float("inf"), "held": {}},
        {"at_ms": 7, "held": []},
        {"at_ms": 7, "held": {"k": {}}},
        {"at_ms": 7, "held": {"k": {**TOLD, "value": float("nan")}}},
        {"at_ms": 7, "held": {"k": {**TOLD, "value": "1"}}},
        {"at_ms": 7, "held": {"k": {**TOLD, "active": "false"}}},
        {"at_ms": 7, "held": {"k": {**TOLD, "at_ms": None}}},
    ],
    ids=str,
)
def test_what_nobody_wrote(head: dict[str, Any]) -> None:
    """It is no head: nothing of it would be told to KEDA."""
    with pytest.raises(SnapshotError):
        _read_head(head)
