"""People, and what they do at Discord."""

from typing import Any

from .applications import Application
from .errors import JoinRefusedError
from .interactions import Interactions, Reply, Scene
from .payloads import Json
from .world import Channel, Guild, User, World

REPLY_SECONDS = 10.0


class Person(User):
    """A person with a Discord client."""

    def __init__(self, user_id: int, name: str, world: World, interactions: Interactions) -> None:
        super().__init__(user_id, name)
        self._world = world
        self._interactions = interactions

    @property
    def channel(self) -> Channel | None:
        """The voice channel they are in."""
        for guild in self._world.guilds.values():
            if state := guild.voice_states.get(self.id):
                return state.channel
        return None

    async def join(self, channel: Channel) -> None:
        """Go into a voice channel, leaving the one they are in.

        Raises:
            JoinRefusedError: It is full, or closed to them.
        """
        if self.id not in channel.guild.members or not channel.guild.may_join(self, channel):
            raise JoinRefusedError(f"{self.name} may not join {channel.name}")
        if self.channel and self.channel.guild is not channel.guild:
            await self.leave()
        self._world.set_voice(channel.guild, self, channel)

    async def leave(self) -> None:
        """Leave voice."""
        if channel := self.channel:
            self._world.set_voice(channel.guild, self, None)

    async def invoke(
        self,
        application: Application,
        guild: Guild,
        command: str,
        /,
        *,
        reply_timeout: float = REPLY_SECONDS,
        **options: Any,
    ) -> Reply:
        """Use a slash command and wait for the first visible answer.

        Args:
            application: Whose command.
            guild: Where; it is used in the guild's first text channel.
            command: ``"play"``, or with its subcommand ``"sound play"``.
            reply_timeout: Seconds that a deferred answer may take.
            options: By name; users, channels and roles as the sandbox's objects.

        Raises:
            UnknownCommandError: No such command is registered.
            InvalidOptionError: The Discord client would not send it like this.
            CommandHiddenError: They are not shown this command.
            NoReplyError: No answer within 3 s, or nothing after a deferral.
        """
        scene = Scene(self, application, guild)
        return await self._interactions.use_command(scene, command, options, reply_timeout)

    async def autocomplete(
        self, application: Application, guild: Guild, command: str, option: str, typed: Any, /, **options: Any
    ) -> list[Json]:
        """Type in an option and look at the choices, each with ``name`` and ``value``.

        Raises:
            NoReplyError: No choices within 3 s.
        """
        scene = Scene(self, application, guild)
        return await self._interactions.complete(scene, command, option, options | {option: typed})

    async def press(
        self,
        application: Application,
        guild: Guild,
        message: Json,
        custom_id: str,
        /,
        *,
        reply_timeout: float = REPLY_SECONDS,
    ) -> Reply:
        """Press a button of a message, and wait for the answer.

        Raises:
            NoReplyError: No answer within 3 s.
        """
        scene = Scene(self, application, guild)
        return await self._interactions.press(scene, message, custom_id, reply_timeout)
