"""OTLP/JSON -> the same request in protobuf (otlp.md 2), so that one decoder reads both."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NoReturn

from receivers.errors import DecodeError
from receivers.otlp.json_fields import KEY_VALUE, REQUEST, FieldType, MessageType
from receivers.otlp.json_scalars import WrongValueError, varint

_WHAT = "OTLP/JSON request"
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_MAX_REMEMBERED = 256
"""Characters of an attribute."""
_MAX_SHOWN = 60
"""Characters of a wrong value in an error."""


def transcode_json(body: bytes) -> bytes:
    """Return the ExportMetricsServiceRequest in `body` as protobuf.

    Text that is not UTF-8 is kept as it is: its data point is rejected later, the others are not (otlp.md 1.3).

    Raises:
        DecodeError: it is no JSON, or a value in it is not what its field takes.
    """
    try:
        # Pairs instead of dicts: the order of members decides between those of a oneof. Lists stay lists.
        document = json.loads(
            _replace_halves(body.decode(errors="surrogateescape")),
            object_pairs_hook=tuple,
            parse_constant=_refuse_constant,
        )
        return b"" if document is None else _encode_message(REQUEST, document)
    except WrongValueError as error:
        path = "".join(reversed(error.path)).removeprefix(".") or "document"
        raise DecodeError(
            _WHAT, f"{path}: expected {error.expected}, got {_show(error.value)}"
        ) from error
    except RecursionError as error:
        raise DecodeError(_WHAT, "nested too deep") from error
    except ValueError as error:
        raise DecodeError(_WHAT, f"not JSON: {error}") from error


def _replace_halves(text: str) -> str:
    r"""Return a document with U+FFFD for every `\ud83d` that is no half of a pair, as other readers of JSON have it."""
    if "\\ud" not in text and "\\uD" not in text:
        return text
    return _ESCAPE.sub(lambda found: "\ufffd" if found["half"] else found[0], text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f'{name} must be a text: "{name}"')


def _encode_message(message: MessageType | None, document: object) -> bytes:
    if type(document) is not tuple:
        raise WrongValueError("an object", document)
    assert message is not None  # noqa: S101 a field without an encoding is a message
    fields = message.fields
    parts: dict[int, bytes] = {}
    for name, value in document:
        field = fields.get(name)
        if field is None:
            continue
        try:
            if field.is_repeated:
                parts[field.slot] = _encode_list(field, value)
            elif field.encode is not None:
                parts[field.slot] = field.tag + field.encode(value)
            elif value is not None:
                raw = _encode_message(field.message, value)
                parts[field.slot] = field.tag + varint(len(raw)) + raw
        except WrongValueError as error:
            error.path.append(f".{name}")
            raise
    # In order of their numbers, as other encoders write: that form is read quickest.
    return b"".join([parts[slot] for slot in sorted(parts)] if len(parts) > 1 else parts.values())


def _encode_list(field: FieldType, values: object) -> bytes:
    if values is None:
        return b""
    if type(values) is not list:
        raise WrongValueError("a list", values)
    encoded: list[bytes] = []
    try:
        if field.encode is not None:
            encoded.extend(map(field.encode, values))
            raw = b"".join(encoded)
            return field.tag + varint(len(raw)) + raw
        encode = _encode_attribute if field.message is KEY_VALUE else _encode_part
        for value in values:
            encoded.append(encode(field, value))  # noqa: PERF401 its length tells the path of an error
    except WrongValueError as error:
        error.path.append(f"[{len(encoded)}]")
        raise
    return b"".join(encoded)


def _encode_part(field: FieldType, value: object) -> bytes:
    raw = b"" if value is None else _encode_message(field.message, value)
    return field.tag + varint(len(raw)) + raw


def _encode_attribute(field: FieldType, value: Any) -> bytes:
    """Return one KeyValue; most are texts that came before, which saves half of a document's time."""
    try:
        (_, key), (_, ((_, text),)) = value
    except (TypeError, ValueError):
        return _encode_part(field, value)
    # Texts only: numbers and truth values that differ may be equal as keys.
    if type(key) is str and type(text) is str and len(key) + len(text) <= _MAX_REMEMBERED:
        return _encode_known(field, value)
    return _encode_part(field, value)


_encode_known = lru_cache(maxsize=16_384)(_encode_part)


def _show(value: object) -> str:
    """Return the beginning of a value, as JSON as far as it is a scalar."""
    if isinstance(value, tuple):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
