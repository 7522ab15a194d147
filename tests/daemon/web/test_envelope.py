"""Envelopes of the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.web.envelope import ApiError, Reply, reply


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (reply([]), {"status": "success", "data": []}),
        (reply({"a": "é"}, ["w"]), {"status": "success", "data": {"a": "é"}, "warnings": ["w"]}),
        (
            Reply(data=[b"[1", b",2]"], infos=("i",)),
            {"status": "success", "data": [1, 2], "infos": ["i"]},
        ),
    ],
    ids=["plain", "warnings", "infos"],
)
def test_success(given: Reply, expected: dict[str, Any]) -> None:
    """Annotations stand beside the data, only where there are any."""
    assert json.loads(b"".join(given.body())) == expected


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("bad_data", 400),
        ("execution", 422),
        ("canceled", 499),
        ("timeout", 503),
        ("unavailable", 503),
        ("internal", 500),
        ("not_found", 404),
        ("not_acceptable", 406),
        ("anything", 500),
    ],
)
def test_error(kind: str, status: int) -> None:
    """Each error type has its status; a lone surrogate does not break the answer."""
    error = ApiError(kind, "no \ud800")
    assert (error.status, json.loads(b"".join(error.body()))) == (
        status,
        {"status": "error", "errorType": kind, "error": "no ?"},
    )
