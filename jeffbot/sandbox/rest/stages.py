"""Stage instances: stages that are live (Discord: Resources, Stage Instance)."""

from ..world.payloads import Json, stage_json
from ..world.permissions import Permission
from ..world.values import Channel, ChannelType, StageInstance
from .call import Call
from .refusals import STAGE_ALREADY_OPEN, UNKNOWN_CHANNEL, UNKNOWN_STAGE, WRONG_CHANNEL_TYPE

MODERATOR = Permission.MANAGE_CHANNELS | Permission.MUTE_MEMBERS | Permission.MOVE_MEMBERS
"""Stage Instance, "Definitions"."""


def open_stage(call: Call) -> Json:
    """Create Stage Instance."""
    place = call.place_of(int(call.body["channel_id"]))
    if not isinstance(place, Channel):
        raise UNKNOWN_CHANNEL.error()
    if place.kind is not ChannelType.STAGE:
        raise WRONG_CHANNEL_TYPE.error()
    call.need(MODERATOR, place)
    if place.stage:
        raise STAGE_ALREADY_OPEN.error()
    return stage_json(place, place.guild.open_stage(place, call.body["topic"]))


def get(call: Call) -> Json:
    """Get Stage Instance."""
    return stage_json(*_stage(call))


def change(call: Call) -> Json:
    """Modify Stage Instance."""
    channel, stage = _moderated(call)
    if topic := call.body.get("topic"):
        channel.guild.change_stage(channel, topic)
    return stage_json(channel, stage)


def close(call: Call) -> None:
    """Delete Stage Instance."""
    channel, _ = _moderated(call)
    channel.guild.close_stage(channel)


def _stage(call: Call) -> tuple[Channel, StageInstance]:
    channel = call.channel()
    if channel.stage is None:
        raise UNKNOWN_STAGE.error()
    return channel, channel.stage


def _moderated(call: Call) -> tuple[Channel, StageInstance]:
    channel, stage = _stage(call)
    call.need(MODERATOR, channel)
    return channel, stage
