"""Execution: what must run, in which order, and the running of it. Does not know targets or rules, only actions."""
