"""Verbs that wait until something is so: they answer at that moment, or refuse when their time is over."""
# ruff: noqa: ASYNC109 - timeout is a word of requests, whose time is kept where they wait

from collections.abc import Callable

from ..findings import Finding, Kind
from ..interactions.applications import Application
from ..people import Where
from ..voice.connections import VoiceConnection
from ..world.guild import Guild
from ..world.payloads import message_json
from ..world.values import Channel, Message
from .arguments import Count, Seconds, Snowflake
from .control import Control
from .reading import packets_of
from .views import Json, finding_view, voice_view


async def until_bot_ready(
    control: Control, application: Application, commands: tuple[str, ...] = (), timeout: Seconds = 10.0
) -> None:
    """Wait until a bot is logged in, and has registered these commands."""
    await control.discord.bot_ready(application, *commands, timeout=timeout)


async def until_disconnected(control: Control, application: Application, timeout: Seconds = 5.0) -> None:
    """Wait until a bot has no open connection to the main gateway."""
    discord = control.discord
    await discord.until(lambda: not any(each.connected for each in discord.sessions(application)), timeout=timeout)


async def until_in_voice(control: Control, application: Application, channel: Channel, timeout: Seconds = 5.0) -> Json:
    """Wait until a bot is connected to a voice channel, and has the key to send with.

    Returns:
        The connection, as in voice.
    """
    voice = await _until(control, lambda: _there(control, application, channel), timeout)
    return voice_view(voice, control.discord.call(channel))


async def until_audible(control: Control, application: Application, channel: Channel, timeout: Seconds = 5.0) -> Json:
    """Wait until those in a voice channel could hear a bot: with end-to-end encryption, once it is of the group.

    Returns:
        The connection, as in voice.
    """
    voice = await _until(control, lambda: _audible(control, application, channel), timeout)
    return voice_view(voice, control.discord.call(channel))


async def until_heard(
    control: Control,
    guild: Guild,
    application: Application,
    *,
    packets: Count = 1,
    since: Count = 0,
    timeout: Seconds = 5.0,
) -> Json:
    """Wait until somebody has heard so many packets of a bot in a guild, from the one on that has the number since.

    Returns:
        How many packets there are, heard or not, as total: the next since.
    """
    await control.discord.until(
        lambda: sum(packet.opus is not None for packet in packets_of(control, guild, application)[since:]) >= packets,
        timeout=timeout,
    )
    return {"total": len(packets_of(control, guild, application))}


async def until_silent(control: Control, guild: Guild, application: Application, timeout: Seconds = 30.0) -> Json:
    """Wait until a bot, having sent something in its voice connection, has sent nothing for 0.2 s.

    Returns:
        As of until_heard.
    """
    await control.discord.until(lambda: _silent(control, guild, application), timeout=timeout)
    return {"total": len(packets_of(control, guild, application))}


async def until_out_of_voice(control: Control, guild: Guild, application: Application, timeout: Seconds = 5.0) -> None:
    """Wait until a bot is not in voice in a guild, and its voice connection is closed."""
    discord = control.discord
    await discord.until(
        lambda: application.id not in guild.voice_states and discord.voice(guild, application) is None, timeout=timeout
    )


async def until_finding(
    control: Control, *, kind: Kind | None = None, since: Count = 0, timeout: Seconds = 5.0
) -> Json:
    """Wait until there is a finding, of that kind if one is given, from the one on that has the number since.

    Returns:
        The finding.
    """

    def found() -> Finding | None:
        later = control.discord.findings[since:]
        return next((finding for finding in later if kind in (None, finding.kind)), None)

    return finding_view(await _until(control, found, timeout))


async def until_message(
    control: Control, where: Where, *, content: str = "", after: Snowflake | None = None, timeout: Seconds = 5.0
) -> Json:
    """Wait until there is a message that has this in its content, later than the one with the id after.

    Returns:
        Discord's message object.
    """

    def found() -> Message | None:
        posted = control.discord.messages(where) if isinstance(where, Guild) else where.messages
        return next((each for each in posted if each.id > int(after or 0) and content in each.content), None)

    return message_json(await _until(control, found, timeout))


async def _until[T](control: Control, condition: Callable[[], T | None], timeout: float) -> T:
    outcome = await control.discord.until(condition, timeout=timeout)
    assert outcome is not None  # noqa: S101 - it was waited for
    return outcome


def _there(control: Control, application: Application, channel: Channel) -> VoiceConnection | None:
    voice = control.discord.voice(channel.guild, application)
    return voice if voice and voice.channel is channel and voice.described else None


def _audible(control: Control, application: Application, channel: Channel) -> VoiceConnection | None:
    voice, call = _there(control, application, channel), control.discord.call(channel)
    if voice is None or call is None:
        return None
    group = call.group
    is_member = group.settled and application.id in group.member_ids
    return voice if is_member or not group.version else None


def _silent(control: Control, guild: Guild, application: Application) -> bool:
    history = control.discord.history(guild, application)
    return bool(history and history[-1].packets) and not history[-1].stream.open_ended
