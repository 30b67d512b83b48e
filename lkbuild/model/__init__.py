"""Frozen values that the layers share, the rule API, and the Protocols of what can be swapped."""
