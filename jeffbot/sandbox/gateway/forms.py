"""What clients send (Discord: Gateway Events, "Send Events"); what is not of these shapes is a decode error, 4002."""

from typing import Annotated, Any, Literal

import msgspec

type Status = Literal["online", "dnd", "idle", "invisible", "offline", ""]
"""Gateway Events, "Status Types"; an empty one is none."""
type Snowflake = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class Activity(msgspec.Struct):
    """Gateway Events, "Activity Object"; the fields that bots may set."""

    name: str
    type: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = 0
    state: str | None = None
    url: str | None = None


class PresenceUpdate(msgspec.Struct):
    """Gateway Events, "Update Presence"."""

    status: Status | None = None
    activities: list[Activity] | None = None
    since: float | None = None
    afk: bool | None = False
    game: Activity | None = None
    """In place of ``activities`` before version 8 of the API; still taken, and still sent by Nextcord."""


class Identify(msgspec.Struct):
    """Gateway Events, "Identify"."""

    token: str
    properties: dict[str, Any]
    intents: int
    compress: bool | None = False
    large_threshold: int | None = None
    shard: tuple[int, int] | None = None
    presence: PresenceUpdate | None = None


class Resume(msgspec.Struct):
    """Gateway Events, "Resume"."""

    token: str
    session_id: str
    seq: int


class VoiceStateUpdate(msgspec.Struct):
    """Gateway Events, "Update Voice State"."""

    guild_id: Snowflake
    channel_id: Snowflake | None
    self_mute: bool = False
    self_deaf: bool = False


class MembersRequest(msgspec.Struct):
    """Gateway Events, "Request Guild Members"."""

    guild_id: Snowflake
    query: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=0)] | None = None
    presences: bool | None = False
    user_ids: Snowflake | list[Snowflake] | None = None
    nonce: Any = None


class SoundsRequest(msgspec.Struct):
    """Gateway Events, "Request Soundboard Sounds"."""

    guild_ids: list[Snowflake]


class ChannelInfoRequest(msgspec.Struct):
    """Gateway Events, "Request Channel Info"."""

    guild_id: Snowflake
    fields: list[str]
