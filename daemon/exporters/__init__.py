"""Consumers at the end of a pipeline; a module's name is its type in the configuration."""
