"""How the commands that ask come past the locks of a port: headers, a token, whom to trust, a certificate."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

_FILES = ("ca_file", "cert_file", "key_file")


class AccessError(Exception):
    """Arguments that give no access; the text names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What is sent along, and how a connection is made."""

    headers: Mapping[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    """Of https URLs; None is the machine's own trust."""


def add_access_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a command its options for ports with TLS or credentials."""
    add = parser.add_argument_group("a port with TLS or credentials").add_argument
    add(
        "--header",
        metavar="'NAME: VALUE'",
        action="append",
        default=[],
        help="send it along, such as 'Authorization: Bearer ...'; repeatable",
    )
    add("--token-file", metavar="FILE", help="send the token in its first line as bearer token")
    add("--ca-file", metavar="FILE", help="trust certificates that it vouches for (PEM)")
    add("--cert-file", metavar="FILE", help="show this certificate (PEM); with --key-file")
    add("--key-file", metavar="FILE", help="its key (PEM)")
    add("--insecure", action="store_true", help="trust any certificate, whoever shows it")


def read_access(args: argparse.Namespace) -> Access:
    """Return the access that the arguments stand for.

    Raises:
        AccessError: a header has another form, or a file cannot be used.
    """
    headers = dict(map(_parse_header, args.header))
    if args.token_file is not None:
        headers["Authorization"] = f"Bearer {_token(args.token_file)}"
    given = any(getattr(args, name) is not None for name in _FILES)
    return Access(headers=headers, context=_context(args) if given or args.insecure else None)


def read_pems(args: argparse.Namespace) -> Sequence[bytes | None] | None:
    """Return authorities, key and certificate for a gRPC channel; None for plain text.

    Raises:
        AccessError: a file cannot be read, or an option is not for gRPC.
    """
    if args.insecure or args.header or args.token_file is not None:
        raise AccessError("--header, --token-file and --insecure go with --url, not with --ask")
    _check_pair(args)
    if all(getattr(args, name) is None for name in _FILES):
        return None
    try:
        paths = (args.ca_file, args.key_file, args.cert_file)
        return [None if path is None else Path(path).read_bytes() for path in paths]
    except OSError as error:
        raise AccessError(f"cannot read {error.filename}: {error.strerror}") from error


def _parse_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not text.isprintable() or not text.isascii():
        raise AccessError(f"expected --header 'NAME: VALUE', got {text!r}")
    return name.strip(), value.strip()


def _token(path: str) -> str:
    try:
        words = Path(path).read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AccessError(f"cannot read --token-file {path}: {reason}") from error
    if not words or not words[0].isascii():
        raise AccessError(f"--token-file {path} holds no token")
    return words[0]


def _context(args: argparse.Namespace) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415  --help needs none of it

    _check_pair(args)
    try:
        context = ssl.create_default_context(cafile=args.ca_file)
        if args.cert_file is not None:
            context.load_cert_chain(args.cert_file, args.key_file)
    except OSError as error:
        files = [f"--{name.replace('_', '-')} {getattr(args, name)}" for name in _FILES]
        named = ", ".join(file for file in files if not file.endswith(" None"))
        raise AccessError(f"cannot use {named}: {error.strerror or error}") from error
    if args.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _check_pair(args: argparse.Namespace) -> None:
    if (args.cert_file is None) != (args.key_file is None):
        raise AccessError("--cert-file and --key-file go together: one of them is missing")
