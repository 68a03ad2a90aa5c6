"""Verbs for what people do, in voice, in writing and with applications; and what moderators do to others in voice."""

from typing import Any, Literal

from ..attachments import File
from ..errors import NotAllowedError
from ..interactions.applications import Application
from ..interactions.interaction import Reply
from ..people import REPLY_SECONDS, Person, Where
from ..world.guild import Guild
from ..world.payloads import channel_json, message_json, voice_state_json
from ..world.values import Channel, Message, SoundboardSound, User, VoiceState
from .arguments import Seconds, Target, Value
from .building import member_of
from .control import Control
from .refusals import RefusedError, not_there
from .views import Json, reply_view

# Voice


async def join(user: Person, channel: Channel) -> Json:
    """A person goes into a voice channel, leaving the one they are in.

    Returns:
        Discord's voice state object.
    """
    await user.join(channel)
    return voice_state_json(channel.guild.voice_states[user.id])


async def leave(user: Person) -> None:
    """A person leaves voice."""
    await user.leave()


async def self_mute(user: Person, *, muted: bool = True) -> None:
    """A person mutes themselves, or speaks again."""
    await user.self_mute(muted=muted)


async def self_deafen(user: Person, *, deafened: bool = True) -> None:
    """A person deafens themselves, or listens again."""
    await user.self_deafen(deafened=deafened)


async def play_soundboard(user: Person, sound: SoundboardSound) -> None:
    """A person plays a sound of Discord's own soundboard in the voice channel they are in."""
    await user.play_soundboard(sound)


def mute(guild: Guild, user: User, *, muted: bool = True) -> None:
    """A moderator mutes a person or a bot in voice, or takes it back."""
    member_of(guild, user)
    guild.change_member(user, mute=muted)


def deafen(guild: Guild, user: User, *, deafened: bool = True) -> None:
    """A moderator deafens a person or a bot in voice, or takes it back."""
    member_of(guild, user)
    guild.change_member(user, deaf=deafened)


def suppress(guild: Guild, user: User, *, suppressed: bool = True) -> None:
    """A moderator sends a person or a bot into the audience of a stage, or lets them speak."""
    _state_of(guild, user)
    guild.change_voice(user, suppress=suppressed)


def move(user: User, channel: Channel) -> None:
    """A moderator drags a person or a bot into another voice channel of the guild; the order is that of the options."""
    _state_of(channel.guild, user)
    if not channel.is_vocal:
        raise NotAllowedError(f"{channel.name} is no voice channel")
    channel.guild.set_voice(user, channel)


def kick_from_voice(guild: Guild, user: User) -> None:
    """A moderator disconnects a person or a bot from voice; a bot's voice connection is closed with 4014."""
    _state_of(guild, user)
    guild.set_voice(user, None)


def _state_of(guild: Guild, user: User) -> VoiceState:
    if state := guild.voice_states.get(user.id):
        return state
    raise not_there(f"{user.name} is not in voice in {guild.name}")


# Writing


def direct(user: Person, application: Application) -> Json:
    """The private channel of a person and an application's bot.

    Returns:
        Discord's channel object.
    """
    return channel_json(user.direct(application))


async def write(
    user: Person,
    where: Where,
    content: str = "",
    files: tuple[File, ...] = (),
    reply_to: Message | None = None,
    *,
    ping: bool = True,
) -> Json:
    """A person posts a message; a guild stands for its first text channel. A reply mentions its author if it may ping.

    Returns:
        Discord's message object.
    """
    return message_json(await user.write(where, content, files=files, reply_to=reply_to, ping=ping))


async def edit(user: Person, message: Message, content: str) -> Json:
    """A person changes what their message says.

    Returns:
        Discord's message object.
    """
    await user.edit(message, content)
    return message_json(message)


async def delete(user: Person, message: Message) -> None:
    """A person deletes a message: their own, or as a moderator another's."""
    await user.delete(message)


async def react(user: Person, message: Message, emoji: str) -> None:
    """A person reacts to a message."""
    await user.react(message, emoji)


async def unreact(user: Person, message: Message, emoji: str) -> None:
    """A person takes a reaction back."""
    await user.unreact(message, emoji)


async def type(user: Person, where: Where) -> None:  # noqa: A001 - what people do
    """A person types."""
    await user.type(where)


async def go_online(
    user: Person,
    status: Literal["online", "idle", "dnd", "invisible", "offline"] = "online",
    activities: tuple[dict[str, Any], ...] = (),
) -> None:
    """A person's presence changes; activities are Discord's activity objects."""
    await user.go_online(status, activities)


# Applications


def authorize(control: Control, user: Person, url: str, guild: Guild | None = None, *, agree: bool = True) -> Json:
    """A person signs in to an application, or lets its bot into a guild: what its URL of /oauth2/authorize asks for.

    Returns:
        Where Discord sends their browser, as location, with the code in it; null if a bot was let in and that is all.
    """
    page = control.discord.authorize_page
    return {"location": page.agree(url, user, guild) if agree else page.decline(url)}


def commands(user: Person, application: Application, where: Where) -> Json:
    """The commands of an application that a person is shown.

    Returns:
        Their names as commands.
    """
    return {"commands": user.commands(application, where)}


async def invoke(
    control: Control,
    user: Person,
    application: Application,
    where: Where,
    *,
    command: str,
    options: dict[str, Value] | None = None,
    reply_timeout: Seconds = REPLY_SECONDS,
) -> Json:
    """A person uses a slash command and waits for the first visible answer.

    The command is named with its subcommand, as "sound play". Options are texts, numbers, true and false, or name what
    else they are: {"user": id}, {"channel": id}, {"role": id}, {"file": {"name": …, "data": base64}}.

    Returns:
        The answer; its reply is a number by which the verbs reply and submit know it.
    """
    given = options or {}
    if "reply_timeout" in given:
        raise RefusedError(400, "invalid_parameters", "an option cannot be called reply_timeout here", "rename it")
    return _kept(control, await user.invoke(application, where, command, reply_timeout=reply_timeout, **given))


async def invoke_on(
    control: Control,
    user: Person,
    application: Application,
    where: Where,
    *,
    command: str,
    target: Target,
    reply_timeout: Seconds = REPLY_SECONDS,
) -> Json:
    """A person uses a command of the context menu of a user or a message.

    Returns:
        As of invoke.
    """
    reply = await user.invoke_on(application, where, command, target, reply_timeout=reply_timeout)
    return _kept(control, reply)


async def autocomplete(
    user: Person,
    application: Application,
    where: Where,
    *,
    command: str,
    option: str,
    typed: Value,
    options: dict[str, Value] | None = None,
) -> Json:
    """A person types in an option, when others are filled in already or not, and looks at what is offered.

    Returns:
        The choices, each with name and value.
    """
    choices = await user.autocomplete(application, where, command, option, typed, **(options or {}))
    return {"choices": choices}


async def press(
    control: Control, user: Person, message: Message, button: str, reply_timeout: Seconds = REPLY_SECONDS
) -> Json:
    """A person presses a button, named by its custom_id or by what is written on it.

    Returns:
        As of invoke.
    """
    return _kept(control, await user.press(message, button, reply_timeout=reply_timeout))


async def select(
    control: Control,
    user: Person,
    message: Message,
    menu: str,
    *,
    choices: tuple[Value, ...],
    reply_timeout: Seconds = REPLY_SECONDS,
) -> Json:
    """A person chooses in a menu, named by its custom_id or its placeholder.

    Returns:
        As of invoke.
    """
    return _kept(control, await user.select(message, menu, *choices, reply_timeout=reply_timeout))


async def submit(
    control: Control, user: Person, reply: Reply, answers: dict[str, Value], reply_timeout: Seconds = REPLY_SECONDS
) -> Json:
    """A person fills in the form that they were answered with; answers by custom_id.

    Returns:
        As of invoke.
    """
    if reply.modal is None:
        raise RefusedError(409, "no_modal", "this reply is no form", "a reply has a modal if the bot answered with one")
    return _kept(control, await user.submit(reply.modal, answers, reply_timeout=reply_timeout))


async def raise_hand(user: Person, *, raised: bool = True) -> None:
    """A person requests to speak in a stage channel, or takes it back."""
    await user.raise_hand(raised=raised)


def reply(control: Control, reply: Reply) -> Json:
    """An answer as it is now: applications edit them, and follow up.

    Returns:
        As of invoke.
    """
    number = next(number for number, kept in control.replies.items() if kept is reply)
    return reply_view(number, reply)


def _kept(control: Control, reply: Reply) -> Json:
    return reply_view(control.keep(reply), reply)
