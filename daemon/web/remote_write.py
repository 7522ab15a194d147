"""Remote write over HTTP: a request's body and headers to the receiver, its answer back (promql.md 6.2)."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from typing import NamedTuple

from daemon.web.api import Call, Page, Route, TooLargeError, read_body, text_page
from daemon.web.turns import stepwise
from receivers.errors import RetryableError
from receivers.prometheusremotewrite.receiver import RemoteWriteReceiver
from receivers.room import Room

PATH = "/api/v1/write"


class RemoteWrite(NamedTuple):
    """What takes remote write, the largest request it is handed, and the memory there is for requests."""

    receiver: RemoteWriteReceiver
    max_request_bytes: int
    room: Room


def remote_write_routes(taking: RemoteWrite | None) -> Mapping[str, Route]:
    """Return the page that takes remote write; without a receiver one that says how to get it."""

    async def write(call: Call) -> Page:
        if taking is None:
            text = "remote write is off: add prometheusremotewrite to the receivers of tallyd's configuration"
            return text_page(text, 404)
        request = call.request
        try:
            async with taking.room.reading(request.content_length or taking.max_request_bytes):
                body = await read_body(request, taking.max_request_bytes)
        except RetryableError as error:
            return _later(str(error), error.retry_after_s)
        except TooLargeError as error:
            return text_page(
                f"{error} (receivers.prometheusremotewrite.max_recv_msg_size_mib)", 413
            )
        answer = await stepwise(
            taking.receiver.receive(
                body,
                peer=peer_address(request.remote or ""),
                content_type=request.headers.get("Content-Type", ""),
                content_encoding=request.headers.get("Content-Encoding", ""),
            )
        )
        if answer.status == 204:
            return Page(status=204)
        if answer.status == 503:
            return _later(answer.text, answer.retry_after_s)
        return text_page(answer.text, answer.status)

    return {PATH: Route(write, ("POST",))}


def _later(text: str, retry_after_s: float) -> Page:
    """Return the answer to a request that may be taken later."""
    page = text_page(text, 503)
    seconds = str(max(1, math.ceil(retry_after_s)))
    return Page(
        status=503,
        content_type=page.content_type,
        body=page.body,
        headers={"Retry-After": seconds},
    )


def peer_address(remote: str) -> str:
    """Return a peer's IP address; an IPv4 address that arrived on a dual-stack socket as IPv4."""
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return remote or "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)
