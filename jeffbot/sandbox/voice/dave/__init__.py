"""The server's side of DAVE 1, Discord's end-to-end encryption, without any I/O.

A ``Group`` orders one call as Discord's voice gateway does: it proposes whom to add and to remove, picks the commit
that counts, and says when keys change. ``Participant`` is what it sees of those in the call: connections of bots, and
``Listener``, who is a person with an MLS session of their own.

The voice gateway itself sends ops 4, 11 and 13, in this order:

- Someone enters: op 4 to them, with ``version_with`` of what they speak; op 11 to them, about all others; op 11 to
  all others, about them; then ``Group.join``. Op 4 comes first since clients have no MLS session before, and op 11 then
  since they refuse to add, and refuse a group with, a user of whom they were not told.
- Someone leaves: op 13 to all others, then ``Group.leave``.
"""

from .group import Group
from .listener import Decrypted, How, Listener
from .messages import parse_binary, parse_text
from .participant import DAVE_VERSION, CallLater, Note, Op, Participant, Timer

__all__ = [
    "DAVE_VERSION",
    "CallLater",
    "Decrypted",
    "Group",
    "How",
    "Listener",
    "Note",
    "Op",
    "Participant",
    "Timer",
    "parse_binary",
    "parse_text",
]
