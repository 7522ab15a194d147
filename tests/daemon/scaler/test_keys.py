from __future__ import annotations

import pytest

from daemon.scaler.keys import ALIASES, FOREIGN_KEYS, KEYS, Written, collect, resolve


@pytest.mark.parametrize("key", KEYS)
def test_every_key(key: str) -> None:
    """Each key is accepted plain and as `<key>FromEnv` (keda.md 1.7), and errors name the form that was written."""
    assert collect({key: "a"}).written == {key: Written(key, "a")}
    assert collect({f"{key}FromEnv": "a"}).written == {key: Written(f"{key}FromEnv", "a")}


@pytest.mark.parametrize(("alias", "key"), ALIASES.items())
def test_aliases(alias: str, key: str) -> None:
    """An alias is filed under the key's proper name."""
    assert collect({alias: "a"}).written == {key: Written(alias, "a")}


@pytest.mark.parametrize("key", [*FOREIGN_KEYS, "scalerAddressFromEnv", "caCertFromEnv"])
def test_foreign_keys(key: str) -> None:
    """KEDA's own keys are neither read nor unknown."""
    entries = collect({key: "a"})
    assert (entries.written, entries.unknown_keys, entries.problems) == ({}, [], [])


def test_blank() -> None:
    """A blank value counts as absent, also where a FromEnv form stands in."""
    entries = collect({"window": " ", "windowFromEnv": "1m", "clampMax": ""})
    assert entries.written == {"window": Written("windowFromEnv", "1m")}


def test_resolve() -> None:
    """What comes from a named query is told with its place in the configuration."""
    entries = resolve({"queryRef": " q ", "window": "1m"}, {"q": {"window": "2m", "clampMax": "3"}})
    assert entries.written == {
        "window": Written("window", "1m"),
        "clampMax": Written("extensions.keda_scaler.queries.q.clampMax", "3"),
    }


def test_no_nesting() -> None:
    """A named query's own reference is not followed."""
    entries = resolve({"queryRef": "a"}, {"a": {"queryRef": "b"}, "b": {"window": "2m"}})
    assert (entries.written, entries.problems) == ({}, [])
