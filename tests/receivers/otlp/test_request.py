"""What the sender is told of its rejected points."""

from __future__ import annotations

import pytest

from receivers.otlp.refusals import EXPLANATIONS, Refusal
from receivers.otlp.request import MAX_MESSAGE_BYTES, Rejections


def test_nothing_rejected() -> None:
    """Without a rejected point there is no message, and an empty metric rejects none."""
    rejections = Rejections()
    rejections.add(Refusal.NO_TIME, "a", 0)
    assert (rejections.count, rejections.message()) == (0, "")


def test_first_reason_and_the_rest() -> None:
    """The first reason is told with its metric's name, all others as a number."""
    rejections = Rejections()
    rejections.add(Refusal.NO_TIME, "http.requests", 1)
    assert rejections.message() == 'metric "http.requests": a data point without a time'
    rejections.add(Refusal.WRONG_SCALE, "b", 41)
    assert rejections.count == 42
    assert rejections.message() == 'metric "http.requests": a data point without a time and 41 more'


@pytest.mark.parametrize("name", ["x" * 5_000, "\U0001f600" * 5_000, "\ud83d"])
def test_message_is_bounded(name: str) -> None:
    """A long name is cut; what is left is text of at most 1 KiB."""
    rejections = Rejections()
    rejections.add(Refusal.NO_VALUE, name, 10**9)
    raw = rejections.message().encode()
    assert len(raw) <= MAX_MESSAGE_BYTES
    assert raw.endswith(b" and 999999999 more")


def test_every_rejection_is_explained() -> None:
    """Every reason has words for the sender, but for those that reject no point."""
    assert set(Refusal) - set(EXPLANATIONS) == {Refusal.BAD_EXEMPLAR, Refusal.CACHE_CLEARED}
