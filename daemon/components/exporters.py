"""Exporters: settings to the ends of pipelines. Those that are a `Part` too are started and stopped with the process."""

from __future__ import annotations

from daemon.components.part import Runtime
from receivers.consumer import Consumer


def build_exporter(runtime: Runtime, component_id: str) -> Consumer:
    """Return what takes the batches that reach `component_id`."""
    del component_id  # windows is the one exporter there is
    return runtime.windows
