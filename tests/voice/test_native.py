"""Discord's own soundboard: what is read of it, and in which words it is refused."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import nextcord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from nextcord.ext import commands
from nextcord.http import Route

from jeffbot.errors import NativeSoundboardError
from jeffbot.models import ChannelId, GuildId, NativeSound
from jeffbot.sandbox import Application, Channel, Guild, Permission, Sandbox
from jeffbot.sandbox.nextcord_host import make_bot, running
from jeffbot.sandbox.world.events import SoundboardPlayed
from jeffbot.voice import native
from jeffbot.voice.native import MAX_SOUND_BYTES, NativeSoundboard
from staging import PATIENCE

OGG = b"OggS of a horn"
SEND = "/channels/*/send-soundboard-sound"


@dataclass
class Scene:
    """A bot without a soundboard of ours, in a voice channel of a guild."""

    discord: Sandbox
    app: Application
    bot: commands.Bot
    guild: Guild
    general: Channel
    board: NativeSoundboard
    asked: list[str]
    """The paths of the requests that went out."""
    played: list[SoundboardPlayed]

    @property
    def guild_id(self) -> GuildId:
        """The guild's id."""
        return GuildId(self.guild.id)

    async def sound(self) -> NativeSound:
        """The first sound of the guild, as it is now."""
        return (await self.board.list_sounds(self.guild_id, refresh=True))[0]

    async def send(self, sound: NativeSound, channel: Channel | None = None) -> None:
        """Play a sound, in General unless told otherwise."""
        await self.board.send(self.guild_id, ChannelId((channel or self.general).id), sound)

    async def told(self, event: str, change: Callable[[], object]) -> None:
        """Change something, and wait until the bot has been told of it."""
        told = asyncio.create_task(self.bot.wait_for(event, timeout=PATIENCE))
        await asyncio.sleep(0)  # it listens from now on
        change()
        await told

    async def be_in(self, channel: Channel | None) -> None:
        """Have the bot in a voice channel, or in none."""
        await self.told("voice_state_update", lambda: self.guild.set_voice(self.app.user, channel))


@pytest.fixture
async def scene(
    discord: Sandbox, application: Application, guild: Guild, voice_channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    monkeypatch.setattr(nextcord.Asset, "BASE", discord.api_base.removesuffix("/api/v10"))
    guild.add_sound("horn", OGG, volume=0.5, emoji_name="📯")
    guild.set_voice(application.user, voice_channel)
    bot = make_bot(discord, guild_ready_timeout=0.1)
    asked: list[str] = []
    request = bot.http.request

    async def counted(route: Route, **options: Any) -> Any:
        asked.append(route.path)
        return await request(route, **options)

    played: list[SoundboardPlayed] = []
    discord.world.subscribe(lambda event: played.append(event) if isinstance(event, SoundboardPlayed) else None)
    async with running(discord, application, bot):
        monkeypatch.setattr(bot.http, "request", counted)
        yield Scene(discord, application, bot, guild, voice_channel, NativeSoundboard(bot), asked, played)


# Reading


async def test_lists_a_guilds_sounds(scene: Scene) -> None:
    """Every field is read; a sound that lost its boosts is listed as unavailable."""
    lost = scene.guild.add_sound("lost", available=False)
    horn = next(iter(scene.guild.sounds.values()))

    assert await scene.board.list_sounds(scene.guild_id) == (
        NativeSound(horn.id, "horn", 0.5, "📯", available=True, guild_id=scene.guild_id),
        NativeSound(lost.id, "lost", 1.0, "", available=False, guild_id=scene.guild_id),
    )


async def test_lists_everybodys_sounds(scene: Scene) -> None:
    """What everybody has belongs to no guild."""
    quack, *_ = await scene.board.default_sounds()

    assert quack == NativeSound(1, "quack", 1.0, "🦆", available=True, guild_id=None)


async def test_list_is_kept(scene: Scene) -> None:
    """A list is asked for once, by however many at the same time, until it is to be read anew."""
    first, second = await asyncio.gather(*(scene.board.list_sounds(scene.guild_id) for _ in range(2)))
    scene.guild.add_sound("tuba")
    again = await scene.board.list_sounds(scene.guild_id)
    assert first == second == again
    assert scene.asked == ["/guilds/{guild_id}/soundboard-sounds"]

    anew = await scene.board.list_sounds(scene.guild_id, refresh=True)
    assert [sound.name for sound in anew] == ["horn", "tuba"]
    assert await scene.board.list_sounds(scene.guild_id) == anew


async def test_list_grows_old(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is too old is read anew."""
    await scene.board.list_sounds(scene.guild_id)
    scene.guild.add_sound("tuba")
    monkeypatch.setattr(native, "MAX_AGE", -1)

    assert len(await scene.board.list_sounds(scene.guild_id)) == 2


async def test_guilds_have_lists_of_their_own(scene: Scene) -> None:
    """What one guild has is not shown for another, nor for everybody."""
    other = scene.discord.add_guild("Other", applications=[scene.app])
    await scene.board.list_sounds(scene.guild_id)

    assert await scene.board.list_sounds(GuildId(other.id)) == ()
    assert len(await scene.board.default_sounds()) > 1


@pytest.mark.parametrize(("known", "emoji"), [(True, "<a:brass:77>"), (False, "<:emoji:77>")])
async def test_custom_emoji(scene: Scene, *, known: bool, emoji: str) -> None:
    """A guild's own emoji is written as in a message, also where the bot has not been told of it."""
    guild = scene.bot.get_guild(scene.guild.id)
    assert guild
    if known:
        scene.bot._connection.store_emoji(guild, {"id": 77, "name": "brass", "animated": True})
    item = {"sound_id": "5", "name": "horn", "volume": 1, "emoji_id": "77", "emoji_name": None}
    scene.discord.inject("GET", "/guilds/*/soundboard-sounds", status=200, body={"items": [item]})

    assert (await scene.sound()).emoji == emoji


async def test_downloads_the_file(scene: Scene) -> None:
    """What was uploaded comes back, up to the largest that Discord takes."""
    assert await scene.board.download(await scene.sound()) == OGG
    (horn,) = scene.guild.sounds.values()
    scene.guild.change_sound(horn, data=bytes(MAX_SOUND_BYTES))

    assert len(await scene.board.download(await scene.sound())) == MAX_SOUND_BYTES


async def test_downloads_for_a_host_without_a_connector(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot that was given no connector of its own fetches files as well, and leaves no connection behind."""

    async def give(_: web.Request) -> web.Response:
        return web.Response(body=OGG)

    cdn = web.Application()
    cdn.router.add_get("/soundboard-sounds/5", give)
    sound = NativeSound(5, "horn", 1, "", available=True, guild_id=None)
    client = nextcord.Client(intents=nextcord.Intents.none())
    async with TestServer(cdn) as server:
        monkeypatch.setattr(nextcord.Asset, "BASE", str(server.make_url("")).rstrip("/"))

        assert await NativeSoundboard(client).download(sound) == OGG


async def test_no_larger_file(scene: Scene) -> None:
    """More than Discord takes is not read to its end."""
    (horn,) = scene.guild.sounds.values()
    scene.guild.change_sound(horn, data=bytes(MAX_SOUND_BYTES + 1))

    with pytest.raises(NativeSoundboardError, match="larger than 512 KiB"):
        await scene.board.download(await scene.sound())


async def test_file_is_gone(scene: Scene) -> None:
    """A sound deleted since it was listed is said to be gone."""
    sound = await scene.sound()
    scene.guild.remove_sound(scene.guild.sounds[sound.id])

    with pytest.raises(NativeSoundboardError, match="no longer on Discord's soundboard"):
        await scene.board.download(sound)


async def test_trouble_with_the_file(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host of files that refuses, keeps silent, or is not there at all."""
    sound, told = await scene.sound(), asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        if silent:
            await told.wait()
        return web.Response(status=503)

    silent = False
    cdn = web.Application()
    cdn.router.add_get("/soundboard-sounds/{id}", answer)
    async with TestServer(cdn) as server:
        monkeypatch.setattr(nextcord.Asset, "BASE", str(server.make_url("")).rstrip("/"))
        with pytest.raises(NativeSoundboardError, match=r"does not give out the sound's file \(503\)"):
            await scene.board.download(sound)
        silent = True
        monkeypatch.setattr(native, "ANSWER_TIMEOUT", 0.05)
        with pytest.raises(NativeSoundboardError, match=r"not answered within 0\.05 s"):
            await scene.board.download(sound)
        told.set()
        monkeypatch.undo()
        monkeypatch.setattr(nextcord.Asset, "BASE", "http://127.0.0.1:1")
    with pytest.raises(NativeSoundboardError, match="cannot be reached"):
        await scene.board.download(sound)


# Playing


async def test_plays(scene: Scene) -> None:
    """A guild's sound, everybody's, and one of another guild are each heard in the channel."""
    other = scene.discord.add_guild("Other", applications=[scene.app])
    far = other.add_sound("far")
    quack, *_ = await scene.board.default_sounds()
    horn = await scene.sound()
    for sound in (horn, quack, *await scene.board.list_sounds(GuildId(other.id))):
        await scene.send(sound)

    assert [(heard.channel, heard.user, heard.effect["sound_id"]) for heard in scene.played] == [
        (scene.general, scene.app.user, str(sound_id)) for sound_id in (horn.id, 1, far.id)
    ]


async def refused(scene: Scene, sound: NativeSound, words: str, channel: Channel | None = None) -> None:
    """The sound is refused in these words, before Discord is asked."""
    before = list(scene.asked)
    with pytest.raises(NativeSoundboardError, match=words):
        await scene.send(sound, channel)

    assert scene.asked == before


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("deaf", "a moderator has to undeafen it"),
        ("self_deaf", "has deafened itself"),
        ("mute", "a moderator has to unmute it"),
        ("suppress", "lacks the permission to speak in General"),
    ],
)
async def test_not_while_deaf_or_mute(scene: Scene, flag: str, words: str) -> None:
    """Who is deafened, muted or suppressed is told so, and by whom it is mended."""
    sound = await scene.sound()
    await scene.told("voice_state_update", lambda: scene.guild.change_voice(scene.app.user, **{flag: True}))
    await refused(scene, sound, words)
    await scene.told("voice_state_update", lambda: scene.guild.change_voice(scene.app.user, **{flag: False}))
    await scene.send(sound)

    assert len(scene.played) == 1


async def test_self_muted(scene: Scene) -> None:
    """Having muted itself is no obstacle: Discord names none."""
    await scene.told("voice_state_update", lambda: scene.guild.change_voice(scene.app.user, self_mute=True))
    await scene.send(await scene.sound())

    assert len(scene.played) == 1


@pytest.mark.parametrize(
    ("denied", "words"),
    [
        (Permission.SPEAK, "lacks the permission to speak in General"),
        (Permission.USE_SOUNDBOARD, "lacks the permission to use soundboard in General"),
        (
            Permission.SPEAK | Permission.USE_SOUNDBOARD | Permission.USE_EXTERNAL_SOUNDS,
            "lacks the permission to speak and use soundboard in General",
        ),
    ],
)
async def test_not_without_permission(scene: Scene, denied: Permission, words: str) -> None:
    """What the bot lacks is named, and no more than that."""
    sound = await scene.sound()
    await scene.told(
        "guild_channel_update", lambda: scene.guild.overwrite(scene.general, scene.guild.everyone, deny=denied)
    )

    await refused(scene, sound, words)


async def test_sounds_of_other_guilds_need_a_permission_more(scene: Scene) -> None:
    """Without Use External Sounds the guild's own and everybody's are played, and those of others refused."""
    own = await scene.sound()
    far = own._replace(guild_id=GuildId(1))
    quack, *_ = await scene.board.default_sounds()
    denied = Permission.USE_EXTERNAL_SOUNDS
    await scene.told(
        "guild_channel_update", lambda: scene.guild.overwrite(scene.general, scene.guild.everyone, deny=denied)
    )
    await refused(scene, far, "lacks the permission to use external sounds in General")
    await scene.send(own)
    await scene.send(quack)

    assert len(scene.played) == 2


async def test_administrator(scene: Scene) -> None:
    """An administrator may, whatever the channel denies."""
    role = scene.guild.add_role("Boss", Permission.ADMINISTRATOR)
    await scene.told("member_update", lambda: scene.guild.give_role(scene.app.user, role))
    denied = Permission.USE_SOUNDBOARD
    await scene.told(
        "guild_channel_update", lambda: scene.guild.overwrite(scene.general, scene.guild.everyone, deny=denied)
    )
    await scene.send(await scene.sound())

    assert len(scene.played) == 1


async def test_unavailable(scene: Scene) -> None:
    """A sound whose server has lost its boosts is refused by name."""
    (horn,) = scene.guild.sounds.values()
    scene.guild.change_sound(horn, available=False)

    await refused(scene, await scene.sound(), '"horn" cannot be played: its server has lost the boosts')


async def test_elsewhere(scene: Scene) -> None:
    """In another channel or in none, the bot plays nothing in this one."""
    sound = await scene.sound()
    await scene.be_in(scene.guild.add_voice_channel("Attic"))
    await refused(scene, sound, "The bot is not in General")
    await scene.be_in(None)
    await refused(scene, sound, "The bot is not in General")


async def test_no_such_channel(scene: Scene) -> None:
    """Where there is no channel to play in, that is said: it is gone, for text, or a stage."""
    sound, stage = await scene.sound(), scene.guild.add_stage_channel("Stage")
    await scene.be_in(stage)
    await refused(scene, sound, "plays in voice channels only", stage)
    await refused(scene, sound, "channel is gone", scene.guild.text_channel)
    with pytest.raises(NativeSoundboardError, match="channel is gone"):
        await scene.board.send(GuildId(1), ChannelId(scene.general.id), sound)


# What Discord says


async def test_sound_is_gone(scene: Scene) -> None:
    """A sound deleted since it was listed: Discord's own refusal, in words."""
    sound = await scene.sound()
    scene.guild.remove_sound(scene.guild.sounds[sound.id])

    with pytest.raises(NativeSoundboardError, match="no longer on Discord's soundboard"):
        await scene.send(sound)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (404, 10003, "voice channel is gone"),
        (403, 20015, "does not let this bot play sounds of other servers"),
        (403, 50013, "lacks a permission that Discord's soundboard needs"),
        (403, 50167, "muted, deafened or not allowed to speak"),
        (403, 50168, "not in that voice channel"),
        (400, 12345, "Discord refused it: in its own words"),
        (429, 0, "asks the bot to slow down"),
        (503, 0, r"trouble of its own \(503\)"),
    ],
)
async def test_discord_refuses(scene: Scene, status: int, code: int, words: str) -> None:
    """What Nextcord could not know is refused by Discord, and said in our words where we have some."""
    body = {"code": code, "message": "in its own words"}
    sound = await scene.sound()
    scene.discord.inject("POST", SEND, status=status, body=body)

    with pytest.raises(NativeSoundboardError, match=words) as refusal:
        await scene.send(sound)
    assert isinstance(refusal.value.__cause__, nextcord.HTTPException)


async def test_guild_without_the_bot(scene: Scene) -> None:
    """A guild the bot is not in tells it nothing."""
    with pytest.raises(NativeSoundboardError, match="The bot is not in that server"):
        await scene.board.list_sounds(GuildId(1))


async def test_dropped(scene: Scene) -> None:
    """A connection that breaks is trouble of the moment, and the next list is there again."""
    scene.discord.inject("GET", "/guilds/*/soundboard-sounds", status=None, times=2)  # aiohttp asks again once
    with pytest.raises(NativeSoundboardError, match="cannot be reached; try again later"):
        await scene.board.list_sounds(scene.guild_id)

    assert len(await scene.board.list_sounds(scene.guild_id)) == 1


async def test_slow(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nextcord tries again after a second where Discord stumbles; who waits is told sooner."""
    scene.discord.inject("POST", SEND, status=500)
    monkeypatch.setattr(native, "ANSWER_TIMEOUT", 0.2)

    with pytest.raises(NativeSoundboardError, match=r"not answered within 0\.2 s"):
        await scene.send(await scene.sound())


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"items": [{"sound_id": "horn", "name": "horn", "volume": 1}]},
        {"items": [{"sound_id": "1", "name": "horn"}]},
    ],
)
async def test_nonsense(scene: Scene, answer: Any) -> None:
    """An answer that is no list of sounds is an error of its own, and is not kept."""
    scene.discord.inject("GET", "/guilds/*/soundboard-sounds", status=200, body=answer)
    with pytest.raises(NativeSoundboardError, match="makes no sense"):
        await scene.board.list_sounds(scene.guild_id)

    assert len(await scene.board.list_sounds(scene.guild_id)) == 1
