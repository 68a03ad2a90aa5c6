"""Nextcord's own voice client: joining, being heard, being moved and thrown out."""

import asyncio

import nextcord
import pytest
from nextcord.ext import commands

from jeffbot.sandbox import XCHACHA20, Channel, JoinRefusedError, Permission
from jeffbot.sandbox.ears import Recording

from ..clients import Packets, tone
from ..conftest import Cave


async def connect(bot: commands.Bot, channel: Channel, timeout: float = 5) -> nextcord.VoiceClient:  # noqa: ASYNC109
    """Join as Nextcord does."""
    found = bot.get_channel(channel.id)
    assert isinstance(found, nextcord.VoiceChannel)
    return await found.connect(timeout=timeout)


async def encrypting(voice: nextcord.VoiceClient) -> None:
    """Wait until Nextcord has the group's key; it does not itself."""
    assert voice.e2ee_state
    async with asyncio.timeout(5):
        while not voice.e2ee_state.can_encrypt():
            await asyncio.sleep(0.01)  # nothing tells of it


async def test_heard(cave: Cave, bot: commands.Bot) -> None:
    """What the bot plays is what is heard, 50 packets a second."""
    await cave.alice.join(cave.general)
    voice = await connect(bot, cave.general)
    await encrypting(voice)
    ear = cave.discord.voice(cave.guild, cave.app)
    assert ear is not None
    voice.play(Packets(tone(440)))
    await cave.discord.until(lambda: len(ear.packets) == 50)

    heard = Recording(ear.packets)
    assert heard.strongest_frequency_hz == pytest.approx(440, abs=2)
    assert heard.level_dbfs == pytest.approx(-15.3, abs=0.5)
    assert heard.seconds == 1.0
    assert 0.01 < heard.largest_gap < 0.5
    assert (ear.mode, ear.connected, ear.close_code) == (XCHACHA20, True, None)
    assert ear.speaking_history[:2] == [0, 1]  # Nextcord announces its SSRC, then its voice
    assert [packet.timestamp for packet in ear.packets] == [960 * n for n in range(50)]


async def test_two_guilds_at_once(cave: Cave, bot: commands.Bot) -> None:
    """Two guilds hear two sounds, each its own."""
    other = cave.discord.add_guild("Other", applications=[cave.app])
    channel = other.add_voice_channel("Lounge")
    await bot.wait_for("guild_channel_create", timeout=5)
    for place, frequency in ((cave.general, 440), (channel, 1000)):
        bob = cave.discord.add_user("bob")
        place.guild.add_member(bob)
        await bob.join(place)
        voice = await connect(bot, place)
        await encrypting(voice)
        voice.play(Packets(tone(frequency)))
    ears = [cave.discord.voice(guild, cave.app) for guild in (cave.guild, other)]
    await cave.discord.until(lambda: all(ear and len(ear.packets) == 50 for ear in ears))

    heard = [round(Recording(ear.packets).strongest_frequency_hz) for ear in ears if ear]
    assert heard == pytest.approx([440, 1000], abs=2)


async def test_leave(cave: Cave, bot: commands.Bot) -> None:
    """After leaving there is no connection, and the old one is remembered with how it ended."""
    voice = await connect(bot, cave.general)
    assert cave.general.occupants == [cave.app.user]
    await voice.disconnect()
    await cave.discord.until(lambda: not cave.general.occupants)

    assert cave.discord.voice(cave.guild, cave.app) is None
    assert [ear.close_code for ear in cave.discord.history(cave.guild, cave.app)] == [1000]


async def test_kick(cave: Cave, bot: commands.Bot) -> None:
    """A moderator throws the bot out: Nextcord sees it, and the voice gateway said 4014."""
    await connect(bot, cave.general)
    gone = bot.wait_for("voice_state_update", timeout=5)
    await cave.app.kick_from_voice(cave.guild)
    _, _, after = await gone

    assert after.channel is None
    assert [ear.close_code for ear in cave.discord.history(cave.guild, cave.app)] == [4014]


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # Nextcord forgets its old UDP socket
async def test_move(cave: Cave, bot: commands.Bot) -> None:
    """A moderator drags the bot elsewhere: it connects anew, and is heard there."""
    below = cave.guild.add_voice_channel("Below")
    await bot.wait_for("guild_channel_create", timeout=5)
    voice = await connect(bot, cave.general)
    old = voice.ws
    await cave.app.move_voice(below)
    ear = await cave.discord.until(lambda: cave.discord.voice(cave.guild, cave.app))
    assert ear is not None
    await cave.discord.until(lambda: ear.speaking_history)  # the last thing Nextcord sends when it connects
    voice.play(Packets(tone(440, 5)))
    await cave.discord.until(lambda: len(ear.packets) == 5)

    await old.close()  # Nextcord forgets this, too
    assert ear.channel is below
    assert [old.close_code for old in cave.discord.history(cave.guild, cave.app)] == [4014, None]


@pytest.mark.parametrize(("limit", "denied"), [(1, Permission(0)), (0, Permission.CONNECT)])
async def test_no_way_in(cave: Cave, bot: commands.Bot, limit: int, denied: Permission) -> None:
    """A full channel, or one that is closed to the bot, never answers; a person sees at once."""
    channel = cave.guild.add_voice_channel("Closet", user_limit=limit, denied=denied)
    await bot.wait_for("guild_channel_create", timeout=5)
    if limit:
        await cave.alice.join(channel)
    else:
        with pytest.raises(JoinRefusedError):
            await cave.alice.join(channel)
    with pytest.raises(TimeoutError):
        await connect(bot, channel, timeout=0.1)

    assert cave.discord.history(cave.guild, cave.app) == []


async def test_slow_join(cave: Cave, bot: commands.Bot) -> None:
    """A slow join takes as long as the test says."""
    cave.discord.options.join_delay = 0.2
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await connect(bot, cave.general)

    assert loop.time() - begun >= 0.2


async def test_self_deaf(cave: Cave, bot: commands.Bot) -> None:
    """Whether the bot listens is seen."""
    await connect(bot, cave.general)
    ear = cave.discord.voice(cave.guild, cave.app)
    assert ear is not None
    assert not ear.self_deaf
    guild = bot.get_guild(cave.guild.id)
    assert guild is not None
    await guild.change_voice_state(channel=guild.voice_channels[0], self_deaf=True)
    await cave.discord.until(lambda: ear.self_deaf)

    assert ear.connected  # only a change of channel ends a connection
