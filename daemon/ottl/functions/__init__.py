"""The converters of OTTL by name (spec/ottl.md 4.3, 4.4); `CONVERTERS` in `registry` holds them all. Pure."""
