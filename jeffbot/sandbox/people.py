"""People, and what they do at Discord. What they could not do there raises a ``SandboxError``."""

from collections.abc import Iterable, Mapping
from typing import Any

from .attachments import File
from .composing import Composer
from .errors import JoinRefusedError, NotAllowedError
from .interactions.applications import Application
from .interactions.interaction import Modal, Reply, Scene
from .interactions.interactions import Interactions
from .interactions.localization import shown_name
from .interactions.visibility import shown_commands
from .rest.forms.formats import is_emoji
from .rest.forms.messages import MESSAGE_CREATE, message_edit
from .rest.refusals import UNKNOWN_EMOJI
from .rest.schema import check
from .world.guild import Guild
from .world.payloads import Json, effect_json
from .world.permissions import NO_PERMISSIONS, Permission
from .world.values import TEXTUAL, Channel, ChannelType, DirectChannel, Message, SoundboardSound, User
from .world.world import World

REPLY_SECONDS = 10.0
"""How long a person looks at "… is thinking"."""

type Where = Guild | Channel | DirectChannel
"""A guild stands for its first text channel."""


class Person(User):
    """A person with a Discord client; ``locale`` is its language.

    Args:
        user_id: Their id.
        name: Their name.
        world: Where they live.
        interactions: What they do with applications.
        composer: Makes their messages.
    """

    def __init__(self, user_id: int, name: str, world: World, interactions: Interactions, composer: Composer) -> None:
        super().__init__(user_id, name)
        self._world = world
        self._interactions = interactions
        self._composer = composer

    # Presence

    async def go_online(self, status: str = "online", activities: Iterable[Json] = ()) -> None:
        """Be ``online``, ``idle``, ``dnd`` or ``invisible`` (Discord: Gateway Events, "Update Presence")."""
        self._world.set_presence(self, {"status": status, "activities": list(activities)})

    async def go_offline(self) -> None:
        """Close the client."""
        await self.go_online("offline")

    # Voice

    @property
    def channel(self) -> Channel | None:
        """The voice channel they are in."""
        return self._world.voice_channel_of(self)

    async def join(self, channel: Channel) -> None:
        """Go into a voice channel, leaving the one they are in.

        Raises:
            JoinRefusedError: It is full, closed to them, or none to be in.
        """
        if self.id not in channel.guild.members or not channel.guild.may_join(self, channel):
            raise JoinRefusedError(f"{self.name} may not join {channel.name}")
        if self.channel and self.channel.guild is not channel.guild:
            await self.leave()
        channel.guild.set_voice(self, channel)

    async def leave(self) -> None:
        """Leave voice."""
        if channel := self.channel:
            channel.guild.set_voice(self, None)

    async def self_mute(self, *, muted: bool = True) -> None:
        """Mute themselves, or speak again. A moderator does it with ``Guild.change_member(person, mute=True)``."""
        self._in_voice().guild.change_voice(self, self_mute=muted)

    async def self_deafen(self, *, deafened: bool = True) -> None:
        """Deafen themselves, or listen again."""
        self._in_voice().guild.change_voice(self, self_deaf=deafened)

    async def raise_hand(self, *, raised: bool = True) -> None:
        """Request to speak in a stage channel, or take it back.

        Raises:
            NotAllowedError: They are in no stage channel, or may not.
        """
        channel = self._in_voice()
        self._need(Permission.REQUEST_TO_SPEAK, channel)
        if channel.kind is not ChannelType.STAGE:
            raise NotAllowedError(f"{channel.name} is no stage channel")
        if raised:
            channel.guild.raise_hand(self)
        else:
            channel.guild.change_voice(self, request_to_speak=None)

    async def play_soundboard(self, sound: SoundboardSound) -> None:
        """Play a sound of Discord's own soundboard in the voice channel they are in.

        Raises:
            NotAllowedError: They are in none, may not, or are muted or deaf.
        """
        channel = self._in_voice()
        state = channel.guild.voice_states[self.id]
        self._need(Permission.SPEAK | Permission.USE_SOUNDBOARD, channel)
        if state.mute or state.deaf or state.self_deaf or state.suppress:
            raise NotAllowedError(f"{self.name} is muted or deaf")
        if any(sound.id in guild.sounds for guild in self._world.guilds.values() if guild is not channel.guild):
            self._need(Permission.USE_EXTERNAL_SOUNDS, channel)
        self._world.play_soundboard(channel, self, effect_json(sound))

    def _in_voice(self) -> Channel:
        if channel := self.channel:
            return channel
        raise NotAllowedError(f"{self.name} is not in voice")

    # Messages

    def direct(self, application: Application) -> DirectChannel:
        """Their private channel with an application's bot."""
        return self._world.direct_channel(self, application.user)

    async def write(
        self,
        where: Where,
        content: str = "",
        *,
        files: Iterable[File] = (),
        reply_to: Message | None = None,
        ping: bool = True,
    ) -> Message:
        """Post a message; ``<@id>`` mentions someone, and so does a reply its author, unless ``ping`` is False.

        Raises:
            NotAllowedError: They may not write there.
            ApiError: Discord would not take it: it is empty, too long, or has too many files.
        """
        place = _place(where)
        handed = {str(number): file for number, file in enumerate(files)}
        attach = Permission.ATTACH_FILES if handed else NO_PERMISSIONS
        self._need(Permission.SEND_MESSAGES | attach, place)
        mentions = {"parse": ["users", "roles", "everyone"], "replied_user": ping}
        body = check(MESSAGE_CREATE, {"content": content, "allowed_mentions": mentions}, handed).body
        message = self._composer.compose(self._world.next_id(), place, self, body, handed, reply_to=reply_to)
        self._world.post(message)
        return message

    async def edit(self, message: Message, content: str) -> None:
        """Change what a message of theirs says.

        Raises:
            NotAllowedError: It is not theirs.
            ApiError: Discord would not take it: it is empty or too long.
        """
        if message.author is not self:
            raise NotAllowedError(f"{self.name} did not write this")
        body = check(message_edit(message.flags), {"content": content}).body
        self._world.edit_message(message, **self._composer.revised(message, body, {}))

    async def delete(self, message: Message) -> None:
        """Delete a message: their own, or as a moderator another's.

        Raises:
            NotAllowedError: They may not.
        """
        if message.author is not self:
            self._need(Permission.MANAGE_MESSAGES, message.place)
        self._world.delete_message(message)

    async def react(self, message: Message, emoji: str) -> None:
        """React to a message.

        Raises:
            NotAllowedError: They may not, and nobody has yet reacted like this.
            ApiError: That is no emoji.
        """
        if not is_emoji(emoji):
            raise UNKNOWN_EMOJI.error()
        needed = Permission.READ_MESSAGE_HISTORY
        if emoji not in message.reactions:
            needed |= Permission.ADD_REACTIONS
        self._need(needed, message.place)
        self._world.react(message, self, emoji, added=True)

    async def unreact(self, message: Message, emoji: str) -> None:
        """Take a reaction back."""
        self._world.react(message, self, emoji, added=False)

    async def type(self, where: Where) -> None:
        """Show "… is typing".

        Raises:
            NotAllowedError: They may not write there.
        """
        place = _place(where)
        self._need(Permission.SEND_MESSAGES, place)
        self._world.type(place, self)

    def _need(self, needed: Permission, place: object) -> None:
        if isinstance(place, Channel) and not place.guild.may(self, needed | Permission.VIEW_CHANNEL, place):
            raise NotAllowedError(f"{self.name} may not do this in {place.name}")

    # Commands

    def commands(self, application: Application, where: Where) -> list[str]:
        """The names of an application's commands that they are shown, in their language."""
        return [shown_name(command, self.locale) for command in shown_commands(self._scene(application, where))]

    async def invoke(
        self,
        application: Application,
        where: Where,
        command: str,
        /,
        *,
        reply_timeout: float = REPLY_SECONDS,
        **options: Any,
    ) -> Reply:
        """Use a slash command and wait for the first visible answer.

        Args:
            application: Whose command.
            where: In a guild, one of its channels, or the private channel ``direct`` gives.
            command: ``"play"``, or with its subcommand ``"sound play"``; as shown to them, or by default.
            reply_timeout: Seconds that a deferred answer may take.
            options: By name; users, channels, roles and ``File`` as the sandbox's objects.

        Raises:
            UnknownCommandError: No such command is registered.
            InvalidOptionError: The Discord client would not send it like this.
            CommandHiddenError: They are not shown this command.
            NoReplyError: No answer within 3 s, or nothing after a deferral.
        """
        return await self._interactions.use_command(self._scene(application, where), command, options, reply_timeout)

    async def invoke_on(
        self,
        application: Application,
        where: Where,
        command: str,
        target: User | Message,
        *,
        reply_timeout: float = REPLY_SECONDS,
    ) -> Reply:
        """Use a command of the context menu of a user or a message; errors as of ``invoke``.

        A message's command is used where the message is; of one that they do not see there is no menu.
        """
        place = target.place if isinstance(target, Message) else _place(where)
        scene = Scene(self, application, place)
        return await self._interactions.use_menu(scene, command, target, reply_timeout)

    async def autocomplete(
        self, application: Application, where: Where, command: str, option: str, typed: Any, /, **options: Any
    ) -> list[Json]:
        """Type in an option and look at the choices, each with ``name`` and ``value``.

        Raises:
            NoReplyError: No choices within 3 s.
        """
        scene = self._scene(application, where)
        return await self._interactions.complete(scene, command, option, options | {option: typed})

    def _scene(self, application: Application, where: Where) -> Scene:
        return Scene(self, application, _place(where))

    # Components and modals

    async def press(self, message: Message, button: str, *, reply_timeout: float = REPLY_SECONDS) -> Reply:
        """Press a button of a message, and wait for the answer.

        Args:
            message: Of a bot, or ``Reply.message``.
            button: Its ``custom_id``, or what is written on it.
            reply_timeout: Seconds that a deferred answer may take.

        Raises:
            UnusableComponentError: There is no such button for them, it is disabled, or it is but a link.
            NoReplyError: No answer within 3 s.
        """
        return await self._interactions.press(self, message, button, reply_timeout)

    async def select(self, message: Message, menu: str, *choices: Any, reply_timeout: float = REPLY_SECONDS) -> Reply:
        """Choose in a menu of a message, and wait for the answer.

        Args:
            message: Of a bot, or ``Reply.message``.
            menu: Its ``custom_id``, or its placeholder.
            choices: Values or labels of options; or users, roles and channels as the sandbox's objects.
            reply_timeout: Seconds that a deferred answer may take.

        Raises:
            UnusableComponentError: There is no such menu for them, or it is disabled.
            InvalidOptionError: They could not choose these.
            NoReplyError: No answer within 3 s.
        """
        return await self._interactions.select(self, message, menu, choices, reply_timeout)

    async def submit(self, modal: Modal, answers: Mapping[str, Any], *, reply_timeout: float = REPLY_SECONDS) -> Reply:
        """Fill in a modal, and wait for the answer.

        Args:
            modal: ``Reply.modal``.
            answers: By ``custom_id``: texts, True and False, and choices as in ``select``, several as a list; what is
                left out stays as the application has preset it.
            reply_timeout: Seconds that a deferred answer may take.

        Raises:
            InvalidOptionError: The Discord client would not send it like this.
            NoReplyError: No answer within 3 s.
        """
        return await self._interactions.submit(modal, answers, reply_timeout)


def _place(where: Where) -> Channel | DirectChannel:
    place = where.text_channel if isinstance(where, Guild) else where
    if place.kind not in TEXTUAL:
        raise NotAllowedError(f"nobody can write in channel {place.id}")
    return place
