"""The graph of targets: closure, cycles, queries. networkx is its public face, and is imported only where it is shown."""
