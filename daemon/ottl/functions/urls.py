"""`URL` and `UserAgent`: maps named by the semantic conventions (spec/ottl.md 4.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.declare import plain
from daemon.ottl.functions.gotext import from_utf8, to_utf8
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import RawList, RawMap, Value


def parse_url(uri: str) -> RawMap:
    """Return the parts of a URL under `url.*`; a text that begins with `?` gives its parameters under `query`.

    Raises OttlEvaluationError for a text that Go's net/url refuses.
    """
    if not uri:
        raise OttlEvaluationError("URL: expected a URL, got an empty text")
    if uri.startswith("?"):
        return _parameters(uri[1:])
    if _CONTROL.search(uri):
        raise OttlEvaluationError("URL: a control character is not allowed")
    rest, hash_mark, fragment = uri.partition("#")
    scheme, rest = _split_scheme(rest)
    rest, question, query = rest.partition("?")
    result = RawMap({"url.scheme": scheme, "url.domain": "", "url.path": ""})
    start = f"{scheme}:" if scheme else ""
    opaque = bool(scheme) and not rest.startswith("/")
    if not opaque:
        start += _read_authority(result, rest)
        rest = _path_of(rest)
        result["url.path"] = _decode(rest)
        start += _encode(rest, _PATH_SAFE)
    else:
        start += rest
    if query:
        result["url.query"] = query
    if fragment:
        result["url.fragment"] = _decode(fragment)
    original = (
        start
        + question
        + query
        + (hash_mark + _encode(fragment, _FRAGMENT_SAFE) if fragment else "")
    )
    result["url.original"] = original
    _read_extension(result)
    return result


def _split_scheme(text: str) -> tuple[str, str]:
    found = _SCHEME.match(text)
    if found is not None:
        return found[1].lower(), text[found.end() :]
    if text.startswith(":"):
        raise OttlEvaluationError("URL: the scheme before the colon is missing")
    if not text.startswith("/") and ":" in re.split("[/?]", text, maxsplit=1)[0]:
        raise OttlEvaluationError("URL: a colon stands in the first part of the path")
    return "", text


def _path_of(rest: str) -> str:
    if not rest.startswith("//") or rest.startswith("///"):
        return rest[2:] if rest.startswith("///") else rest
    slash = rest.find("/", 2)
    return rest[slash:] if slash >= 0 else ""


def _read_authority(result: RawMap, rest: str) -> str:
    """Store user, host and port; return the authority as it prints."""
    if not rest.startswith("//"):
        return ""
    authority = rest[2:].partition("/")[0]
    user, at, host = authority.rpartition("@")
    printed = f"//{_read_user(result, user)}@{host}" if at else f"//{host}"
    if not _HOST.fullmatch(host):
        raise OttlEvaluationError(f"URL: bad host or port in {host[:60]!r}")
    bracket = host.rfind("]")
    name, _, port = host[bracket + 1 :].partition(":")
    name = _decode(host[: bracket + 1] + name)
    result["url.domain"] = name[1:-1] if name.startswith("[") else name
    if port:
        if len(port) > _MAX_PORT_DIGITS:
            raise OttlEvaluationError(f"URL: bad port {port[:40]!r}")
        result["url.port"] = int(port)
    return printed


def _read_user(result: RawMap, user: str) -> str:
    """Store the user; return the part before the `@` as it prints."""
    if not _USER.fullmatch(user):
        raise OttlEvaluationError("URL: bad character in the user information")
    name, colon, password = map(_decode, user.partition(":"))
    printed = quote(to_utf8(name), safe=_USER_SAFE)
    if name:
        result["url.username"] = name
    if colon:
        result["url.password"] = password
        printed += ":" + quote(to_utf8(password), safe=_USER_SAFE)
    result["url.user_info"] = printed
    return printed


def _read_extension(result: RawMap) -> None:
    _, dot, extension = str(result["url.path"]).rpartition(".")
    if dot and extension:
        result["url.extension"] = extension


def _parameters(query: str) -> RawMap:
    values: dict[str, RawList] = {}
    for pair in query.split("&"):
        if ";" in pair:
            raise OttlEvaluationError("URL: a semicolon cannot separate parameters")
        if pair:
            name, _, value = pair.partition("=")
            values.setdefault(_decode(name, plus=True), RawList()).append(_decode(value, plus=True))
    return RawMap({"query": RawMap(values)} if values else {})


def _decode(text: str, *, plus: bool = False) -> str:
    if _BAD_ESCAPE.search(text):
        raise OttlEvaluationError(f"URL: bad escape in {text[:60]!r}")
    return from_utf8(unquote_to_bytes(to_utf8(text.replace("+", " ") if plus else text)))


def _encode(text: str, safe: str) -> str:
    """Return the text as it prints: as given where it is well formed, else escaped anew."""
    return quote(to_utf8(text), safe=safe + "%")


def _bind_user_agent(_literals: Mapping[str, Value]) -> Function:
    # The rules are megabytes of Python: loaded only when a condition needs them.
    from ua_parser import parse_os, parse_user_agent  # noqa: PLC0415

    def describe(user_agent: str) -> RawMap:
        if len(user_agent) > MAX_USER_AGENT:
            raise OttlEvaluationError(f"UserAgent: expected at most {MAX_USER_AGENT} characters")
        agent, system = parse_user_agent(user_agent), parse_os(user_agent)
        version = (agent.major, agent.minor, agent.patch) if agent else ()
        result = RawMap(
            {
                "user_agent.name": agent.family if agent else "Other",
                "user_agent.original": user_agent,
                "user_agent.version": _version(version),
                "os.name": system.family if system else "Other",
            }
        )
        os_version = _version(
            (system.major, system.minor, system.patch, system.patch_minor) if system else ()
        )
        if os_version:
            result["os.version"] = os_version
        return result

    return describe


def _version(parts: tuple[str | None, ...]) -> str:
    told: list[str] = []
    for part in parts:
        if not part:
            break
        told.append(part)
    return ".".join(told)


MAX_USER_AGENT: Final = 4096
"""A thousand rules are tried on a user agent, some of them slow on long texts."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_HOST: Final = re.compile(
    r"(?:\[[0-9a-fA-F:.]+(?:%25[^\]\s]+)?\]|(?:[^\s:\[\]/?#@<>\"\\^`{|}%]|%[89a-fA-F][0-9a-fA-F])*)(?::[0-9]*)?"
)
_USER: Final = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")
_MAX_PORT_DIGITS: Final = 18
_USER_SAFE: Final = "$&+,;="
_PATH_SAFE: Final = "/$&+,;=:@!'()*[]"
_FRAGMENT_SAFE: Final = _PATH_SAFE + "?"

CONVERTERS: Final[tuple[Converter, ...]] = (
    plain("URL", parse_url, Param("uri", ParamKind.STRING)),
    Converter(
        name="UserAgent",
        params=(Param("user_agent", ParamKind.STRING),),
        bind=_bind_user_agent,
    ),
)
