"""Whose pages in a browser may send: preflights and the headers of answers (otlp.md 1.1, WHATWG Fetch)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_ALWAYS_ALLOWED = frozenset({"accept", "content-type", "origin", "x-requested-with"})
_METHOD = "POST"
_VARY_PREFLIGHT = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsSettings:
    """Origins with `*` for any run of characters; request headers, `*` for all; 0 seconds says nothing of an age."""

    allowed_origins: Sequence[str] = ()
    allowed_headers: Sequence[str] = ()
    max_age_s: int = 0


class Cors:
    """Answers for browsers; off without any allowed origin."""

    def __init__(self, settings: CorsSettings) -> None:
        self._origins = [_pattern(origin) for origin in settings.allowed_origins]
        self._headers = _ALWAYS_ALLOWED | {name.lower() for name in settings.allowed_headers}
        self._any_header = "*" in settings.allowed_headers
        self._max_age_s = settings.max_age_s

    def is_preflight(self, method: str, headers: Mapping[str, str]) -> bool:
        """Return whether a browser asks if it may send."""
        asks = bool(headers.get("Access-Control-Request-Method"))
        return bool(self._origins) and method == "OPTIONS" and asks

    def preflight(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of the answer to a preflight; those that allow only if all that it asks for is allowed."""
        answer = {"Vary": _VARY_PREFLIGHT}
        origin = headers.get("Origin", "")
        wanted = _names(headers.get("Access-Control-Request-Headers", ""))
        method = headers.get("Access-Control-Request-Method", "")
        if not self._allows(origin) or method.upper() != _METHOD or not self._takes(wanted):
            return answer
        answer |= {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": _METHOD,
            "Access-Control-Allow-Credentials": "true",
        }
        if wanted:
            answer["Access-Control-Allow-Headers"] = ", ".join(wanted)
        if self._max_age_s > 0:
            answer["Access-Control-Max-Age"] = str(self._max_age_s)
        return answer

    def answer(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return what to add to the answer of a request: whether the page may read it."""
        if not self._origins:
            return {}
        origin = headers.get("Origin", "")
        if not self._allows(origin):
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
        }

    def _allows(self, origin: str) -> bool:
        return bool(origin) and any(one.fullmatch(origin.lower()) for one in self._origins)

    def _takes(self, names: Iterable[str]) -> bool:
        return self._any_header or all(name.lower() in self._headers for name in names)


def _pattern(origin: str) -> re.Pattern[str]:
    """Return what matches an origin in lower case; each `*` any run of characters."""
    return re.compile(".*".join(map(re.escape, origin.lower().split("*"))))


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]
