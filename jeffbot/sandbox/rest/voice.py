"""Voice states, and what voice channels say of themselves (Discord: Resources, Voice; Channel)."""

import datetime as dt

from ..world.guild import Guild
from ..world.payloads import Json, member_json, voice_state_json
from ..world.permissions import Permission
from ..world.values import Channel, ChannelType, User, VoiceState
from .call import Call
from .refusals import (
    MISSING_ACCESS,
    UNKNOWN_CHANNEL,
    UNKNOWN_VOICE_STATE,
    WRONG_CHANNEL_TYPE,
)


def mine(call: Call) -> Json:
    """Get Current User Voice State."""
    guild = call.guild()
    return _json(guild, _state(guild, call.user))


def get(call: Call) -> Json:
    """Get User Voice State; the asker could connect to their channel."""
    guild, user = call.guild(), call.member().user
    state = _state(guild, user)
    if not guild.may(call.user, Permission.VIEW_CHANNEL | Permission.CONNECT, _channel(state)):
        raise MISSING_ACCESS.error()
    return _json(guild, state)


def change_mine(call: Call) -> None:
    """Modify Current User Voice State, in a stage channel.

    Unsuppressing oneself needs MUTE_MEMBERS, requesting to speak REQUEST_TO_SPEAK; the other way nothing is needed.
    """
    guild, body = call.guild(), call.body
    state = _stage_state(call, guild, call.user)
    changes = {}
    if body.get("suppress") is not None:
        if not body["suppress"]:
            call.need(Permission.MUTE_MEMBERS, _channel(state))
        changes["suppress"] = body["suppress"]
    if "request_to_speak_timestamp" in body:
        if body["request_to_speak_timestamp"] is not None:
            call.need(Permission.REQUEST_TO_SPEAK, _channel(state))
        changes["request_to_speak"] = body["request_to_speak_timestamp"]
    if changes:
        guild.change_voice(call.user, **changes)


def change(call: Call) -> None:
    """Modify User Voice State, in a stage channel: with MUTE_MEMBERS people are made speakers, or audience."""
    guild, user = call.guild(), call.member().user
    state = _stage_state(call, guild, user)
    call.need(Permission.MUTE_MEMBERS, _channel(state))
    suppress = call.body.get("suppress")
    if suppress is None:
        return
    invited = not suppress and not user.bot
    hand = dt.datetime.now(dt.UTC).isoformat() if invited else state.request_to_speak if not suppress else None
    guild.change_voice(user, suppress=suppress, request_to_speak=hand)


def set_status(call: Call) -> None:
    """Set Voice Channel Status; from outside it, MANAGE_CHANNELS is needed, too."""
    channel = call.channel()
    if channel.kind is not ChannelType.VOICE:
        raise WRONG_CHANNEL_TYPE.error()
    inside = call.user in channel.occupants
    call.need(Permission.SET_VOICE_CHANNEL_STATUS, channel)
    if not inside:
        call.need(Permission.MANAGE_CHANNELS, channel)
    channel.guild.set_voice_status(channel, call.body.get("status") or None)


def _state(guild: Guild, user: User) -> VoiceState:
    if state := guild.voice_states.get(user.id):
        return state
    raise UNKNOWN_VOICE_STATE.error()


def _channel(state: VoiceState) -> Channel:
    if state.channel is None:
        raise UNKNOWN_VOICE_STATE.error()
    return state.channel


def _stage_state(call: Call, guild: Guild, user: User) -> VoiceState:
    """A voice state in a stage channel; ``channel_id``, if given, must be that channel."""
    state = _state(guild, user)
    channel = _channel(state)
    named = call.body.get("channel_id")
    if named is not None and int(named) != channel.id:
        raise UNKNOWN_VOICE_STATE.error() if int(named) in call.world.channels else UNKNOWN_CHANNEL.error()
    if channel.kind is not ChannelType.STAGE:
        raise WRONG_CHANNEL_TYPE.error()
    return state


def _json(guild: Guild, state: VoiceState) -> Json:
    return voice_state_json(state) | {
        "guild_id": str(guild.id),
        "member": member_json(guild.members[state.user.id]),
    }
