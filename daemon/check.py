"""A configuration file, checked whole: its form, and what only building its components brings to light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from daemon.config.errors import ConfigError
from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.load import LoadedConfig, load_config
from daemon.config.schema import ComponentConfig, ProcessorConfig
from daemon.config.windows import WindowsConfig
from daemon.pipeline import judge_processor
from daemon.scaler.decision import window_problem
from daemon.scaler.metadata import named_query_errors


def load_checked(source: Path | str | None, environ: Mapping[str, str]) -> LoadedConfig:
    """Return a configuration of which every part can be built; see `load_config`.

    Raises:
        InvalidConfigurationError: it cannot be read or is wrong; holds every mistake, with its position.
    """
    return load_config(source, environ, judge=_judge)


def _judge(
    component_id: str, config: ComponentConfig, windows: WindowsConfig | None
) -> Sequence[ConfigError]:
    """Return mistakes in processors and in named queries, whose windows must fit the retention."""
    if isinstance(config, ProcessorConfig):
        return judge_processor(component_id, config)
    if isinstance(config, KedaScalerConfig):
        retention_ms = windows.retention if windows else 0
        fits = partial(window_problem, retention_ms=retention_ms)
        return named_query_errors(config.queries, fits)
    return ()
