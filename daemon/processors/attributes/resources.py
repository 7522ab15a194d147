"""The resource processor: changes the attributes of resources (otlp.md 4.2)."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

from daemon.config.attributes import ResourceConfig
from daemon.config.errors import ConfigError
from daemon.processors.attributes.actions import Actions, build_actions
from daemon.processors.attributes.sources import Values
from daemon.processors.mistakes import raise_mistakes
from receivers.consumer import Batch, Consumer
from receivers.model import Resource

MAX_RESOURCES = 20_000
"""Resources remembered with what they became: one for each sender, as many as the windows remember."""


class ResourceProcessor:
    """Puts a changed resource in the place of each; the same one for the same one, since caches know it by identity."""

    def __init__(self, actions: Actions, following: Consumer) -> None:
        self._actions = actions
        self._next = following
        self._changed = lru_cache(MAX_RESOURCES)(self._change)

    def consume(self, batch: Batch) -> None:
        """Change the batch and hand it on; raises what the next consumer raises."""
        values = self._actions.read(batch.context)
        for group in batch.resource_metrics:
            group.resource = self._changed(group.resource, values)
        self._next.consume(batch)

    def _change(self, resource: Resource, values: Values) -> Resource:
        attributes = dict(resource.attributes)
        self._actions.apply(attributes, values)
        return dataclasses.replace(resource, attributes=attributes)


def build_resource(
    component_id: str, config: ResourceConfig, following: Consumer
) -> ResourceProcessor:
    """Return the processor that `config` describes.

    Raises:
        ConfigError: the one mistake in it; its path begins below the component's own block.
        ExceptionGroup: several mistakes, each a ConfigError.
    """
    mistakes: list[ConfigError] = []
    actions = build_actions(config.attributes, ("attributes",), mistakes)
    raise_mistakes(component_id, mistakes)
    return ResourceProcessor(actions, following)
