"""Voice states, stages, and Discord's own soundboard."""

import base64
import datetime as dt
from typing import Any

import pytest

from jeffbot.sandbox import Channel, Permission
from jeffbot.sandbox.gateway.intents import Intents

from ..clients import RawClient
from ..conftest import Cave
from .conftest import Allow

MODERATOR = Permission.MANAGE_CHANNELS | Permission.MUTE_MEMBERS | Permission.MOVE_MEMBERS
OGG = b"OggS and so on"
HORN = {"name": "horn", "sound": f"data:audio/ogg;base64,{base64.b64encode(OGG).decode()}", "volume": 0.5}


@pytest.fixture
async def stage(cave: Cave) -> Channel:
    """Where the bot is in the audience."""
    channel = cave.guild.add_stage_channel("Talk")
    cave.guild.set_voice(cave.app.user, channel)
    return channel


def voice(cave: Cave, who: object = "@me") -> str:
    return f"/guilds/{cave.guild.id}/voice-states/{who}"


# Voice states


async def test_reading_voice_states(cave: Cave, raw: RawClient) -> None:
    """One's own and others' voice states are read, once there are any."""
    for who in ("@me", cave.alice.id):
        assert await raw.refusal("GET", voice(cave, who)) == 10065
    cave.guild.set_voice(cave.app.user, cave.general, self_deaf=True)
    cave.guild.set_voice(cave.alice, cave.general)

    _, own = await raw.request("GET", voice(cave))
    _, other = await raw.request("GET", voice(cave, cave.alice.id))
    assert (own["channel_id"], own["self_deaf"]) == (str(cave.general.id), True)
    assert other["member"]["user"]["username"] == "alice"


async def test_out_of_sight(cave: Cave, raw: RawClient) -> None:
    """Of somebody in a channel that the bot could not join it learns nothing."""
    cave.guild.set_voice(cave.alice, cave.guild.add_voice_channel("Closed", denied=Permission.CONNECT))

    assert await raw.refusal("GET", voice(cave, cave.alice.id)) == 50001


async def test_becoming_a_speaker(cave: Cave, raw: RawClient, allow: Allow, stage: Channel) -> None:
    """Unsuppressing oneself needs MUTE_MEMBERS; stepping back nothing."""
    assert await raw.refusal("PATCH", voice(cave), {"suppress": False}) == 50013
    allow(Permission.MUTE_MEMBERS)
    gateway = await raw.log_in()

    assert (await raw.request("PATCH", voice(cave), {"channel_id": str(stage.id), "suppress": False}))[0] == 204
    assert (await gateway.until_event("VOICE_STATE_UPDATE"))["suppress"] is False
    assert (await raw.request("PATCH", voice(cave), {"suppress": True}))[0] == 204
    assert cave.guild.voice_states[cave.app.id].suppress


async def test_raising_a_hand(cave: Cave, raw: RawClient, stage: Channel) -> None:
    """Requesting to speak needs REQUEST_TO_SPEAK; taking it back nothing."""
    now = dt.datetime.now(dt.UTC).isoformat()
    assert (await raw.request("PATCH", voice(cave), {"request_to_speak_timestamp": now}))[0] == 204
    assert cave.guild.voice_states[cave.app.id].request_to_speak == now
    cave.guild.overwrite(stage, cave.app.user, deny=Permission.REQUEST_TO_SPEAK)

    assert await raw.refusal("PATCH", voice(cave), {"request_to_speak_timestamp": now}) == 50013
    assert (await raw.request("PATCH", voice(cave), {"request_to_speak_timestamp": None}))[0] == 204
    assert cave.guild.voice_states[cave.app.id].request_to_speak is None


async def test_inviting_to_speak(cave: Cave, raw: RawClient, allow: Allow, stage: Channel) -> None:
    """A person who is made a speaker gets a request to speak, and loses it in the audience."""
    cave.guild.set_voice(cave.alice, stage)
    assert await raw.refusal("PATCH", voice(cave, cave.alice.id), {"suppress": False}) == 50013
    allow(Permission.MUTE_MEMBERS)

    assert (await raw.request("PATCH", voice(cave, cave.alice.id), {"suppress": False}))[0] == 204
    state = cave.guild.voice_states[cave.alice.id]
    assert (state.suppress, state.request_to_speak is None) == (False, False)
    assert (await raw.request("PATCH", voice(cave, cave.alice.id), {"suppress": True}))[0] == 204
    assert (state.suppress, state.request_to_speak) == (True, None)


async def test_only_in_stage_channels(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """In no channel, in a voice channel, or in another stage than the one that is named, nothing is changed."""
    stage = cave.guild.add_stage_channel("Talk")
    allow(Permission.MUTE_MEMBERS)
    body = {"channel_id": str(stage.id), "suppress": False}
    assert await raw.refusal("PATCH", voice(cave), body) == 10065
    cave.guild.set_voice(cave.app.user, cave.general)
    assert await raw.refusal("PATCH", voice(cave), body) == 10065
    assert await raw.refusal("PATCH", voice(cave), body | {"channel_id": "1"}) == 10003
    assert await raw.refusal("PATCH", voice(cave), {"suppress": False}) == 50024


# Stages


async def test_stages_live(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """A moderator opens a stage, changes its topic and closes it; the gateway tells of each."""
    stage = cave.guild.add_stage_channel("Talk")
    body, path = {"channel_id": str(stage.id), "topic": "sounds"}, f"/stage-instances/{stage.id}"
    assert await raw.refusal("POST", "/stage-instances", body) == 50013
    allow(MODERATOR)
    assert await raw.refusal("GET", path) == 10067
    gateway = await raw.log_in()

    _, opened = await raw.request("POST", "/stage-instances", body)
    assert (opened["topic"], opened["privacy_level"]) == ("sounds", 2)
    assert await gateway.until_event("STAGE_INSTANCE_CREATE") == opened
    assert await raw.refusal("POST", "/stage-instances", body) == 150006
    assert (await raw.request("PATCH", path, {"topic": "horns"}))[1] == opened | {"topic": "horns"}
    assert (await raw.request("GET", path))[1]["topic"] == "horns"
    assert (await raw.request("DELETE", path))[0] == 204
    assert (await gateway.until_event("STAGE_INSTANCE_DELETE"))["id"] == opened["id"]


async def test_only_stages_open(cave: Cave, raw: RawClient) -> None:
    for channel_id, code in ((cave.general.id, 50024), (1, 10003)):
        assert await raw.refusal("POST", "/stage-instances", {"channel_id": str(channel_id), "topic": "x"}) == code


# The soundboard


async def test_default_sounds(raw: RawClient) -> None:
    _, sounds = await raw.request("GET", "/soundboard-default-sounds")

    assert sounds[0].items() >= {"sound_id": "1", "name": "quack", "emoji_name": "🦆", "available": True}.items()


async def test_sounds_live(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """A sound is made, read with who made it, fetched, changed and deleted."""
    base = f"/guilds/{cave.guild.id}/soundboard-sounds"
    assert await raw.refusal("POST", base, HORN) == 50013
    allow(Permission.CREATE_GUILD_EXPRESSIONS)
    gateway = await raw.log_in(intents=Intents.GUILDS | Intents.GUILD_EXPRESSIONS)
    status, made = await raw.request("POST", base, HORN)
    path = f"{base}/{made['sound_id']}"
    assert (status, made["volume"], made["user"]["username"]) == (201, 0.5, "jeffbot")
    assert (await gateway.until_event("GUILD_SOUNDBOARD_SOUND_CREATE"))["sound_id"] == made["sound_id"]
    assert (await raw.request("GET", base))[1]["items"] == [made]
    origin = cave.discord.api_base.removesuffix("/api/v10")
    fetched = await raw.exchange("GET", f"{origin}/soundboard-sounds/{made['sound_id']}", authorization="")
    assert (fetched.body, fetched.headers["Content-Type"]) == (OGG, "audio/ogg")

    _, changed = await raw.request("PATCH", path, {"name": "tuba", "emoji_name": "🎺"})
    assert (changed["name"], changed["emoji_name"], changed["volume"]) == ("tuba", "🎺", 0.5)
    assert (await raw.request("GET", path))[1] == changed
    assert (await raw.request("DELETE", path))[0] == 204
    assert await raw.refusal("GET", path) == 10097


async def test_others_sounds(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """What others made is shown without its maker, and not to be changed without MANAGE_GUILD_EXPRESSIONS."""
    sound = cave.guild.add_sound("quack")
    path = f"/guilds/{cave.guild.id}/soundboard-sounds/{sound.id}"
    assert "user" not in (await raw.request("GET", path))[1]
    allow(Permission.CREATE_GUILD_EXPRESSIONS)
    assert (await raw.request("GET", path))[1]["user"]["id"] == str(cave.guild.owner.id)
    assert await raw.refusal("DELETE", path) == 50013
    allow(Permission.MANAGE_GUILD_EXPRESSIONS)

    assert (await raw.request("DELETE", path))[0] == 204


async def test_too_large_a_sound(cave: Cave, raw: RawClient, allow: Allow) -> None:
    allow(Permission.CREATE_GUILD_EXPRESSIONS)
    sound = "data:audio/mpeg;base64," + base64.b64encode(bytes((512 << 10) + 1)).decode()

    assert await raw.refusal("POST", f"/guilds/{cave.guild.id}/soundboard-sounds", HORN | {"sound": sound}) == 50045


async def test_sending_a_sound(cave: Cave, raw: RawClient) -> None:
    """A sound that is sent is told to those in the channel: one of the guild's, or of everybody's."""
    path = f"/channels/{cave.general.id}/send-soundboard-sound"
    sound = cave.guild.add_sound("horn", volume=0.5)
    cave.guild.set_voice(cave.app.user, cave.general)
    gateway = await raw.log_in()
    for sound_id, volume in ((str(sound.id), 0.5), ("1", 1)):
        assert (await raw.request("POST", path, {"sound_id": sound_id}))[0] == 204
        effect = await gateway.until_event("VOICE_CHANNEL_EFFECT_SEND")
        assert (effect["sound_id"], effect["sound_volume"], effect["user_id"]) == (sound_id, volume, str(cave.app.id))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mute": True}, 50167),
        ({"deaf": True}, 50167),
        ({"self_deaf": True}, 50167),
        ({"suppress": True}, 50167),
        ({"self_mute": True}, None),
    ],
)
async def test_who_cannot_send_sounds(cave: Cave, raw: RawClient, change: dict[str, Any], code: int | None) -> None:
    """Who is not in the channel, or may not be heard in it, sends no sound."""
    path, body = f"/channels/{cave.general.id}/send-soundboard-sound", {"sound_id": "1"}
    assert await raw.refusal("POST", path, body) == 50168
    cave.guild.set_voice(cave.app.user, cave.general)
    cave.guild.change_voice(cave.app.user, **change)

    status, answer = await raw.request("POST", path, body)
    assert (answer or {}).get("code") == code
    assert status == (403 if code else 204)


async def test_refused_sounds(cave: Cave, raw: RawClient) -> None:
    """Without the permissions, from nowhere, and not into what is no voice channel."""
    path = f"/channels/{cave.general.id}/send-soundboard-sound"
    cave.guild.set_voice(cave.app.user, cave.general)
    other = cave.discord.add_guild("Other")
    sound = {"sound_id": str(other.add_sound("far").id)}
    assert await raw.refusal("POST", path, sound) == 10097
    far = sound | {"source_guild_id": str(other.id)}
    assert (await raw.request("POST", path, far))[0] == 204
    cave.guild.overwrite(cave.general, cave.app.user, deny=Permission.USE_EXTERNAL_SOUNDS)
    assert await raw.refusal("POST", path, far) == 50013
    cave.guild.overwrite(cave.general, cave.app.user, deny=Permission.USE_SOUNDBOARD)
    assert await raw.refusal("POST", path, {"sound_id": "1"}) == 50013
    assert await raw.refusal("POST", f"/channels/{cave.guild.text_channel.id}/send-soundboard-sound", sound) == 50024
