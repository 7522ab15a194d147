"""The processors attributes and resource: the same actions, on data points and on resources (otlp.md 4.1, 4.2)."""

from __future__ import annotations

from daemon.processors.attributes.processor import AttributesProcessor, build_attributes
from daemon.processors.attributes.resources import ResourceProcessor, build_resource

__all__ = ["AttributesProcessor", "ResourceProcessor", "build_attributes", "build_resource"]
