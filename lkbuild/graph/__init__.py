"""The graph of targets: closure, cycles, queries."""
