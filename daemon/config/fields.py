"""Types of settings: text in the file, checked and converted, with messages that say what was expected."""

from __future__ import annotations

import re
from typing import Annotated

from daemon.config.markers import BeforeValidator, Field, PlainSerializer, RejectedError
from query.durations import format_duration, parse_duration_ms
from query.errors import DurationError

_ENDPOINT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:/\s]*):(?P<port>[0-9]{1,5})\Z")


def shown(value: object) -> str:
    """Return `value` as an error message quotes it: short, text in quotes, nothing for null."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def rejected(expected: str) -> RejectedError:
    """Return the error that a field's validator raises; its text reaches the operator as it is."""
    return RejectedError(expected)


def parse_endpoint(value: object) -> str:
    """Return `host:port` as written, with `[::]` for an empty host.

    Raises:
        RejectedError: it is not host:port.
    """
    found = _ENDPOINT.match(value) if isinstance(value, str) else None
    if found is None or int(found["port"]) > 65535:
        port = "" if isinstance(value, bool) else str(value).removeprefix(":")
        is_port = re.fullmatch("[0-9]{1,5}", port) and int(port) <= 65535
        hint = f"; write '[::]:{port}'" if is_port else ""
        raise rejected(f"expected host:port, got {shown(value)}{hint}")
    return f"{found['host'] or '[::]'}:{found['port']}"


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Return host, without brackets, and port of a checked endpoint."""
    host, _, port = endpoint.rpartition(":")
    return host.strip("[]"), int(port)


def parse_duration(value: object) -> int:
    """Return the milliseconds of a duration with a unit, or 0.

    Raises:
        PydanticCustomError: it is none.
    """
    if value == 0 and not isinstance(value, bool):
        return 0
    if not isinstance(value, str):
        is_number = isinstance(value, int) and not isinstance(value, bool) and value > 0
        hint = f": {value} has no unit: write {value}s" if is_number else ""
        raise rejected(f"expected a duration such as 5m or 90s, got {shown(value)}{hint}")
    try:
        return parse_duration_ms(value)
    except DurationError as error:
        raise rejected(str(error)) from error


Endpoint = Annotated[str, BeforeValidator(parse_endpoint)]
"""host:port to listen on; `:4318` means `[::]:4318`, all addresses of both kinds."""

DurationMs = Annotated[int, BeforeValidator(parse_duration), PlainSerializer(format_duration)]
"""A duration such as 5m, 90s or 1h30m; 0 needs no unit."""

SizeMiB = Annotated[int, Field(ge=1, le=1024)]
"""A whole number of MiB."""

Count = Annotated[int, Field(ge=1)]
"""A limit: a whole number, at least 1."""

CountOrNone = Annotated[int, Field(ge=0)]
"""A limit that 0 switches off."""
