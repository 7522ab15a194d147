"""One verb of `Format`: numbers and texts as Go's fmt package writes them (spec/ottl.md 4.4)."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from daemon.ottl.functions.gotext import from_utf8, to_utf8

_BASES: Final = {"b": 2, "o": 8, "O": 8, "d": 10, "v": 10, "x": 16, "X": 16}
_PREFIXES: Final = {2: "0b", 8: "0", 16: "0x"}
_MAX_RUNE: Final = sys.maxunicode
_REPLACEMENT: Final = "\ufffd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What stands between the percent sign and the verb."""

    width: int | None = None
    precision: int | None = None
    plus: bool = False
    minus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    sharp_v: bool = False


def pad(text: str, flags: Flags, *, zero: bool = True) -> str:
    """Return the text filled up to the width: at its left with blanks or zeros, or at its right with blanks."""
    if flags.width is None:
        return text
    if flags.minus:
        return text.ljust(flags.width)
    return text.rjust(flags.width, "0" if flags.zero and zero else " ")


def format_integer(number: int, verb: str, flags: Flags) -> str | None:
    """Return an integer written by a verb, or None when the verb is not for integers."""
    if verb in _BASES:
        return _in_base(number, verb, flags)
    if verb == "c":
        return pad(_rune(number), flags)
    if verb == "q":
        return pad(_quote(_rune(number), "'", ascii_only=flags.plus), flags)
    if verb == "U":
        return _unicode(number, flags)
    return None


def format_boolean(truth: bool, verb: str, flags: Flags) -> str | None:
    """Return `true` or `false`, or None when the verb is not for booleans."""
    return pad("true" if truth else "false", flags) if verb in {"t", "v"} else None


def format_text(text: str, verb: str, flags: Flags) -> str | None:
    """Return a text written by a verb, or None when the verb is not for texts."""
    if verb in {"x", "X"}:
        return format_bytes(to_utf8(text), verb, flags)
    shown = text if flags.precision is None else text[: flags.precision]
    if verb == "q" or (verb == "v" and flags.sharp_v):
        if flags.sharp and "`" not in shown and all(c.isprintable() or c == "\t" for c in shown):
            return pad(f"`{shown}`", flags)
        return pad(_quote(shown, '"', ascii_only=flags.plus), flags)
    return pad(shown, flags) if verb in {"s", "v"} else None


def format_bytes(data: bytes, verb: str, flags: Flags) -> str | None:
    """Return bytes written by a verb: numbers in brackets, text or hexadecimal; None for other verbs."""
    if verb in {"v", "d"}:
        one = Flags(plus=flags.plus, space=flags.space)
        return "[" + " ".join(_in_base(byte, "d", one) for byte in data) + "]"
    if verb in {"s", "q"}:
        return format_text(from_utf8(data), verb, flags)
    if verb not in {"x", "X"}:
        return None
    pairs = [f"{byte:02x}" for byte in data[: flags.precision]]
    prefix = "0x" if flags.sharp and pairs else ""
    text = " ".join(prefix + pair for pair in pairs) if flags.space else prefix + "".join(pairs)
    return pad(text.upper() if verb == "X" else text, flags)


def format_number(number: float, verb: str, flags: Flags) -> str | None:
    """Return a float written by a verb, or None when the verb is not for floats."""
    if verb not in "veEfFgGxXb":
        return None
    magnitude = abs(number)
    if math.isnan(number):
        digits = "NaN"
    elif math.isinf(number):
        digits = "Inf"
    else:
        digits = _magnitude(magnitude, verb, flags)
    negative = math.copysign(1, number) < 0 and not math.isnan(number)
    sign = "-" if negative else ("+" if flags.plus else (" " if flags.space else ""))
    if digits == "Inf" and not sign:
        sign = "+"
    if math.isfinite(number) and flags.zero and not flags.minus and flags.width is not None:
        return sign + digits.rjust(flags.width - len(sign), "0")
    return pad(sign + digits, flags, zero=False)


def _magnitude(magnitude: float, verb: str, flags: Flags) -> str:
    kind = {"v": "g", "F": "f"}.get(verb, verb.lower())
    alternate = "#" if flags.sharp else ""
    if kind in {"e", "f"}:
        text = f"{magnitude:{alternate}.{6 if flags.precision is None else flags.precision}{kind}}"
    elif kind == "g":
        text = _general(magnitude, flags.precision, alternate)
    elif kind == "x":
        text = _hexadecimal(magnitude, flags.precision)
    else:
        exponent = (
            max(math.frexp(magnitude)[1], _LOWEST_EXPONENT) if magnitude else _LOWEST_EXPONENT
        )
        text = f"{int(math.ldexp(magnitude, 53 - exponent))}p{exponent - 53:+d}"
    return text.upper() if verb in "EGX" else text


def _general(magnitude: float, precision: int | None, alternate: str) -> str:
    if precision is not None:
        return f"{magnitude:{alternate}.{precision}g}"
    digits = Decimal(repr(magnitude)).normalize()
    if alternate and len(digits.as_tuple().digits) < _SHARP_DIGITS:
        return f"{magnitude:#.{_SHARP_DIGITS}g}"
    exponent = digits.adjusted() if magnitude else 0
    if _LOWEST_PLAIN <= exponent < _LIMIT_PLAIN:
        return format(digits, "f") if magnitude else "0"
    mantissa = format(digits.scaleb(-exponent), "f")
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _hexadecimal(magnitude: float, precision: int | None) -> str:
    if magnitude == 0:
        return "0x0" + ("." + "0" * precision if precision else "") + "p+00"
    fraction, exponent = math.frexp(magnitude)
    mantissa = int(math.ldexp(fraction, 53))  # one bit, then 13 hexadecimal digits
    exponent -= 1
    if precision is not None and precision < _HEX_DIGITS:
        dropped = 4 * (_HEX_DIGITS - precision)
        half, rest = 1 << (dropped - 1), mantissa & ((1 << dropped) - 1)
        mantissa >>= dropped
        mantissa += rest > half or (rest == half and mantissa & 1)
        mantissa <<= dropped
        if mantissa >> 53:
            mantissa >>= 1
            exponent += 1
    digits = f"{mantissa & ((1 << 52) - 1):013x}"
    digits = digits.rstrip("0") if precision is None else digits[:precision].ljust(precision, "0")
    return f"0x1{'.' + digits if digits else ''}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _in_base(number: int, verb: str, flags: Flags) -> str:
    base = _BASES[verb]
    sign = "-" if number < 0 else ("+" if flags.plus else (" " if flags.space else ""))
    digits = format(abs(number), {2: "b", 8: "o", 10: "d", 16: "x"}[base])
    least = 0
    if flags.precision is not None:
        if flags.precision == 0 and number == 0:
            return pad("", flags, zero=False)
        least = flags.precision
    elif flags.zero and not flags.minus and flags.width is not None:
        least = flags.width - len(sign)
    digits = digits.rjust(least, "0")
    if flags.sharp and not (base == 8 and digits.startswith("0")):
        digits = _PREFIXES.get(base, "") + digits
    if verb == "O":
        digits = "0o" + digits
    text = digits.upper() if verb == "X" else digits
    return pad(sign + text, flags, zero=False)


def _unicode(number: int, flags: Flags) -> str:
    code = number % 2**64
    text = "U+" + f"{code:X}".rjust(max(4, flags.precision or 0), "0")
    if flags.sharp and code <= _MAX_RUNE and chr(code).isprintable():
        text += f" '{chr(code)}'"
    return pad(text, flags, zero=False)


def _rune(number: int) -> str:
    if not 0 <= number <= _MAX_RUNE or 0xD800 <= number <= 0xDFFF:
        return _REPLACEMENT
    return chr(number)


def _quote(text: str, mark: str, *, ascii_only: bool) -> str:
    return mark + "".join(_escape(char, mark, ascii_only) for char in text) + mark


def _escape(char: str, mark: str, ascii_only: bool) -> str:
    if char in {mark, "\\"}:
        return "\\" + char
    code = ord(char)
    if char.isprintable() and (code < 0x80 or not ascii_only):
        return char
    if char in _ESCAPES:
        return _ESCAPES[char]
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_ESCAPES: Final = {
    "\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v",
}  # fmt: skip
_SHARP_DIGITS: Final = 6
_LOWEST_PLAIN: Final = -4
_LIMIT_PLAIN: Final = 6
"""A float prints with an exponent from here on."""
_HEX_DIGITS: Final = 13
_LOWEST_EXPONENT: Final = -1021
