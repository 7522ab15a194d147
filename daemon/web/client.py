"""One question to an HTTP API of Prometheus' form: the envelope that came back, or why none did."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from daemon.web.access import Access

TIMEOUT_S = 130.0
"""A little longer than a query may take by default."""
_OPEN: Final = Access()
MAX_ANSWER_BYTES = 256 * 1024 * 1024


class AskError(Exception):
    """A question without an answer; `is_bad_question` if asking it again cannot help."""

    def __init__(self, message: str, *, is_bad_question: bool = False) -> None:
        super().__init__(message)
        self.is_bad_question = is_bad_question


def fetch(
    url: str, endpoint: str, parameters: Mapping[str, str], access: Access = _OPEN
) -> Mapping[str, Any]:
    """Return the envelope with which `/api/v1/{endpoint}` at a server's base URL answers a form.

    Raises:
        AskError: nobody answers there, or the answer is an error.
    """
    request = _request(url, endpoint)
    request.data = urllib.parse.urlencode(parameters).encode()
    for name, value in access.headers.items():
        request.add_unredirected_header(name, value)  # credentials are for this server alone
    try:
        with urllib.request.urlopen(  # noqa: S310
            request, timeout=TIMEOUT_S, context=access.context
        ) as response:
            return _document(response.read(MAX_ANSWER_BYTES), url)
    except urllib.error.HTTPError as error:
        raise _refusal(error, url) from error
    except http.client.HTTPException as error:
        text = "what came back is no HTTP: is it a gRPC port?"
        raise AskError(f"cannot ask {url}: {text}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            text = f"its certificate is not trusted: {reason.verify_message}"
            raise AskError(f"cannot ask {url}: {text}; --ca-file names who vouches") from error
        text = getattr(reason, "strerror", None) or str(reason)
        raise AskError(f"cannot ask {url}: {text.lower()}; is tallyd running there?") from error


def _request(url: str, endpoint: str) -> urllib.request.Request:
    try:
        parts = urllib.parse.urlsplit(url)
        if (
            parts.scheme in {"http", "https"}
            and parts.hostname
            and parts.port != 0
            and _is_plain(url)
        ):
            return urllib.request.Request(f"{url.rstrip('/')}/api/v1/{endpoint}")  # noqa: S310 checked
    except ValueError:
        pass  # brackets that are not closed, a port that is no number
    raise AskError(
        f"expected a URL such as http://localhost:9090, got {url!r}", is_bad_question=True
    )


def _is_plain(url: str) -> bool:
    """Return whether a URL has only characters that HTTP takes in one."""
    return url.isascii() and url.isprintable() and " " not in url


def _document(body: bytes, url: str) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise AskError(f"cannot ask {url}: expected JSON, got {body[:60]!r}") from error
    if not isinstance(document, dict):
        raise AskError(f"cannot ask {url}: expected a JSON object, got {body[:60]!r}")
    return document


def _refusal(error: urllib.error.HTTPError, url: str) -> AskError:
    body = error.read(MAX_ANSWER_BYTES)
    if error.code == 401:
        text = body[:200].decode(errors="replace").strip()
        return AskError(f"cannot ask {url}: {text}; see --token-file and --header")
    try:
        document = _document(body, url)
        kind, text = str(document["errorType"]), str(document["error"])
    except (AskError, KeyError):
        return AskError(
            f"cannot ask {url}: status {error.code}: {body[:200].decode(errors='replace')}"
        )
    return AskError(f"{kind}: {text}", is_bad_question=kind == "bad_data")
