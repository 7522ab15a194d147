"""Tests of `daemon.snapshot`."""
