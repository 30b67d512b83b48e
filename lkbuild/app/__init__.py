"""Use cases: one module per verb, where the pure core meets disk, network and processes. Knows no terminal."""
