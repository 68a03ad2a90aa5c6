"""Discord's own soundboard, which Nextcord does not know: listing and playing its sounds (Discord: Soundboard).

Lists are asked for, at most once a minute and guild: the events that tell of changes need an intent that hosts need not
have. Cost: memory grows with the guilds asked about, at most some 50 sounds each.
"""

import asyncio
import contextlib
import enum
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import aiohttp
import msgspec
import nextcord
from nextcord.http import Route

from ..errors import NativeSoundboardError, printable
from ..models import ChannelId, GuildId, NativeSound, Seconds
from .encryption import VocalChannel
from .manners import why_mute

MAX_SOUND_BYTES = 512 << 10
"""Discord: Soundboard, "Create Guild Soundboard Sound"."""
MAX_AGE: Seconds = 60.0
"""How old a list may be; its sounds may be gone or unavailable by then, which Discord says when one is sent."""
ANSWER_TIMEOUT: Seconds = 10.0
"""How long Discord may take, waiting for its rate limits included."""
_OK, _NOT_FOUND, _TOO_MANY_REQUESTS, _SERVER_ERROR = 200, 404, 429, 500

_REFUSALS: Final = {
    10003: "The voice channel is gone",
    10004: "The bot is not in that server",
    10097: "That sound is no longer on Discord's soundboard",
    20015: "Discord does not let this bot play sounds of other servers",
    50001: "The bot has no access to that server or voice channel",
    50013: "The bot lacks a permission that Discord's soundboard needs in that channel",
    50024: "Discord's soundboard plays in voice channels only",
    50167: "The bot is muted, deafened or not allowed to speak; Discord's soundboard is not for those who are",
    50168: "The bot is not in that voice channel; Discord's soundboard plays where one is",
}
"""By Discord's JSON error code (Discord: Opcodes and Status Codes, "JSON")."""


class NativePermission(enum.IntFlag):
    """What playing takes (Discord: Permissions, "Bitwise Permission Flags"); Nextcord 3.2 knows only the first."""

    SPEAK = 1 << 21
    USE_SOUNDBOARD = 1 << 42
    USE_EXTERNAL_SOUNDS = 1 << 45
    """For the sounds of another guild."""


class NativeSoundboard:
    """Discord's own soundboard, as one bot has it."""

    def __init__(self, client: nextcord.Client) -> None:
        self._client = client
        self._lists: dict[GuildId | None, _List] = {}

    async def list_sounds(self, guild_id: GuildId, *, refresh: bool = False) -> tuple[NativeSound, ...]:
        """The sounds of a guild, at most MAX_AGE old, or read anew.

        Raises:
            NativeSoundboardError: Discord does not tell.
        """
        route = Route("GET", "/guilds/{guild_id}/soundboard-sounds", guild_id=guild_id)
        return await self._list(guild_id, route, refresh=refresh)

    async def default_sounds(self, *, refresh: bool = False) -> tuple[NativeSound, ...]:
        """The sounds that everybody has, at most MAX_AGE old, or read anew.

        Raises:
            NativeSoundboardError: Discord does not tell.
        """
        return await self._list(None, Route("GET", "/soundboard-default-sounds"), refresh=refresh)

    async def download(self, sound: NativeSound) -> bytes:
        """The sound's file, MP3 or Ogg (Discord: Soundboard, "Sound Files"); at most MAX_SOUND_BYTES.

        Raises:
            NativeSoundboardError: It cannot be fetched, or is larger.
        """
        http: Any = self._client.http
        connector = http._connector
        async with (
            _asking(),
            aiohttp.ClientSession(connector=connector, connector_owner=connector is None) as session,
            session.get(
                f"{nextcord.Asset.BASE}/soundboard-sounds/{sound.id}",
                proxy=getattr(http, "_proxy", None),
                proxy_auth=getattr(http, "_proxy_auth", None),
            ) as response,
        ):
            if response.status == _NOT_FOUND:
                raise NativeSoundboardError(_REFUSALS[10097])
            if response.status != _OK:
                raise NativeSoundboardError(f"Discord does not give out the sound's file ({response.status})")
            return await _read(response.content)

    async def send(self, guild_id: GuildId, channel_id: ChannelId, sound: NativeSound) -> None:
        """Play a sound in the voice channel the bot is in; what is sure to be refused is not asked for.

        Raises:
            NativeSoundboardError: It cannot be played: see :meth:`why_not`, or Discord refuses it.
        """
        guild = self._client.get_guild(guild_id)
        channel = guild.get_channel(channel_id) if guild else None
        if guild is None or not isinstance(channel, nextcord.VoiceChannel | nextcord.StageChannel):
            raise NativeSoundboardError(_REFUSALS[10003])
        if reason := self.why_not(guild, channel, sound):
            raise NativeSoundboardError(reason)
        body = {"sound_id": str(sound.id)}
        if sound.guild_id is not None:
            body["source_guild_id"] = str(sound.guild_id)
        route = Route("POST", "/channels/{channel_id}/send-soundboard-sound", channel_id=channel_id)
        async with _asking():
            await self._client.http.request(route, json=body)

    def why_not(self, guild: nextcord.Guild, channel: VocalChannel, sound: NativeSound) -> str | None:
        """Why Discord would refuse to play a sound (Discord: Soundboard, "Send Soundboard Sound"), in words.

        None: nothing is known that speaks against it. Asks nobody: it goes by what Nextcord has been told.
        """
        if not sound.available:
            return f'"{printable(sound.name)}" cannot be played: its server has lost the boosts that takes'
        if isinstance(channel, nextcord.StageChannel):
            return _REFUSALS[50024]
        me: nextcord.Member | None = guild.me
        voice = me.voice if me else None
        if me is None or voice is None or voice.channel != channel:
            return f"The bot is not in {channel.name}; Discord's soundboard plays where one is"
        if lacking := _needed_for(sound, guild) & ~channel.permissions_for(me).value:
            words = " and ".join(_in_words(permission) for permission in NativePermission if permission & lacking)
            return f"The bot lacks the permission to {words} in {channel.name}"
        return _why_deaf(voice) or why_mute(guild)

    async def _list(self, guild_id: GuildId | None, route: Route, *, refresh: bool) -> tuple[NativeSound, ...]:
        kept = self._lists.setdefault(guild_id, _List())
        async with _asking(), kept.reading:
            if refresh or time.monotonic() - kept.read_at > MAX_AGE:
                answer = await self._client.http.request(route)
                is_bare = guild_id is None
                items = msgspec.convert(answer, list[_Payload]) if is_bare else msgspec.convert(answer, _Items).items
                kept.sounds = tuple(self._sound(guild_id, item) for item in items)
                kept.read_at = time.monotonic()
            return kept.sounds

    def _sound(self, guild_id: GuildId | None, payload: "_Payload") -> NativeSound:
        emoji = payload.emoji_name or ""
        if payload.emoji_id:
            known = self._client.get_emoji(int(payload.emoji_id))
            emoji = str(known or f"<:{payload.emoji_name or 'emoji'}:{payload.emoji_id}>")
        return NativeSound(int(payload.sound_id), payload.name, payload.volume, emoji, payload.available, guild_id)


@dataclass
class _List:
    """What was read last, and when, on the monotonic clock."""

    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    sounds: tuple[NativeSound, ...] = ()
    read_at: Seconds = float("-inf")


type _Snowflake = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}$")]


class _Payload(msgspec.Struct):
    """Discord: Soundboard, "Soundboard Sound Object"."""

    sound_id: _Snowflake
    name: str
    volume: float
    emoji_id: _Snowflake | None = None
    emoji_name: str | None = None
    available: bool = True


class _Items(msgspec.Struct):
    """Discord: Soundboard, "List Guild Soundboard Sounds"."""

    items: list[_Payload]


def _needed_for(sound: NativeSound, guild: nextcord.Guild) -> NativePermission:
    needed = NativePermission.SPEAK | NativePermission.USE_SOUNDBOARD
    is_external = sound.guild_id is not None and sound.guild_id != guild.id
    return needed | NativePermission.USE_EXTERNAL_SOUNDS if is_external else needed


def _in_words(permission: NativePermission) -> str:
    return str(permission.name).lower().replace("_", " ")


def _why_deaf(voice: nextcord.VoiceState) -> str | None:
    if voice.deaf:
        return "The bot is deafened in this server; a moderator has to undeafen it"
    if voice.self_deaf:
        return "The bot has deafened itself; Discord's soundboard is not for those who are deaf"
    return None


async def _read(content: aiohttp.StreamReader) -> bytes:
    data = bytearray()
    async for chunk in content.iter_any():
        data += chunk
        if len(data) > MAX_SOUND_BYTES:
            raise NativeSoundboardError(f"The sound's file is larger than {MAX_SOUND_BYTES >> 10} KiB")
    return bytes(data)


@contextlib.asynccontextmanager
async def _asking() -> AsyncIterator[None]:
    """Ask Discord, within ANSWER_TIMEOUT; whatever goes wrong on the way becomes a NativeSoundboardError."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            yield
    except nextcord.HTTPException as error:
        raise NativeSoundboardError(_words(error)) from error
    except TimeoutError as error:
        raise NativeSoundboardError(f"Discord has not answered within {ANSWER_TIMEOUT:g} s; try again later") from error
    except (aiohttp.ClientError, OSError) as error:
        raise NativeSoundboardError("Discord cannot be reached; try again later") from error
    except msgspec.ValidationError as error:
        raise NativeSoundboardError(f"Discord's answer about its soundboard makes no sense: {error}") from error


def _words(error: nextcord.HTTPException) -> str:
    if error.status >= _SERVER_ERROR:
        return f"Discord has trouble of its own ({error.status}); try again later"
    if error.status == _TOO_MANY_REQUESTS:
        return "Discord asks the bot to slow down; try again later"
    return _REFUSALS.get(error.code) or f"Discord refused it: {printable(error.text) or error.status}"
