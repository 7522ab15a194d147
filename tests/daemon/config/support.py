"""What the tests of the configuration share."""

from __future__ import annotations

import pytest

from daemon.config.errors import InvalidConfigurationError
from daemon.config.load import parse_config


def problems(text: str) -> list[str]:
    """Return what is wrong with `text`, without the file's name."""
    with pytest.raises(InvalidConfigurationError) as caught:
        parse_config(text, {}, name="f")
    return [line.removeprefix("f:") for line in caught.value.lines]


def warnings(text: str) -> list[str]:
    """Return what is odd with `text`, without the file's name."""
    return [line.removeprefix("f:") for line in parse_config(text, {}, name="f").warnings]
