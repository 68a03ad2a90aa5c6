"""What clients say to the voice gateway (Discord: Topics, Voice); ids as strings or numbers."""

from typing import Annotated

import msgspec


class Identify(msgspec.Struct):
    """Voice, "Establishing a Voice Websocket Connection"."""

    server_id: int
    user_id: int
    session_id: str
    token: str
    max_dave_protocol_version: Annotated[int, msgspec.Meta(ge=0)] | None = 0


class Resume(msgspec.Struct):
    """Voice, "Resuming Voice Connection"."""

    server_id: int
    session_id: str
    token: str
    seq_ack: int | None = None


class UdpAddress(msgspec.Struct):
    """Where the client believes to be reached, and how it wants to encrypt."""

    address: str
    port: int
    mode: str


class SelectProtocol(msgspec.Struct):
    """Voice, "Establishing a Voice UDP Connection"."""

    protocol: str
    data: UdpAddress


class Heartbeat(msgspec.Struct):
    """Voice, "Heartbeating", since version 8."""

    t: int
    seq_ack: int | None = None


class Speaking(msgspec.Struct):
    """Voice, "Speaking"."""

    speaking: Annotated[int, msgspec.Meta(ge=0, le=7)]
    """Flags: microphone 1, soundshare 2, priority 4."""
    ssrc: int | None = None
    delay: int = 0
