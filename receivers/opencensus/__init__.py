"""OpenCensus metrics over gRPC, as daprd pushes them (spec/opencensus.md)."""
