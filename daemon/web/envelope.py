"""What the Prometheus API wraps its answers in: success with data and annotations, errors with type and status (promql.md 7)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

INTERNAL_STATUS = 500
STATUS: Mapping[str, int] = MappingProxyType(
    {
        "bad_data": 400,
        "execution": 422,
        "canceled": 499,
        "timeout": 503,
        "unavailable": 503,
        "internal": 500,
        "not_found": 404,
        "not_acceptable": 406,
    }
)
"""HTTP status by errorType; anything else is 500."""


class ApiError(Exception):
    """A request that is answered with an error; `status` only where it is not the one of `error_type`."""

    def __init__(self, error_type: str, message: str, status: int | None = None) -> None:
        super().__init__(error_type, message)
        self.error_type = error_type
        self.message = message
        self.status = status or STATUS.get(error_type, INTERNAL_STATUS)

    def __str__(self) -> str:
        return self.message

    def body(self) -> Sequence[bytes]:
        """Return the error's envelope."""
        document = {"status": "error", "errorType": self.error_type, "error": self.message}
        return [_json(document)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Data that was found, as JSON in pieces, and what the asker should know besides."""

    data: Sequence[bytes]
    warnings: Sequence[str] = ()
    infos: Sequence[str] = ()

    def body(self) -> Sequence[bytes]:
        """Return the envelope of success in pieces: large data are not copied."""
        parts = [b'{"status":"success","data":', *self.data]
        for key, texts in (("warnings", self.warnings), ("infos", self.infos)):
            if texts:
                parts += [f',"{key}":'.encode(), _json(list(texts))]
        return [*parts, b"}"]


def reply(data: object, warnings: Sequence[str] = ()) -> Reply:
    """Return plain data as a reply."""
    return Reply(data=[_json(data)], warnings=warnings)


def bad_parameter(name: str, cause: str) -> ApiError:
    """Return the error of a parameter that cannot be read."""
    return ApiError("bad_data", f'invalid parameter "{name}": {cause}')


def _json(document: object) -> bytes:
    # A lone surrogate, which YAML and JSON can smuggle in, has no UTF-8: it is shown as a question mark.
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace")
