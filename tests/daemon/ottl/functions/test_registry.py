"""The registry holds every converter of ottl.md 4.3 and 4.4 under its own name."""

from __future__ import annotations

from daemon.ottl.functions.registry import CONVERTERS, UNSUPPORTED


def test_names_are_keys() -> None:
    """A converter is found under the name it declares, and no refused name is also offered."""
    assert all(name == converter.name for name, converter in CONVERTERS.items())
    assert not UNSUPPORTED & CONVERTERS.keys()


def test_optional_parameters_come_last() -> None:
    """Arguments can be left out only at the end."""
    for converter in CONVERTERS.values():
        optional = [param.optional for param in converter.params]
        assert optional == sorted(optional), converter.name
