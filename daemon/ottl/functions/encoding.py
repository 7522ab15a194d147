"""Converters between bytes and text: base64, character sets, hexadecimal (spec/ottl.md 4.4)."""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Callable, Mapping
from typing import Final

from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.conversions import kind_name
from daemon.ottl.functions.declare import TARGET, plain
from daemon.ottl.functions.gotext import GO_SPACE, from_utf8, to_utf8
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import Value

_VARIANTS: Final = ("base64", "base64-raw", "base64-url", "base64-raw-url")
_URL_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")


def base64_encode(target: str, variant: str | None = None) -> str:
    """Return base64 text: with padding unless `raw`, with `-_` for `+/` when `url`."""
    if variant is not None and variant not in _VARIANTS:
        raise OttlEvaluationError(
            f"Base64Encode: expected one of {', '.join(_VARIANTS)}, got {variant!r}"
        )
    chosen = variant or "base64"
    encode = base64.urlsafe_b64encode if "url" in chosen else base64.b64encode
    text = encode(to_utf8(target)).decode("ascii")
    return text.rstrip("=") if "raw" in chosen else text


def base64_decode(target: str) -> str:
    """Return the text of base64; bytes that are no UTF-8 are kept."""
    return from_utf8(_decode_base64(to_utf8(target), "base64"))


def _decode_base64(data: bytes, variant: str) -> bytes:
    data = data.replace(b"\r", b"").replace(b"\n", b"")
    if "url" in variant:
        if b"+" in data or b"/" in data:
            raise OttlEvaluationError(f"bad {variant}: it has - and _ where base64 has + and /")
        data = data.translate(_URL_ALPHABET)
    if "raw" in variant:
        if b"=" in data or len(data) % 4 == 1:
            raise OttlEvaluationError(
                f"bad {variant}: expected no padding and no lone last character"
            )
        data += b"=" * (-len(data) % 4)
    try:
        return binascii.a2b_base64(data, strict_mode=True) if data else b""
    except binascii.Error as error:
        raise OttlEvaluationError(f"bad {variant}: {error}") from None


def _bind_decode(literals: Mapping[str, Value]) -> Function:
    if "encoding" not in literals:
        return lambda target, encoding: _decoder(encoding)(_bytes_of(target))
    try:
        decode = _decoder(str(literals["encoding"]))
    except OttlEvaluationError as error:
        raise OttlBuildError(f"Decode: {error}") from None
    return lambda target, _encoding: decode(_bytes_of(target))


def _bytes_of(target: Value) -> bytes:
    if isinstance(target, bytes):
        return target
    if isinstance(target, str):
        return to_utf8(target)
    raise OttlEvaluationError(f"Decode: expected string or bytes, got {kind_name(target)}")


def _decoder(encoding: str) -> Callable[[bytes], str]:
    if encoding in _VARIANTS:
        return lambda data: from_utf8(_decode_base64(data.strip(_BLANKS), encoding))
    name = encoding.lower()
    if name in _AS_IS:
        return from_utf8
    if name in _UTF8:
        return lambda data: data.decode("utf-8", "replace")
    codec = _codec("utf-16-le" if name in {"utf-16", "utf16"} else name)

    def decode(data: bytes) -> str:
        try:
            return codec.decode(data, "replace")[0]
        except UnicodeError as error:
            raise OttlEvaluationError(
                f"Decode: bytes are no {name}: {error.__class__.__name__}"
            ) from None

    return decode


def _codec(name: str) -> codecs.CodecInfo:
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        codec = None
    if codec is None or codec.name in _NOT_CHARSETS:
        raise OttlEvaluationError(
            f"encoding {name[:40]!r} is not known; use an IANA name such as iso-8859-1, or base64"
        )
    return codec


def hexadecimal(target: bytes | None) -> str:
    """Return lower-case hexadecimal digits; an int or float has 16 of them, nil none."""
    return (target or b"").hex()


_BLANKS: Final = GO_SPACE[:6].encode("ascii")
_AS_IS: Final = frozenset({"nop", "utf-8-raw", "utf8-raw"})
_UTF8: Final = frozenset({"", "utf-8", "utf8", "ascii", "us-ascii"})
_NOT_CHARSETS: Final = frozenset(
    {
        "base64", "bz2", "hex", "idna", "mbcs", "oem", "punycode", "quopri", "raw-unicode-escape", "rot13", "rot-13", "undefined",
        "unicode-escape", "uu", "zlib",
    }
)  # fmt: skip
"""Transforms that Python lists among its codecs."""

CONVERTERS: Final[tuple[Converter, ...]] = (
    plain("Base64Encode", base64_encode, TARGET, Param("variant", ParamKind.STRING, optional=True)),
    plain("Base64Decode", base64_decode, TARGET),
    Converter(
        name="Decode",
        params=(Param("target", ParamKind.ANY), Param("encoding", ParamKind.STRING)),
        bind=_bind_decode,
    ),
    plain("Hex", hexadecimal, Param("target", ParamKind.BYTES_LIKE)),
)
