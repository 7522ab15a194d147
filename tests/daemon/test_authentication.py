"""Who is served: tokens, users, files that change."""

from __future__ import annotations

import base64
from pathlib import Path

import bcrypt
import pytest

from daemon.authentication import AuthenticationError, BasicUsers, BearerTokens
from daemon.config.authentication import BasicAuthConfig, BearerTokenAuthConfig, HtpasswdConfig

BCRYPT = "b:" + bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
HTPASSWD = f"""
{BCRYPT}
a:$apr1$q8LZEYzT$5Dh9p7WqW7eS3OwHVTPqG0
s:{{SHA}}5en6G6MezRroT3XKqkdPOmY/BfQ=
"""
"""What `htpasswd -nbB b secret`, a line of MD5 that is nobody's password here, and `htpasswd -nbs s secret` print."""


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("settings", "headers", "served"),
    [
        ({"token": "t"}, {"authorization": "Bearer t"}, True),
        ({"token": "t"}, {"authorization": "Bearer u"}, False),
        ({"token": "t"}, {"authorization": "bearer t"}, False),
        ({"token": "t"}, {"authorization": "t"}, False),
        ({"token": "t"}, {}, False),
        ({"token": "t"}, {"authorization": "Bearer "}, False),
        ({"tokens": ("t", "u")}, {"authorization": "Bearer u"}, True),
        ({"token": "t", "scheme": ""}, {"authorization": "t"}, True),
        ({"token": "t", "header": "X-Key", "scheme": ""}, {"x-key": "t"}, True),
        ({"token": "t", "header": "X-Key"}, {"authorization": "Bearer t"}, False),
        ({"token": "t"}, {"authorization": "Bearer " + "t" * 10_000}, False),
    ],
)
async def test_bearer_tokens(
    settings: dict[str, object], headers: dict[str, str], served: bool
) -> None:
    """Scheme, header and token must be those of the configuration."""
    config = BearerTokenAuthConfig(**settings)  # type: ignore[arg-type]  # as a line has them
    refusal = await BearerTokens(config, "bearertokenauth").refusal(headers)
    assert (refusal is None) is served


@pytest.mark.parametrize(
    ("headers", "served"),
    [
        (basic("b", "secret"), True),
        (basic("b", "Secret"), False),
        (basic("s", "secret"), True),
        (basic("a", "secret"), False),
        (basic("nobody", "secret"), False),
        (basic("", "secret"), False),
        ({"authorization": "Basic ?"}, False),
        ({"authorization": "Basic " + base64.b64encode(b"\xff:x").decode()}, False),
        ({"authorization": "Basic " + base64.b64encode(b"b\0:x").decode()}, False),
        ({"authorization": "Bearer t"}, False),
        ({}, False),
    ],
)
async def test_users(headers: dict[str, str], served: bool) -> None:
    """A user of the file with the password, by whatever hash htpasswd wrote."""
    config = BasicAuthConfig(htpasswd=HtpasswdConfig(inline=HTPASSWD))
    users = BasicUsers(config, "basicauth")
    for _ in range(2):  # the second time it is known already
        assert (await users.refusal(headers) is None) is served


async def test_a_file_of_tokens_that_changes(tmp_path: Path) -> None:
    """A new token is good at once and the old one no more; a file that is gone, or empty, changes nothing."""
    path = tmp_path / "tokens"
    path.write_text("old\n")
    tokens = BearerTokens(BearerTokenAuthConfig(filename=str(path)), "bearertokenauth")

    async def served(token: str) -> bool:
        return await tokens.refusal({"authorization": f"Bearer {token}"}) is None

    seen = [(await served("old"), await served("new"))]
    path.write_text("new\nother\n")
    seen.append((await served("old"), await served("new")))
    path.write_text("")
    seen.append((await served("old"), await served("new")))
    path.unlink()
    seen.append((await served("old"), await served("new")))
    assert seen == [(True, False), (False, True), (False, True), (False, True)]


async def test_a_file_of_users_that_changes(tmp_path: Path) -> None:
    """A password that was right before is asked for anew; inline users go before those of the file."""
    path = tmp_path / ".htpasswd"
    path.write_text(BCRYPT + "\n")
    config = BasicAuthConfig(htpasswd=HtpasswdConfig(file=str(path), inline="s:plain"))
    users = BasicUsers(config, "basicauth")
    before = await users.refusal(basic("b", "secret"))
    path.write_text(HTPASSWD.replace("b:", "c:"))
    after = await users.refusal(basic("b", "secret")), await users.refusal(basic("c", "secret"))
    inline = await users.refusal(basic("s", "plain")), await users.refusal(basic("s", "secret"))
    assert (before, after[0] is None, after[1]) == (None, False, None)
    assert (inline[0], inline[1] is None) == (None, False)


@pytest.mark.parametrize(
    "text",
    [pytest.param(None, id="not there"), pytest.param("", id="empty")],
)
def test_files_of_tokens_that_cannot_be_used(tmp_path: Path, text: str | None) -> None:
    """The message names the extension and the file."""
    path = tmp_path / "tokens"
    if text is not None:
        path.write_text(text)
    with pytest.raises(AuthenticationError, match=r"bearertokenauth/x: .*tokens"):
        BearerTokens(BearerTokenAuthConfig(filename=str(path)), "bearertokenauth/x")


def test_users_that_cannot_be_read() -> None:
    """A line without a colon is no user."""
    with pytest.raises(AuthenticationError, match="basicauth: expected lines of user:hash"):
        BasicUsers(BasicAuthConfig(htpasswd=HtpasswdConfig(inline="nonsense")), "basicauth")
