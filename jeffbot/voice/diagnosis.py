"""Why a member hears nothing, as far as Nextcord's cache and the voice connection tell.

Cost: some microseconds, and O(members in voice) where the channel has a user limit. Nothing is asked of Discord.
"""

from collections.abc import Iterator

import nextcord

from ..models import LinkState, UserId, VoiceReport
from .encryption import VocalChannel
from .manners import is_full, lacking_permissions, why_mute


def diagnose(guild: nextcord.Guild, user_id: UserId, report: VoiceReport) -> tuple[str, ...]:
    """What keeps a member from hearing the bot: sentences for them, the most likely cause first; often none."""
    theirs = guild._voice_state_for(user_id)  # public only by way of a cached member
    if theirs is None or theirs.channel is None:
        return ("You are in no voice channel of this server. Join one, then press a sound.",)
    return *_ears(theirs), *_place(guild, theirs.channel), *_link(guild, report)


def _ears(theirs: nextcord.VoiceState) -> Iterator[str]:
    if theirs.self_deaf:
        yield "You have deafened yourself in Discord. Click the headphones at the bottom left."
    if theirs.deaf:
        yield "You are deafened in this server. Ask a moderator to undeafen you."


def _place(guild: nextcord.Guild, channel: VocalChannel) -> Iterator[str]:
    """Where the bot is, or could not be."""
    ours = guild.me.voice.channel if guild.me.voice else None
    if guild.afk_channel and guild.afk_channel.id == channel.id:
        yield f"{channel.name} is where this server puts who is away, and nobody is heard there. Join another channel."
    if ours and ours.id != channel.id:
        yield f"You are in {channel.name}, the bot is in {ours.name}. Join it, or press a sound from where you are."
    if lacking := lacking_permissions(channel):
        yield (
            f"The bot lacks the permission to {lacking} in {channel.name}. Who manages the channel can grant it: "
            "Edit Channel, Permissions."
        )
    elif ours and ours.id == channel.id:
        if why := why_mute(guild):
            yield f"{why}."
    elif is_full(channel):
        yield f"{channel.name} is full. Make room, raise its user limit, or join another channel."


def _link(guild: nextcord.Guild, report: VoiceReport) -> Iterator[str]:
    why = report.last_close or "it was lost"
    match report.state:
        case LinkState.IDLE if guild.voice_client:
            yield "Another part of this bot is using voice in this server. Have it leave, then press a sound."
        case LinkState.IDLE if report.last_close:
            yield f"The bot is in no voice channel. Last time voice ended so: {why}. Press a sound, and it joins again."
        case LinkState.JOINING:
            yield "The bot is joining a voice channel. Give it a few seconds."
        case LinkState.RECOVERING:
            yield (
                f"The voice connection ended ({why}) and is being made anew. Wait; if that takes more than half a "
                "minute, press a sound again."
            )
        case LinkState.GONE:
            yield "The soundboard is being unloaded. Try again when the bot has loaded it anew."
        case LinkState.READY | LinkState.PLAYING:
            yield from _packets(report)


def _packets(report: VoiceReport) -> Iterator[str]:
    if not report.decryptable:
        yield (
            "What the bot sends is not end-to-end encrypted, and listeners drop it: no key has been agreed on. The bot "
            "joins anew within seconds; if that does not help, leave the channel and come back."
        )
    if not report.packets_leave or (report.state is LinkState.PLAYING and not report.packets_sent):
        yield (
            "A sound plays, but nothing of it has left the bot's machine. Whoever runs the bot finds in its log why; "
            "UDP must be let out."
        )
