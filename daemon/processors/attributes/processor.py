"""The attributes processor as a consumer: changes the attributes of data points."""

from __future__ import annotations

from daemon.config.attributes import AttributesConfig
from daemon.config.errors import ConfigError
from daemon.processors.attributes.actions import Actions, build_actions
from daemon.processors.mistakes import raise_mistakes
from daemon.processors.patterns import NameMatch, build_name_match
from receivers.consumer import Batch, Consumer


class AttributesProcessor:
    """Applies actions to every data point of the metrics that `wanted` names; the others stay undecoded."""

    def __init__(self, actions: Actions, wanted: NameMatch | None, following: Consumer) -> None:
        self._actions = actions
        self._wanted = wanted
        self._next = following

    def consume(self, batch: Batch) -> None:
        """Change the batch and hand it on; raises what the next consumer raises."""
        values, apply, wanted = (
            self._actions.read(batch.context),
            self._actions.apply,
            self._wanted,
        )
        for group in batch.resource_metrics:
            for scoped in group.scope_metrics:
                for metric in scoped.metrics:
                    if wanted is None or wanted(metric.header.name):
                        for point in metric.data_points:
                            apply(point.attributes, values)
        self._next.consume(batch)


def build_attributes(
    component_id: str, config: AttributesConfig, following: Consumer
) -> AttributesProcessor:
    """Return the processor that `config` describes.

    Raises:
        ConfigError: the one mistake in it; its path begins below the component's own block.
        ExceptionGroup: several mistakes, each a ConfigError.
    """
    mistakes: list[ConfigError] = []
    actions = build_actions(config.actions, ("actions",), mistakes)
    wanted = build_name_match(config.include, config.exclude, mistakes)
    raise_mistakes(component_id, mistakes)
    return AttributesProcessor(actions, wanted, following)
