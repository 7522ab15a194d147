"""Which process a resource speaks for."""

from __future__ import annotations

import pytest

from receivers.model import AnyValue
from receivers.otlp.identity import MAX_IDENTITY_CHARACTERS, identify


@pytest.mark.parametrize(
    ("attributes", "identity"),
    [
        ({}, ""),
        ({"service.name": "shop", "k8s.namespace.name": "n", "k8s.pod.labels.app": "x"}, ""),
        ({"service.instance.id": ""}, ""),
        ({"service.instance.id": None}, ""),
        ({"service.instance.id": "1f-2e"}, "service.instance.id=1f-2e"),
        ({"host.name": "h", "service.name": "shop"}, "service.name=shop,host.name=h"),
        ({"service.instance.id": 5}, "service.instance.id=5"),
        ({"service.instance.id": ["a"]}, "service.instance.id=['a']"),
        ({"service.instance.id": "a b\n\u00e9"}, r"service.instance.id='a b\n\xe9'"),
        (
            {
                "k8s.pod.uid": "u",
                "k8s.pod.name": "p-0",
                "service.namespace": "eu",
                "k8s.namespace.name": "n",
            },
            "service.namespace=eu,k8s.namespace.name=n,k8s.pod.uid=u,k8s.pod.name=p-0",
        ),
    ],
)
def test_identity(attributes: dict[str, AnyValue], identity: str) -> None:
    """Instance, host and pod tell processes apart, service and namespace within which they do."""
    assert identify(attributes) == identity


def test_unambiguous() -> None:
    """A value that looks like two does not make two processes one."""
    assert identify({"host.name": "a,k8s.pod.name=b"}) != identify(
        {"host.name": "a", "k8s.pod.name": "b"}
    )


def test_bounded() -> None:
    """A very long identity becomes its digest: still different for different processes."""
    one, other = (identify({"host.name": "x" * 10_000 + last}) for last in "ab")
    assert one != other
    assert max(len(one), len(other)) <= MAX_IDENTITY_CHARACTERS
    assert one.startswith("sha256=")
