"""Calls that change the daemon's own state: answered on loopback only (DESIGN 5)."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from daemon.web.api import Call, Handler, Page, Route, text_page

_REFUSED = (
    "answered on loopback only: call it from the pod itself or through kubectl port-forward; "
    "SIGHUP and a change of the file reload too"
)


class Administration(NamedTuple):
    """What can be done to a running process; each call returns its line of text and whether it succeeded."""

    reload: Callable[[], Awaitable[tuple[str, bool]]]
    log_level: Callable[[], str]
    set_log_level: Callable[[str], tuple[str, bool]]


def admin_routes(administration: Administration | None) -> Mapping[str, Route]:
    """Return `/-/reload` and `/-/log-level`; nothing where nothing can be done."""
    if administration is None:
        return {}

    async def reload(_call: Call) -> Page:
        text, succeeded = await administration.reload()
        return text_page(text, 200 if succeeded else 500)

    async def log_level(call: Call) -> Page:
        if call.request.method in {"GET", "HEAD"}:
            return text_page(administration.log_level(), 200)
        level = call.request.query.get("level", "")
        text, succeeded = administration.set_log_level(level)
        return text_page(text, 200 if succeeded else 400)

    return {
        "/-/reload": Route(on_loopback_only(reload), ("POST", "PUT")),
        "/-/log-level": Route(on_loopback_only(log_level), ("GET", "HEAD", "POST", "PUT")),
    }


def on_loopback_only(handler: Handler) -> Handler:
    """Return `handler` for callers on this machine; others get 403."""

    async def guarded(call: Call) -> Page:
        if not is_loopback(call.request.remote or ""):
            return text_page(_REFUSED, 403)
        return await handler(call)

    return guarded


def is_loopback(address: str) -> bool:
    """Return whether a peer's IP address is of this machine."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback
