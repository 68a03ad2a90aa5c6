"""Verbs for what goes wrong."""

import dataclasses
from typing import Annotated, Any, Literal

import msgspec

from ..interactions.applications import Application
from ..voice.call import Call
from ..voice.connections import VoiceConnection
from ..world.guild import Guild
from ..world.values import Channel, User
from .arguments import CloseCode, OptionsChange, Seconds, UdpChange
from .changes import apply
from .control import Control
from .refusals import not_there
from .views import Json


def set_options(control: Control, options: OptionsChange) -> Json:
    """Change options; what is left out stays as it is.

    Returns:
        All options.
    """
    apply(options, control.discord.options)
    return dataclasses.asdict(control.discord.options)


def set_udp(control: Control, guild: Guild, application: Application, udp: UdpChange) -> None:
    """Lose, reorder, double or hold back the packets of an open voice connection, whatever the options say."""
    voice = _voice(control, guild, application)
    voice.udp = voice.udp or dataclasses.replace(control.discord.options.udp)
    apply(udp, voice.udp)


# Main gateway


def drop_gateway(
    control: Control,
    application: Application,
    *,
    resume: bool = True,
    code: CloseCode | None = None,
) -> None:
    """Break a bot's connections to the main gateway, by a close code or without one; its sessions can be resumed."""
    control.discord.drop_gateway(application, resume=resume, code=code)


def ask_reconnect(control: Control, application: Application) -> None:
    """Have Discord ask a bot to reconnect and resume."""
    control.discord.ask_reconnect(application)


def ask_heartbeat(control: Control, application: Application) -> None:
    """Have Discord ask a bot for a heartbeat; if none comes it is a finding."""
    control.discord.ask_heartbeat(application)


def invalidate(control: Control, application: Application, *, resumable: bool = False) -> None:
    """Have Discord call a bot's session invalid."""
    control.discord.invalidate_session(application, resumable=resumable)


def outage(guild: Guild, *, unavailable: bool = True) -> None:
    """Have Discord lose sight of a guild, or find it again."""
    guild.set_unavailable(unavailable)


# Voice


def drop_voice(control: Control, guild: Guild, application: Application, code: CloseCode | None = None) -> None:
    """Close a bot's voice connection with a code, or without one cut it."""
    voice = _voice(control, guild, application)
    if code is None:
        voice.abort()
    else:
        voice.close(code)


def change_region(control: Control, channel: Channel) -> None:
    """Send the bots of a voice channel to another voice server, in the order of the options."""
    control.discord.change_region(channel)


def downgrade(control: Control, channel: Channel) -> None:
    """Have a call end its end-to-end encryption, as if someone came who does not speak it."""
    _call(control, channel).group.downgrade()


def upgrade(control: Control, channel: Channel) -> None:
    """Undo downgrade."""
    _call(control, channel).group.upgrade()


def corrupt(control: Control, channel: Channel, user: User, message: Literal["commit", "welcome"]) -> None:
    """Send a bot its next commit or welcome truncated: it must recover by op 31."""
    group = _call(control, channel).group
    spoil = group.corrupt_next_commit if message == "commit" else group.corrupt_next_welcome
    spoil(user.id)


def _voice(control: Control, guild: Guild, application: Application) -> VoiceConnection:
    if voice := control.discord.voice(guild, application):
        return voice
    raise not_there(f"{application.user.name} has no open voice connection in {guild.name}")


def _call(control: Control, channel: Channel) -> Call:
    if call := control.discord.call(channel):
        return call
    raise not_there(f"no bot is in voice in {channel.name}")


# HTTP


def inject(
    control: Control,
    method: str,
    path: str,
    *,
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] | None = 429,
    times: Annotated[int, msgspec.Meta(ge=1)] = 1,
    retry_after: Seconds = 1.0,
    is_global: bool = False,
    body: dict[str, Any] | None = None,
) -> None:
    """Have the next requests of a kind fail.

    The method * is any; * in the path, which is that below the API's base, stands for anything. The status 429 closes
    the bucket for retry_after seconds, is_global for all requests; null drops the connection without an answer. A body
    is answered in place of Discord's own words.
    """
    control.discord.inject(
        method, path, status=status, times=times, retry_after=retry_after, is_global=is_global, body=body
    )
