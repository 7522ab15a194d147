"""A process in Python that reports over OpenCensus once: `python -m tests.interop.opencensus_process HOST:PORT`.

It ends when its standard input does. Its generated messages are older than protobuf's own fast ones, so it needs
PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python.
"""

from __future__ import annotations

import os
import sys

import grpc
from opencensus.ext.ocagent.stats_exporter import ExportRpcHandler, StatsExporter
from opencensus.proto.agent.metrics.v1 import metrics_service_pb2_grpc
from opencensus.stats import aggregation, measure, view
from opencensus.stats.stats import stats
from opencensus.tags import tag_key, tag_map, tag_value


def main(endpoint: str) -> None:
    """Count two requests of the application `a` and report them."""
    key = tag_key.TagKey("app_id")
    requests = measure.MeasureInt("requests", "requests", "1")
    counted = view.View("py/requests", "requests", [key], requests, aggregation.CountAggregation())
    stats.view_manager.register_view(counted)
    tags = tag_map.TagMap()
    tags.insert(key, tag_value.TagValue("a"))
    for _ in range(2):
        measured = stats.stats_recorder.new_measurement_map()
        measured.measure_int_put(requests, 1)
        measured.record(tags)
    stub = metrics_service_pb2_grpc.MetricsServiceStub(grpc.insecure_channel(endpoint))
    exporter = StatsExporter(ExportRpcHandler(stub, "interop", "python-1"))
    exporter.export_metrics(list(stats.get_metrics()))
    sys.stdin.read()
    os._exit(0)  # the exporter's stream never ends by itself, and its thread waits for it


if __name__ == "__main__":
    main(sys.argv[1])
