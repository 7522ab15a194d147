"""The registry holds every converter of ottl.md 4.3 and 4.4 under its own name."""

from __future__ import annotations

import subprocess
import sys

from daemon.ottl.functions.registry import CONVERTERS, UNSUPPORTED


def test_names_are_keys() -> None:
    """A converter is found under the name it declares, and no refused name is also offered."""
    assert all(name == converter.name for name, converter in CONVERTERS.items())
    assert not UNSUPPORTED & CONVERTERS.keys()


def test_optional_parameters_come_last() -> None:
    """Arguments can be left out only at the end."""
    for converter in CONVERTERS.values():
        optional = [param.optional for param in converter.params]
        assert optional == sorted(optional), converter.name


NAMES = """
IsMatch HasAttrKeyOnDatapoint HasAttrOnDatapoint IsString IsInt IsDouble IsBool IsMap IsList Len Int Double Bool String
Concat Split Substring HasPrefix HasSuffix Index ContainsValue Coalesce ToLowerCase ToUpperCase ToSnakeCase ToCamelCase
ConvertCase Trim TrimPrefix TrimSuffix Keys Values ParseJSON ExtractPatterns Now Time Unix UnixNano UnixMicro UnixMilli
UnixSeconds Year Month Day Weekday Hour Minute Second Nanosecond Duration Hours Minutes Seconds Milliseconds
Microseconds Nanoseconds IsInCIDR Base64Decode Base64Encode CommunityID ConvertAttributesToElementsXML
ConvertTextToElementsXML Decode ExtractGrokPatterns FNV Format FormatTime GetXML InsertXML RemoveXML Hex IsValidLuhn Log
MD5 SHA1 SHA256 SHA512 Murmur3Hash Murmur3Hash128 ParseCSV ParseInt ParseKeyValue ParseSeverity ParseSimplifiedXML
ParseXML ProfileID SpanID TraceID SliceToMap Sort ToKeyValueString TruncateTime URL UserAgent UUID UUIDv7 XXH3 XXH128
"""


def test_every_converter_is_there() -> None:
    """Each name of ottl.md 4.3 and 4.4 can be called, and no other."""
    assert set(NAMES.split()) == CONVERTERS.keys()


def test_heavy_libraries_wait_for_their_first_use() -> None:
    """The registry itself loads neither lxml nor ua_parser, mmh3 or xxhash."""
    code = (
        "import sys, daemon.ottl.functions.registry;"
        "print([m for m in ('lxml', 'ua_parser', 'mmh3', 'xxhash') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
