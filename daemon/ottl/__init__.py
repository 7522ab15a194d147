"""The OpenTelemetry Transformation Language for metrics: text to closures, at start-up (spec/ottl.md). Pure."""
