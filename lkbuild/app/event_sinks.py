"""Event sinks that are no display: one that says nothing, one that tells several others."""

from __future__ import annotations

from lkbuild.model.events import Event, EventSink


class Silent:
    """Takes events and says nothing."""

    def emit(self, event: Event) -> None:
        """Take one event."""


class Tee:
    """Passes each event to several sinks, in order."""

    def __init__(self, *sinks: EventSink) -> None:
        """`sinks`: none of which raises."""
        self._sinks = sinks

    def emit(self, event: Event) -> None:
        """Take one event."""
        for sink in self._sinks:
            sink.emit(event)
