"""The kept inputs of every parser, and some of their kind; `make fuzz` is the long form."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.mutate import CORPUS, corpus, mutated, timed
from tests.fuzz.targets import TARGETS

MUTANTS = 30


def test_every_target_has_a_corpus() -> None:
    """No target is without, and no corpus without a target."""
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs(name: str) -> None:
    """Each is accepted, or raises a documented error, in reasonable time; so are mutants of them."""
    seeds = corpus(name)
    rng = random.Random(name)
    for data in [*seeds, *(mutated(seeds, rng) for _ in range(MUTANTS))]:
        timed(name, data)
