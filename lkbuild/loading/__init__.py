"""BUILD.yaml to targets: types, globs, packages, the workspace, selects and dependencies.

Only `disk`, `root` and `workspace` touch the disk; the other modules are pure.
"""
