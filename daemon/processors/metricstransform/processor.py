"""The metricstransform processor as a consumer: its transforms, one scope after the other (otlp.md 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from receivers.consumer import Batch, Consumer
from receivers.model import Metric, Resource, ResourceMetrics, Scope, ScopeMetrics


class Scene:
    """The scope that is worked on, and what transforms have moved to resources of their own."""

    def __init__(self) -> None:
        self.resource = Resource()
        self.scope = Scope()
        self.metrics: list[Metric] = []
        self.moved: list[ResourceMetrics] = []


class Transform(Protocol):
    """One transform of the configuration."""

    def apply(self, scene: Scene, /) -> None:
        """Change the metrics of the scene's scope."""


class MetricsTransform:
    """Applies its transforms in order to each scope; scopes and resources left without metrics go."""

    def __init__(self, transforms: Sequence[Transform], following: Consumer) -> None:
        self._transforms = tuple(transforms)
        self._next = following

    def consume(self, batch: Batch) -> None:
        """Change the batch and hand on what is left; raises what the next consumer raises."""
        scene = Scene()
        for group in batch.resource_metrics:
            scene.resource = group.resource
            for scoped in group.scope_metrics:
                self._apply(scene, scoped)
            group.scope_metrics = [scoped for scoped in group.scope_metrics if scoped.metrics]
        kept = [group for group in batch.resource_metrics if group.scope_metrics]
        batch.resource_metrics = kept + scene.moved
        if batch.resource_metrics:
            self._next.consume(batch)

    def _apply(self, scene: Scene, scoped: ScopeMetrics) -> None:
        scene.scope, scene.metrics = scoped.scope, scoped.metrics
        for transform in self._transforms:
            transform.apply(scene)
        scoped.metrics = scene.metrics
