"""OTLP metrics: protobuf or JSON in, batches out; imports `receivers.consumer`, `model` and `errors` only."""
