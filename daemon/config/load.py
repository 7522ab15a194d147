"""A configuration file to a checked `Config`: what is absent takes its default, every mistake is reported at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.config.advice import advise
from daemon.config.components import Components, read_components
from daemon.config.document import MAX_CHARACTERS, Value, parse_document
from daemon.config.errors import (
    ConfigError,
    InvalidConfigurationError,
    KeyPath,
    UnknownKeyError,
)
from daemon.config.fields import shown
from daemon.config.findings import Findings
from daemon.config.foreign import foreign_form
from daemon.config.marks import Marks
from daemon.config.ports import TELEMETRY
from daemon.config.schema import COMPONENTS, ComponentConfig, Config
from daemon.config.service import MetricsConfig, ServiceConfig
from daemon.config.validation import unknown_key
from daemon.config.windows import WindowsConfig
from daemon.config.wiring import read_service

BUILT_IN = "built-in configuration"
HELM_ROOT = ("opentelemetry-collector", "alternateConfig")
"""Where the walk-through's Helm values hold the configuration."""


Judge = Callable[
    [str, ComponentConfig | MetricsConfig, WindowsConfig | None], Sequence[ConfigError]
]
"""Returns the mistakes in a component, or the page of self-metrics, by id and settings, at paths below its own block.

The last argument is the settings of the windows, None where they are wrong themselves.
"""

_TOP_LEVEL = (*COMPONENTS, "service")


def no_objection(
    _component_id: str, _config: ComponentConfig | MetricsConfig, _windows: WindowsConfig | None
) -> Sequence[ConfigError]:
    """Find no mistake: for configurations whose components are not going to be built."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A checked configuration, where its parts stand in the file, and what is odd but allowed."""

    config: Config
    marks: Marks
    warnings: tuple[str, ...] = ()


def load_config(
    source: Path | str | None, environ: Mapping[str, str], *, judge: Judge = no_objection
) -> LoadedConfig:
    """Return the configuration in a file (`Path`), a text (`str`), or the built-in one (None).

    Raises:
        InvalidConfigurationError: it cannot be read or is wrong; holds every mistake, with its position.
    """
    if source is None:
        return parse_config("", environ, name=BUILT_IN, judge=judge)
    if isinstance(source, str):
        return parse_config(source, environ, judge=judge)
    return parse_config(_read_file(source), environ, name=str(source), judge=judge)


def parse_config(
    text: str,
    environ: Mapping[str, str],
    *,
    name: str = "configuration",
    judge: Judge = no_objection,
) -> LoadedConfig:
    """Return the configuration that `text` holds; `name` stands for the file in messages.

    `judge` finds mistakes in well-formed components that only building them brings to light.

    Raises:
        InvalidConfigurationError: it is wrong; holds every mistake, with its position.
    """
    document = parse_document(name, text, environ)
    root, top, ignored = _unwrapped(document.value)
    findings = Findings(
        mistakes=[_below(root, error) for error in document.mistakes],
        warnings=[_below(root, error) for error in document.warnings],
    )
    causes = {error.path: error.expected for error in findings.warnings}
    marks = document.marks.below(root)
    if ignored:
        what = f"{'.'.join(HELM_ROOT)}: {', '.join(ignored)}"
        findings.warn((), f"Helm values have no effect here but {what}")
    fatal = any(not error.path for error in document.mistakes)
    if not fatal and (foreign := foreign_form(top)):
        findings.mistakes, fatal = [foreign], True
    config = None if fatal else _read_config(top, findings, judge)
    if config is None or findings.mistakes:
        raise InvalidConfigurationError(_render(marks, _with_causes(findings.mistakes, causes)))
    return LoadedConfig(config=config, marks=marks, warnings=_render(marks, findings.warnings))


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(4 * MAX_CHARACTERS + 1)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidConfigurationError([f"{path}:{line}: expected UTF-8 text"]) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidConfigurationError([f"{path}: cannot be read: {reason}"]) from error


def _unwrapped(value: Value) -> tuple[KeyPath, Value, list[str]]:
    """Return where the configuration stands, itself, and what stands beside it if they are the chart's values."""
    chart, key = HELM_ROOT
    inner = value.get(chart) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(inner, dict) or key not in inner:
        return (), value, []
    beside = [f"{chart}.{other}" for other in inner if other not in {key, "enabled"}]
    return HELM_ROOT, inner[key], [*beside, *(other for other in value if other != chart)]


def _below(root: KeyPath, error: ConfigError) -> ConfigError:
    """Return the same mistake at a path that begins below `root`, if it is there."""
    if error.path[: len(root)] != root:
        return error
    return type(error)(error.path[len(root) :], error.expected, error.offset)


def _read_config(top: Value, findings: Findings, judge: Judge) -> Config | None:
    if top is None:
        top = {}
    if not isinstance(top, dict):
        findings.mistake((), f"expected a mapping with {', '.join(_TOP_LEVEL)}, got {shown(top)}")
        return None
    findings.mistakes += [unknown_key((key,), _TOP_LEVEL) for key in top if key not in _TOP_LEVEL]
    unread = {error.path for error in findings.mistakes if type(error) is ConfigError}
    defined = {section: read_components(section, top, findings) for section in COMPONENTS}
    service = read_service(top.get("service"), defined, findings)
    # A reference that gave nothing is told; that nothing is no value for its setting is not.
    findings.mistakes = [
        error
        for error in findings.mistakes
        if error.path not in unread or not error.expected.endswith(", got nothing")
    ]
    _judge(defined, service, findings, judge)
    if findings.mistakes:
        return None
    # Any: each section holds its own components, by COMPONENTS
    sections: dict[str, Any] = {section: part.configs for section, part in defined.items()}
    config = Config(**sections, service=service)
    advise(config, findings)
    return config


def _judge(
    defined: Mapping[str, Components], service: ServiceConfig, findings: Findings, judge: Judge
) -> None:
    """Note what `judge` finds; in mistaken settings it is given what is left of them."""
    told = {error.path for error in findings.mistakes}
    exporters = defined["exporters"].configs.values()
    windows = next((one for one in exporters if isinstance(one, WindowsConfig)), None)
    for at, component in _judged(defined, service):
        for error in judge(str(at[-1]), component, windows):
            path = (*at, *error.path)
            if told.isdisjoint(path[:depth] for depth in range(1, len(path) + 1)):
                findings.mistakes.append(ConfigError(path, error.expected, error.offset))


def _judged(
    defined: Mapping[str, Components], service: ServiceConfig
) -> Iterator[tuple[KeyPath, ComponentConfig | MetricsConfig]]:
    """Yield all that there is to judge, and the path of its block."""
    for section, part in defined.items():
        for component_id in part.ids:
            component = part.configs.get(component_id) or part.salvaged.get(component_id)
            if component is not None:
                yield (section, component_id), component
    yield TELEMETRY, service.telemetry.metrics


def _with_causes(
    mistakes: Iterable[ConfigError], causes: Mapping[KeyPath, str]
) -> Iterator[ConfigError]:
    """Yield the mistakes; one in a value whose expansion was warned of, such as an empty variable, names that too."""
    for error in mistakes:
        cause = causes.get(error.path)
        if cause is not None and not isinstance(error, UnknownKeyError):
            yield ConfigError(error.path, f"{error.expected} ({cause})", error.offset)
        else:
            yield error


def _render(marks: Marks, errors: Iterable[ConfigError]) -> tuple[str, ...]:
    """Return one line for each error, in the order of the file; a value is reported once."""
    first: dict[tuple[KeyPath, int | None], ConfigError] = {}
    for error in errors:
        first.setdefault((error.path, error.offset), error)
    in_order = sorted(first.values(), key=lambda error: (marks.place_of(error), str(error)))
    return tuple(dict.fromkeys(marks.render(error) for error in in_order))
