"""Remote write 1.0 to a backend: data points to series, series to bytes; imports nothing that other exporters do not."""
