"""The extension to load: ``bot.load_extension("jeffbot.cogs.sound")``.

Import nothing from here: Nextcord replaces this module on reload.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import aiohttp
import nextcord
from nextcord.ext import commands

from jeffbot.app import Soundboard
from jeffbot.cogs import remote, wording
from jeffbot.errors import SoundboardError, SoundNotFoundError
from jeffbot.host import (
    check_host,
    memory_of,
    recall_commands,
    refuse_clash,
    register_commands,
    remember_commands,
    repair_loop,
)
from jeffbot.models import Caller, GuildId, Seconds, Sound, UserId
from jeffbot.service import SoundService
from jeffbot.settings import Settings
from jeffbot.tasks import start_now
from jeffbot.voice.directory import place_in
from jeffbot.voice.rtp import MODES
from jeffbot.ws.secret import load_secret

logger = logging.getLogger(__name__)

MAX_CHOICES = 25
"""Suggestions of one autocomplete (Discord: Application Commands, "Autocomplete")."""
MAX_CHOICE_CHARS = 100
"""Characters of a choice's name and value (Discord: Application Commands, "Option Choice Structure")."""
MAX_FOUND = 200
"""Sounds that a search shows or counts."""
MAX_LIST_CHARS = 1800
"""How much of a message (2 000 characters: Discord, "Create Message") a list of sounds fills."""
DEFER_AFTER: Seconds = 1.5
"""When a command that has no answer yet asks Discord for more than its 3 seconds (Discord: Interactions)."""

Interaction = nextcord.Interaction[commands.Bot]  # no `type` statement: Nextcord looks for the class itself


def setup(bot: commands.Bot, **extras: object) -> None:
    """Add the soundboard to a bot; the settings come from the environment and from ``extras``.

    Raises:
        SettingsError: A setting, the machine or the bot does not allow it; the sentence says what to do.
    """
    memory = memory_of(bot)
    extras = extras or memory.extras
    check_host(bot, MODES)
    cog = SoundCog(bot, Settings.load(extras))
    refuse_clash(bot, [str(command.name) for command in cog.application_commands])
    recall_commands(bot, memory, cog.slash_commands)
    bot.add_cog(cog)
    memory.extras = extras
    cog.cog_load()


class SoundCog(commands.Cog, name="Sound"):
    """The soundboard of one bot: slash commands, and the remote control beside them."""

    def __init__(self, bot: commands.Bot, settings: Settings) -> None:
        self._bot = bot
        self._settings = settings
        self._memory = memory_of(bot)
        self._soundboard = Soundboard(bot, settings, load_secret(settings))
        self._unloading = asyncio.Event()
        self._lifecycle: asyncio.Task[None] | None = None
        self.slash_commands: list[nextcord.SlashApplicationCommand] = self.__cog_application_commands__  # type: ignore[assignment]
        self.slash_commands.extend(self._build_commands(settings.command_group))

    @property
    def service(self) -> SoundService:
        """The soundboard itself, for other cogs: ``await bot.get_cog("Sound").service.play(user_id, "airhorn")``."""
        return self._soundboard.service

    @property
    def soundboard(self) -> Soundboard:
        """All parts of it."""
        return self._soundboard

    # Life

    def cog_load(self) -> None:
        """Start serving; ``setup`` calls this, for Nextcord 3.2 never would."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._bot.loop.call_soon(self._begin)  # runs with bot.run(); on_connect serves those who run another loop
        else:
            self._begin()

    def cog_unload(self) -> None:
        """Ask everything to stop; Nextcord calls this synchronously."""
        remember_commands(self._memory, self.slash_commands)
        self._soundboard.voice.refuse()
        self._unloading.set()

    async def wait_closed(self) -> None:
        """Wait until everything the cog started has ended."""
        if self._lifecycle:
            await asyncio.wait([self._lifecycle])

    @commands.Cog.listener()
    async def on_connect(self) -> None:
        """Start now where the bot runs in another loop than its own; if it is a new session, join voice anew."""
        self._begin()
        if not isinstance(self._bot, nextcord.AutoShardedClient):
            self._soundboard.voice.renew()

    @commands.Cog.listener()
    async def on_shard_connect(self, shard_id: int) -> None:
        """A shard has a new session: join voice anew in its guilds."""
        self._soundboard.voice.renew(shard_id)

    @commands.Cog.listener()
    async def on_guild_available(self, guild: nextcord.Guild) -> None:
        """Discord tells of a guild again."""
        self._soundboard.voice.hurry(GuildId(guild.id))

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: nextcord.Guild) -> None:
        """The bot was put out of a guild."""
        await self._soundboard.voice.forget(GuildId(guild.id))

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: nextcord.Member, before: nextcord.VoiceState, after: nextcord.VoiceState
    ) -> None:
        """Note where a member went, and greet them."""
        await self._soundboard.voice.directory.on_voice_state_update(member, before, after)
        if not member.bot:
            roles = [role.id for role in reversed(member.roles)]
            self.service.entrances.moved(UserId(member.id), roles, place_in(before.channel), place_in(after.channel))

    def _begin(self) -> None:
        if self._lifecycle is not None or self._unloading.is_set():
            return
        repair_loop(self._bot)
        previous = self._memory.lifecycle
        self._lifecycle = asyncio.get_running_loop().create_task(self._live(previous), name="jeffbot")
        self._lifecycle.add_done_callback(_log_failure)
        self._memory.lifecycle = self._lifecycle

    async def _live(self, previous: "asyncio.Task[None] | None") -> None:
        if previous and previous.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([previous])  # the soundboard that a reload replaces still has the port
        async with asyncio.TaskGroup() as tasks:
            registering = tasks.create_task(register_commands(self._bot, self.slash_commands), name="jeffbot commands")
            await self._soundboard.run(until=self._unloading)
            registering.cancel()

    # Commands

    def _build_commands(self, group: str) -> list[nextcord.SlashApplicationCommand]:
        """Command objects of this instance alone: declared on the class they would be shared with the next one."""
        described = [
            ("play", "Play a sound in your voice channel", SoundCog._play),
            ("random", "Play any sound in your voice channel", SoundCog._random),
            ("stop", "Stop the sound", SoundCog._stop),
            ("sounds", "Show the sounds there are", SoundCog._sounds),
            ("status", "Show what the soundboard is doing", SoundCog._status),
            ("diagnose", "Find out why you hear nothing", SoundCog._diagnose),
            ("remote", "Play from elsewhere: an address and a token of your own", SoundCog._remote),
        ]
        if not group:
            return [self._command(name, text, callback) for name, text, callback in described]
        parent = self._command(group, "The soundboard", SoundCog._group)
        for name, text, callback in described:
            child = parent.subcommand(name=name, description=text)(callback)
            child.parent_cog = self
            child.from_callback(callback)
            _suggest_sounds(child)
        return [parent]

    def _command(self, name: str, description: str, callback: Any) -> nextcord.SlashApplicationCommand:
        contexts = None if self._bot._default_guild_ids else [nextcord.InteractionContextType.guild]
        command = nextcord.SlashApplicationCommand(
            name=name,
            description=description,
            callback=callback,
            parent_cog=self,
            guild_ids=nextcord.utils.MISSING,  # None would leave the host's default guilds out
            contexts=contexts,
        )
        command.from_callback(callback)
        _suggest_sounds(command)
        return command

    async def _group(self, interaction: Interaction) -> None:
        """Nothing: Discord lets nobody call a group without a subcommand."""

    async def _play(
        self,
        interaction: Interaction,
        sound: str = nextcord.SlashOption(description="Its name", autocomplete=True, max_length=MAX_CHOICE_CHARS),
    ) -> None:
        async def play() -> str:
            caller = _caller(interaction)
            try:
                playback = await self.service.play(caller, sound)
            except SoundNotFoundError:
                playback = await self.service.play(caller, self._full_name(caller, sound))
            return wording.pressed(playback)

        await _answer(interaction, play())

    async def _random(self, interaction: Interaction) -> None:
        async def play() -> str:
            return wording.pressed(await self.service.random(_caller(interaction)))

        await _answer(interaction, play())

    async def _stop(self, interaction: Interaction) -> None:
        async def stop() -> str:
            await self.service.stop(_caller(interaction))
            return "Stopped."

        await _answer(interaction, stop())

    async def _sounds(
        self,
        interaction: Interaction,
        search: str = nextcord.SlashOption(description="Only names with this in them", required=False, default=""),
    ) -> None:
        async def show() -> str:
            await self.service.wait_ready()
            most = MAX_FOUND if search else None
            return self._listed(self.service.sounds(search, most, caller=_caller(interaction)))

        await _answer(interaction, show())

    async def _status(self, interaction: Interaction) -> None:
        async def show() -> str:
            await self.service.wait_ready()
            return wording.told(self.service.status(_caller(interaction)))

        await _answer(interaction, show())

    async def _diagnose(self, interaction: Interaction) -> None:
        async def show() -> str:
            await self.service.wait_ready()
            return wording.listed(self.service.diagnose(_caller(interaction)))

        await _answer(interaction, show())

    async def _remote(
        self,
        interaction: Interaction,
        revoke: bool = nextcord.SlashOption(  # noqa: FBT001 - an option of the command
            description="Make every token of yours worthless instead", required=False, default=False
        ),
    ) -> None:
        async def show() -> str:
            caller = _caller(interaction)
            if revoke:
                await self.service.revocations.revoke_user(caller, caller.user_id)
                return remote.REVOKED
            return await remote.invitation(self._soundboard, self._settings, caller.user_id)

        await _answer(interaction, show())

    async def _suggest(self, interaction: Interaction, typed: str) -> None:
        found = self.service.sounds(typed, MAX_CHOICES, caller=_caller(interaction))
        await interaction.response.send_autocomplete([sound.name[:MAX_CHOICE_CHARS] for sound in found])

    def _full_name(self, caller: Caller, cut: str) -> str:
        """The sound whose name was too long to be suggested whole."""
        if len(cut) == MAX_CHOICE_CHARS:
            for sound in self.service.sounds(caller=caller):
                if sound.name.startswith(cut):
                    return sound.name
        raise SoundNotFoundError(cut)

    def _listed(self, sounds: "tuple[Sound, ...] | Any") -> str:
        if not sounds:
            return "No sounds found."
        lines: list[str] = []
        room = MAX_LIST_CHARS
        for sound in sounds:
            duration = self.service.duration(sound)
            line = wording.plain(sound.title) + (f" ({duration:.1f} s)" if duration is not None else "")
            room -= len(line) + 1
            if room < 0:
                lines.append(f"… and {len(sounds) - len(lines)} more: /play suggests them as you type.")
                break
            lines.append(line)
        return "\n".join(lines)


def _suggest_sounds(command: Any) -> None:
    if "sound" in command.options:
        command.on_autocomplete("sound")(SoundCog._suggest)
        command.from_autocomplete()


def _caller(interaction: Interaction) -> Caller:
    if interaction.user is None or interaction.guild_id is None:
        raise _NotInServerError
    return Caller(UserId(interaction.user.id), GuildId(interaction.guild_id))


class _NotInServerError(SoundboardError):
    def __init__(self) -> None:
        super().__init__("Use this in a server")


async def _answer(interaction: Interaction, work: Coroutine[Any, Any, str]) -> None:
    """Do the work, then tell the member alone how it went; ask Discord for time when it takes long.

    The sound comes first: answering beforehand would put a request to Discord in front of it.
    """
    task = start_now(work, "jeffbot command")
    try:
        done, _ = await asyncio.wait([task], timeout=DEFER_AFTER)
        if not done:
            await interaction.response.defer(ephemeral=True)
        text = await _told(task)
        await interaction.send(text, ephemeral=True, allowed_mentions=nextcord.AllowedMentions.none())
    except (nextcord.HTTPException, aiohttp.ClientError) as error:
        logger.warning("a member could not be answered: %s", error)
        await asyncio.gather(task, return_exceptions=True)


async def _told(task: "asyncio.Task[str]") -> str:
    try:
        return await task
    except SoundboardError as error:
        return str(error)
    except Exception:  # the boundary of this transport: a bug must cost one answer, and reach our log alone
        logger.exception("trouble with a slash command")
        return "Something went wrong inside the soundboard; its log says what."


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("the soundboard has ended by a fault of its own", exc_info=error)
