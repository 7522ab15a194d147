"""The editors of OTTL by name (spec/ottl.md 6.3, 6.4); `EDITORS` in `registry` holds them all. Pure."""
