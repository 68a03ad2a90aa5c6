"""News for those who want it, in the order in which it happened."""

import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)


class EventHub[*Event]:
    """Passes events on. All of it happens in the event loop: a listener takes note, and does long work elsewhere."""

    def __init__(self) -> None:
        self._listeners: dict[object, Callable[[*Event], object]] = {}

    def subscribe(self, listener: Callable[[*Event], object]) -> Callable[[], None]:
        """Have a listener called with each event from now on; what comes back ends that."""
        key = object()
        self._listeners[key] = listener
        return lambda: self._listeners.pop(key, None) and None

    def publish(self, *event: *Event) -> None:
        """Tell all listeners; one that fails is logged and keeps nobody else from hearing it."""
        for listener in tuple(self._listeners.values()):
            try:
                listener(*event)
            except Exception:  # a boundary: other people's code
                logger.exception("the listener %r failed", listener)
