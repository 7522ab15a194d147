"""Options of the commands that ask: headers, tokens, certificates."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.web.access import AccessError, add_access_arguments, read_access, read_pems
from tests.support.certificates import Files


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_access_arguments(parser)
    return parser.parse_args(arguments)


def test_nothing() -> None:
    """Without options nothing is sent along, and the machine's own trust is kept."""
    access = read_access(parsed())
    assert (access.headers, access.context) == ({}, None)
    assert read_pems(parsed()) is None


def test_headers_and_tokens(tmp_path: Path) -> None:
    """Headers are sent as they are written; the first token of a file is sent, and wins."""
    path = tmp_path / "tokens"
    path.write_text("new\nold\n")
    arguments = ("--header", "X-A: b: c", "--header", "Authorization:Basic eA==")
    assert read_access(parsed(*arguments)).headers == {"X-A": "b: c", "Authorization": "Basic eA=="}
    with_token = read_access(parsed(*arguments, "--token-file", str(path))).headers
    assert with_token == {"X-A": "b: c", "Authorization": "Bearer new"}


def test_certificates(tmp_path: Path) -> None:
    """Files of a client's side make a context, and for gRPC authorities, key and certificate."""
    files = Files(tmp_path)
    options = (
        *("--ca-file", f"{files.link}/ca.crt"),
        *("--cert-file", f"{files.link}/tls.crt", "--key-file", f"{files.link}/tls.key"),
    )
    assert read_access(parsed(*options)).context is not None
    pems = read_pems(parsed(*options))
    assert pems == [(files.link / name).read_bytes() for name in ("ca.crt", "tls.key", "tls.crt")]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--header", "no colon"), "expected --header 'NAME: VALUE', got 'no colon'"),
        (("--header", ": x"), "expected --header 'NAME: VALUE', got ': x'"),
        (("--header", "a: b\r\nc: d"), r"expected --header 'NAME: VALUE', got 'a: b\r\nc: d'"),
        (("--token-file", "nix"), "cannot read --token-file nix: No such file or directory"),
        (("--token-file", "/dev/null"), "--token-file /dev/null holds no token"),
        (("--ca-file", "nix"), "cannot use --ca-file nix: No such file or directory"),
        (
            ("--cert-file", "nix"),
            "--cert-file and --key-file go together: one of them is missing",
        ),
    ],
)
def test_bad(arguments: tuple[str, ...], expected: str) -> None:
    """What gives no access is told with its option."""
    with pytest.raises(AccessError) as caught:
        read_access(parsed(*arguments))
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "arguments", [("--insecure",), ("--header", "a: b"), ("--token-file", "/dev/null")]
)
def test_what_grpc_cannot_have(arguments: tuple[str, ...]) -> None:
    """KEDA's port takes certificates only, and Python's gRPC checks them always."""
    with pytest.raises(AccessError, match="go with --url, not with --ask"):
        read_pems(parsed(*arguments))


@given(st.text())
def test_any_header(text: str) -> None:
    """Any text is a header that can be sent, or told to be none."""
    try:
        headers = read_access(parsed(f"--header={text}")).headers
    except AccessError:
        return
    ((name, value),) = headers.items()
    assert f"{name}{value}".isprintable()
    assert f"{name}{value}".isascii()
