"""Discord's own soundboard (Discord: Resources, Soundboard)."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from ..world.guild import Guild
from ..world.payloads import Json, effect_json, sound_json
from ..world.permissions import Permission
from ..world.values import Channel, ChannelType, SoundboardSound
from .call import Call
from .refusals import (
    CANNOT_SEND_VOICE_EFFECT,
    FILE_TOO_LARGE,
    MISSING_PERMISSIONS,
    NOT_IN_THAT_VOICE_CHANNEL,
    TOO_MANY_SOUNDS,
    UNKNOWN_SOUND,
    WRONG_CHANNEL_TYPE,
)
from .serving import Created

MAX_SOUND_BYTES = 512 << 10
"""Create Guild Soundboard Sound."""
MOST_SOUNDS = 48
"""In one guild. Discord's documentation names no number; this is what it gives to the most boosted guilds."""
DEFAULT_SOUNDS: Final[Mapping[int, SoundboardSound]] = {
    number: SoundboardSound(number, name, emoji_name=emoji)
    for number, name, emoji in (
        (1, "quack", "🦆"),
        (2, "airhorn", "🔊"),
        (3, "cricket", "🦗"),
        (4, "golf clap", "👏"),
        (5, "sad horn", "🎺"),
        (7, "ba dum tss", "🥁"),
    )
}


def defaults(_: Call) -> list[Json]:
    """List Default Soundboard Sounds."""
    return [sound_json(sound, None) for sound in DEFAULT_SOUNDS.values()]


def everything(call: Call) -> Json:
    """List Guild Soundboard Sounds."""
    guild = call.guild()
    return {"items": [_json(call, guild, sound) for sound in guild.sounds.values()]}


def get(call: Call) -> Json:
    """Get Guild Soundboard Sound."""
    guild = call.guild()
    return _json(call, guild, _sound(call, guild))


def make(call: Call) -> Created:
    """Create Guild Soundboard Sound; how long it plays is not looked at."""
    guild, body = call.guild(), call.body
    call.need(Permission.CREATE_GUILD_EXPRESSIONS, guild)
    if len(guild.sounds) >= MOST_SOUNDS:
        raise TOO_MANY_SOUNDS.error()
    data = base64.b64decode(body["sound"].partition(";base64,")[2])
    if len(data) > MAX_SOUND_BYTES:
        raise FILE_TOO_LARGE.error()
    sound = guild.add_sound(body["name"], data, user=call.user, **_fields(body))
    return Created(_json(call, guild, sound))


def change(call: Call) -> Json:
    """Modify Guild Soundboard Sound."""
    guild, sound = _own_or_managed(call)
    fields = _fields(call.body) | ({"name": call.body["name"]} if "name" in call.body else {})
    guild.change_sound(sound, **fields)
    return _json(call, guild, sound)


def remove(call: Call) -> None:
    """Delete Guild Soundboard Sound."""
    guild, sound = _own_or_managed(call)
    guild.remove_sound(sound)


def send(call: Call) -> None:
    """Send Soundboard Sound, into the voice channel that the asker is in and may speak in."""
    channel = call.channel()
    if channel.kind is not ChannelType.VOICE:
        raise WRONG_CHANNEL_TYPE.error()
    state = channel.guild.voice_states.get(call.user.id)
    if state is None or state.channel is not channel:
        raise NOT_IN_THAT_VOICE_CHANNEL.error()
    if state.deaf or state.self_deaf or state.mute or state.suppress:
        raise CANNOT_SEND_VOICE_EFFECT.error()
    call.need(Permission.SPEAK | Permission.USE_SOUNDBOARD, channel)
    sound = _sent_sound(call, channel)
    call.world.play_soundboard(channel, call.user, effect_json(sound))


def _sent_sound(call: Call, channel: Channel) -> SoundboardSound:
    sound_id, source_id = int(call.body["sound_id"]), int(call.body.get("source_guild_id") or channel.guild.id)
    if sound := DEFAULT_SOUNDS.get(sound_id):
        return sound
    source = call.world.guilds.get(source_id)
    found = source.sounds.get(sound_id) if source else None
    if found is None or not found.available:
        raise UNKNOWN_SOUND.error()
    if source is not channel.guild:
        call.need(Permission.USE_EXTERNAL_SOUNDS, channel)
    return found


def _sound(call: Call, guild: Guild) -> SoundboardSound:
    if sound := guild.sounds.get(call.id("sound_id")):
        return sound
    raise UNKNOWN_SOUND.error()


def _own_or_managed(call: Call) -> tuple[Guild, SoundboardSound]:
    """A sound of one's own needs either of two permissions, any other MANAGE_GUILD_EXPRESSIONS."""
    guild = call.guild()
    sound = _sound(call, guild)
    own = sound.user is call.user and call.may(Permission.CREATE_GUILD_EXPRESSIONS, guild)
    if not own and not call.may(Permission.MANAGE_GUILD_EXPRESSIONS, guild):
        raise MISSING_PERMISSIONS.error()
    return guild, sound


def _fields(body: Json) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "emoji_name" in body:
        fields["emoji_name"] = body["emoji_name"]
    if body.get("volume") is not None:
        fields["volume"] = float(body["volume"])
    return fields


def _json(call: Call, guild: Guild, sound: SoundboardSound) -> Json:
    """A sound; only those who may make or manage sounds see who made it."""
    payload = sound_json(sound, guild)
    may = (Permission.CREATE_GUILD_EXPRESSIONS, Permission.MANAGE_GUILD_EXPRESSIONS)
    if not any(call.may(permission, guild) for permission in may):
        del payload["user"]
    return payload
