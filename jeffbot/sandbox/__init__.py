"""A local Discord for demos, tests and benchmarks: REST, main gateway, voice gateway and voice over UDP.

Unmodified Discord libraries log in to it; only their API base and trusted certificate differ. It is built to
Discord's documentation, whose sections are named as they are found on its developer site.
"""

from .attachments import File
from .errors import (
    CommandHiddenError,
    InvalidOptionError,
    JoinRefusedError,
    LibopusMissingError,
    NoReplyError,
    NotAllowedError,
    SandboxError,
    UnknownCommandError,
    UnusableComponentError,
)
from .findings import Finding, Kind
from .gateway.intents import Intents
from .interactions.applications import Application
from .interactions.interaction import Modal, Reply
from .options import AES_GCM, XCHACHA20, Options, Order, UdpFaults
from .people import Person
from .server import Sandbox
from .voice.connections import VoiceConnection
from .voice.rtp import Packet, Protection
from .world.guild import Guild
from .world.permissions import Permission
from .world.values import Channel, Message, Role

__all__ = [
    "AES_GCM",
    "XCHACHA20",
    "Application",
    "Channel",
    "CommandHiddenError",
    "File",
    "Finding",
    "Guild",
    "Intents",
    "InvalidOptionError",
    "JoinRefusedError",
    "Kind",
    "LibopusMissingError",
    "Message",
    "Modal",
    "NoReplyError",
    "NotAllowedError",
    "Options",
    "Order",
    "Packet",
    "Permission",
    "Person",
    "Protection",
    "Reply",
    "Role",
    "Sandbox",
    "SandboxError",
    "UdpFaults",
    "UnknownCommandError",
    "UnusableComponentError",
    "VoiceConnection",
]
