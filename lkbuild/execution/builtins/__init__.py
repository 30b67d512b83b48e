"""Builtins: transformations that the engine does in its own process. docs/reference/builtins.md lists them."""
