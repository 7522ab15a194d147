"""Node and Resource: who sends a stream, and the attributes of its resource (opencensus.md 3.2, 4.13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from receivers.errors import DecodeError
from receivers.model import AnyValue, Resource
from receivers.opencensus import schema

_LANGUAGES = (
    "", "cpp", "dotnet", "erlang", "go", "java", "nodejs", "php", "python", "ruby", "webjs",
)  # fmt: skip
_RENAMED = {"cloud.zone": "cloud.availability_zone"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeParts:
    """What a Node says: attributes given freely, those it stands for, and which process it is ("" = not told)."""

    attributes: dict[str, str]
    own_attributes: dict[str, AnyValue]
    host_name: str
    process: str


def decode_node(raw: bytes) -> NodeParts:
    """Return what the Node in `raw` says.

    Raises:
        DecodeError: `raw` is not a Node.
    """
    try:
        node = schema.Node.FromString(raw)
    except schema.WireError as error:
        raise DecodeError("OpenCensus Node", str(error)) from error
    identifier, library = node.identifier, node.library_info
    start = ""
    if identifier.HasField("start_timestamp"):
        start = _format_time(identifier.start_timestamp.seconds, identifier.start_timestamp.nanos)
    language = library.language
    own: dict[str, AnyValue] = {
        "service.name": node.service_info.name,
        "opencensus.starttime": start,
        "host.name": identifier.host_name,
        "process.pid": identifier.pid,
        "telemetry.sdk.version": library.core_library_version,
        "opencensus.exporterversion": library.exporter_version,
        "telemetry.sdk.language": _LANGUAGES[language] if 0 <= language < len(_LANGUAGES) else "",
    }
    return NodeParts(
        attributes=dict(node.attributes),
        own_attributes={key: value for key, value in own.items() if value},
        host_name=identifier.host_name,
        process=f"{identifier.pid}/{start}" if identifier.pid or start else "",
    )


def sender_identity(node: NodeParts, peer: str) -> str:
    """Return which process `node` is: host_name/pid/start; `peer`, its IP address, stands in for what is missing."""
    host = node.host_name or peer
    return f"{host}/{node.process}" if node.process else host


def decode_resource(node: NodeParts, raw: bytes) -> Resource:
    """Return the resource of metrics from `node` with the OpenCensus Resource `raw` (empty: none).

    Raises:
        DecodeError: `raw` is not a Resource.
    """
    try:
        resource = schema.Resource.FromString(raw)
    except schema.WireError as error:
        raise DecodeError("OpenCensus Resource", str(error)) from error
    attributes: dict[str, AnyValue] = {
        _RENAMED.get(key, key): value for key, value in resource.labels.items()
    }
    attributes.update(node.attributes)
    attributes.update(node.own_attributes)
    if resource.type:
        attributes["opencensus.resourcetype"] = resource.type
    return Resource(attributes=attributes)


def _format_time(seconds: int, nanos: int) -> str:
    """Return RFC 3339 text without trailing zeros; plain numbers for what no calendar holds."""
    try:
        date = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    except OverflowError:
        return f"{seconds}s{nanos}ns"
    fraction = f"{nanos:09}".rstrip("0")
    return f"{date}.{fraction}Z" if fraction else f"{date}Z"
