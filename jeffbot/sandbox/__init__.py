"""A local Discord for demos, tests and benchmarks: REST, main gateway, voice gateway and voice over UDP.

Unmodified Discord libraries log in to it; only their API base and trusted certificate differ. It is built to
Discord's documentation, whose sections are named as they are found on its developer site.
"""

from .applications import Application
from .errors import (
    CommandHiddenError,
    InvalidOptionError,
    JoinRefusedError,
    LibopusMissingError,
    NoReplyError,
    SandboxError,
    UnknownCommandError,
)
from .interactions import Reply
from .options import AES_GCM, XCHACHA20, Options
from .people import Person
from .permissions import Permission
from .rtp import Packet
from .server import Sandbox
from .voice import VoiceConnection
from .world import Channel, Guild, Role

__all__ = [
    "AES_GCM",
    "XCHACHA20",
    "Application",
    "Channel",
    "CommandHiddenError",
    "Guild",
    "InvalidOptionError",
    "JoinRefusedError",
    "LibopusMissingError",
    "NoReplyError",
    "Options",
    "Packet",
    "Permission",
    "Person",
    "Reply",
    "Role",
    "Sandbox",
    "SandboxError",
    "UnknownCommandError",
    "VoiceConnection",
]
