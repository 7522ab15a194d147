"""The keys that a trigger's metadata may hold: aliases, `<key>FromEnv`, named queries, KEDA's own keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from query.text import nearest

MAX_VALUE_LENGTH: Final = 4_096
"""Characters of one value that are read: a query of that length takes up to 84 ms to parse, once."""
MAX_UNKNOWN_KEYS: Final = 16
"""Unknown keys that are told; those beyond are only ignored."""
MAX_KEY_LENGTH: Final = 64
"""Characters of an unknown key that are shown."""

QUERY_REF: Final = "queryRef"
KEYS: Final = (
    "metricQuery",
    "operationOverTime",
    "targetValue",
    "window",
    "clampMin",
    "clampMax",
    "activationTargetValue",
    "ifNotFound",
    "valueIfNotFound",
    "dialect",
    "evidence",
    "legacyIntScale",
    QUERY_REF,
)
ALIASES: Final[Mapping[str, str]] = {
    "activationThreshold": "activationTargetValue",
    "activationValue": "activationTargetValue",
}
FOREIGN_KEYS: Final = (
    "scalerAddress",
    "enableTLS",
    "unsafeSsl",
    "caCert",
    "tlsCertFile",
    "tlsClientCert",
    "tlsClientKey",
)
"""KEDA's own keys, forwarded with the rest (keda.md 1.7)."""

FROM_ENV: Final = "FromEnv"
_OURS: Final = {key: key for key in KEYS} | dict(ALIASES)
_PLAIN: Final = (*_OURS, *FOREIGN_KEYS)
KNOWN_KEYS: Final = frozenset(_PLAIN) | {f"{key}{FROM_ENV}" for key in _PLAIN}


class MetadataError(Exception):
    """One key of the metadata does not say what it should.

    `offset` is where in its value, or None; `picture` shows the place with a caret, or is empty.
    """

    def __init__(
        self, key: str, problem: str, offset: int | None = None, picture: str = ""
    ) -> None:
        super().__init__(key, problem, offset, picture)
        self.key = key
        self.problem = problem
        self.offset = offset
        self.picture = picture

    def __str__(self) -> str:
        text = f"metadata key {self.key}: {self.problem}"
        return f"{text}\n{self.picture}" if self.picture else text


class UnknownKey(NamedTuple):
    """A key that means nothing here, and the known one it may have been meant to be."""

    key: str
    nearest: str | None


class Written(NamedTuple):
    """A value, and the key under which its author wrote it."""

    key: str
    text: str


@dataclass(slots=True)
class Entries:
    """The values by their keys' proper names, and what is wrong with how they were given."""

    written: dict[str, Written] = field(default_factory=dict)
    problems: list[MetadataError] = field(default_factory=list)
    unknown_keys: list[UnknownKey] = field(default_factory=list)


def collect(metadata: Mapping[str, str], prefix: str = "") -> Entries:
    """Return the keys of `metadata` by their proper names; `prefix` tells in errors where it stands.

    A blank value counts as absent, as KEDA drops an environment variable that resolves to nothing. A plain key wins over
    its `FromEnv` form; two aliases that disagree are a problem.
    """
    entries = Entries()
    for name, proper in _OURS.items():
        key = name if metadata.get(name, "").strip() else f"{name}{FROM_ENV}"
        text = metadata.get(key, "")
        if len(text) > MAX_VALUE_LENGTH:
            problem = f"expected at most {MAX_VALUE_LENGTH} characters, got {len(text)}"
            entries.problems.append(MetadataError(f"{prefix}{key}", problem))
        elif text.strip():
            _keep(entries, proper, Written(f"{prefix}{key}", text))
    entries.unknown_keys = _unknown_keys(metadata)
    return entries


def resolve(metadata: Mapping[str, str], queries: Mapping[str, Mapping[str, str]]) -> Entries:
    """Return the keys of `metadata` and, below them, those of the named query it refers to (keda.md 0.4)."""
    entries = collect(metadata)
    reference = entries.written.pop(QUERY_REF, None)
    if reference is None:
        return entries
    named = queries.get(reference.text.strip())
    if named is None:
        entries.problems.append(_no_such_query(reference, queries))
        return entries
    inherited = collect(named, f"extensions.keda_scaler.queries.{reference.text.strip()}.")
    inherited.written.pop(QUERY_REF, None)
    entries.written = inherited.written | entries.written
    entries.problems += inherited.problems
    return entries


def _keep(entries: Entries, proper: str, written: Written) -> None:
    other = entries.written.setdefault(proper, written)
    if other.text != written.text:
        problem = f"says {shown(written.text)}, but {other.key} says {shown(other.text)}: keep one"
        entries.problems.append(MetadataError(written.key, problem))


def _unknown_keys(metadata: Mapping[str, str]) -> list[UnknownKey]:
    unknown: list[UnknownKey] = []
    for key in metadata:
        if key in KNOWN_KEYS:
            continue
        if len(unknown) == MAX_UNKNOWN_KEYS:
            break
        short = key[:MAX_KEY_LENGTH]
        unknown.append(UnknownKey(short, nearest(short, _PLAIN)))
    return unknown


def _no_such_query(reference: Written, queries: Mapping[str, Mapping[str, str]]) -> MetadataError:
    wanted = reference.text.strip()[:MAX_KEY_LENGTH]
    problem = f"extensions.keda_scaler.queries has no {shown(wanted)}"
    if meant := nearest(wanted, tuple(queries)):
        problem += f", did you mean {shown(meant)}?"
    elif not queries:
        problem += ": it is empty"
    return MetadataError(reference.key, problem)


def shown(text: str) -> str:
    """Return `text` quoted for an error message, cut where it grows long."""
    return repr(text if len(text) <= MAX_KEY_LENGTH else f"{text[:MAX_KEY_LENGTH]}…")
