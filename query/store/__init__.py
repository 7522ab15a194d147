"""The windows: rings of samples, an index over labels, and the store that joins them with senders."""
