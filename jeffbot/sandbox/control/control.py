"""What verbs work with."""

from collections import OrderedDict
from typing import TYPE_CHECKING

from ..interactions.interaction import Reply

if TYPE_CHECKING:
    from ..ears.fingerprint import Fingerprints
    from ..server import Sandbox

REPLIES_KEPT = 10_000


class Control:
    """A sandbox, and what programs that are not Python hold on to by numbers.

    Args:
        discord: The sandbox.
    """

    def __init__(self, discord: "Sandbox") -> None:
        self.discord = discord
        self.fingerprints: Fingerprints | None = None
        """The sounds that are recognised in what is heard."""
        self.replies: OrderedDict[int, Reply] = OrderedDict()
        """Answers to people, by number; the latest."""
        self._answered = 0

    def keep(self, reply: Reply) -> int:
        """Give an answer a number by which it can be asked for again."""
        self._answered += 1
        self.replies[self._answered] = reply
        if len(self.replies) > REPLIES_KEPT:
            self.replies.popitem(last=False)
        return self._answered
