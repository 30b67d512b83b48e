"""No progress at all: `--quiet`. Errors and results are not its business."""

from __future__ import annotations

from lkbuild.model.events import Event


class QuietSink:
    """Takes events and says nothing."""

    def emit(self, event: Event) -> None:
        """Take one event."""
