"""Configuration: YAML in the collector's schema to validated dataclasses, all errors at once with positions."""
