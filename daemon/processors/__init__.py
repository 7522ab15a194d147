"""Consumers that change or drop what passes through them; a module's name is its type in the configuration."""
