"""lkbuild: a content-addressed build system for Linux images.

The package listing is the architecture: cli > app > analysis | execution > loading | graph | keys | store | sandbox |
image | locks | fetch > model > base. This module knows the version and nothing else, so that importing it is free.
"""

__version__ = "0.1.0"
