"""Which process a resource speaks for (DESIGN 3.4)."""

from __future__ import annotations

import hashlib
import re

from receivers.model import AnyValue, Attributes

_PROCESS_KEYS = (
    "service.instance.id",
    "host.name",
    "k8s.pod.uid",
    "k8s.pod.name",
    "k8s.pod.ip",
    "k8s.pod.start_time",
)
_WITHIN_KEYS = ("service.namespace", "service.name", "k8s.namespace.name")
"""By OpenTelemetry's conventions an instance id need be unique within its service only, a pod's name in its namespace."""
MAX_IDENTITY_CHARACTERS = 512
_PLAIN = re.compile(r"[A-Za-z0-9_.:/-]+")


def identify(attributes: Attributes) -> str:
    """Return what tells the resource's process from others, empty where the resource does not say."""
    if not any(_tells(attributes.get(key)) for key in _PROCESS_KEYS):
        return ""
    keys = (*_WITHIN_KEYS, *_PROCESS_KEYS)
    told = [f"{key}={_format(attributes[key])}" for key in keys if _tells(attributes.get(key))]
    identity = ",".join(told)
    if len(identity) > MAX_IDENTITY_CHARACTERS:
        return "sha256=" + hashlib.sha256(identity.encode()).hexdigest()
    return identity


def _tells(value: AnyValue) -> bool:
    return value is not None and value != ""


def _format(value: AnyValue) -> str:
    """Return a value so that different ones differ, and none runs into the next or breaks a line."""
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return ascii(value)
