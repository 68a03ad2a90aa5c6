"""Playing, and what can be done about that which plays."""

from msgspec import UNSET

from ...models import LinkState
from ...playback import Playback
from .. import replies, requests
from ..desk import Call, Desk


async def play(desk: Desk, call: Call, request: requests.Play) -> replies.Playing:
    """Play one sound where the user is."""
    playback = await desk.service.play(
        call.caller, request.filename, mode=request.mode, retrigger=request.retrigger, volume=request.volume
    )
    return _playing(desk, call, playback, request.filename)


async def random(desk: Desk, call: Call, request: requests.Random) -> replies.Playing:
    """Play any sound where the user is, but not the one played last in that guild while there is another."""
    playback = await desk.service.random(call.caller, mode=request.mode, volume=request.volume, tag=request.tag)
    reply = _playing(desk, call, playback, playback.sound.name)
    reply.random = True
    return reply


async def stop(desk: Desk, call: Call, request: requests.Stop) -> replies.Stopped:
    """End what plays where the user is, and what waits; or one sound, or the user's own."""
    await desk.service.stop(call.caller, request.playback_id, mine=request.mine)
    return replies.Stopped()


async def skip(desk: Desk, call: Call, _request: requests.Targeted) -> replies.Skipped:
    """End what sounds, and go on with what waits."""
    waiting = desk.service.queue(call.caller)
    await desk.service.skip(call.caller)
    return replies.Skipped(next=waiting[0].id if waiting else None)


async def player(desk: Desk, call: Call, request: requests.Player) -> replies.PlayerReply:
    """Tell how the player is; pause it, let it go on, or set how loud all is."""
    service, caller = desk.service, call.caller
    if request.paused is not UNSET:
        paused = service.status(caller).paused
        wanted = not paused if request.paused == "toggle" else request.paused
        if wanted and not paused:
            await service.pause(caller)
        elif paused and not wanted:
            await service.resume(caller)
    if request.volume is not UNSET:
        await service.set_volume(caller, request.volume)
    return replies.PlayerReply(player=_player_state(desk, call))


async def queue(desk: Desk, call: Call, request: requests.Queue) -> replies.QueueReply:
    """Tell what waits; take some of it out, or all."""
    if request.changes:
        await desk.service.unqueue(call.caller, None if request.clear else request.remove)
    waiting = desk.service.queue(call.caller)
    return replies.QueueReply(queue=tuple(map(queued, waiting)))


async def status(desk: Desk, call: Call, _request: requests.Targeted) -> replies.StatusReport:
    """Tell what the bot does where the user is."""
    status = desk.service.status(call.caller)
    now = status.now_playing
    return replies.StatusReport(
        connected=status.connected,
        playing=status.playing,
        now_playing=None
        if now is None
        else replies.NowPlaying(
            title=now.title,
            filename=now.sound.name,
            user_id=str(now.user_id),
            playback_id=now.id,
            started_at=now.started_at or 0.0,
            position=now.position,
            duration=now.duration,
        ),
        sound_count=status.sound_count,
        server_time=status.server_time,
        channel=status.channel,
        paused=status.paused,
        encoding=None
        if status.encoding is None
        else replies.EncodingProgress(status.encoding.done, status.encoding.total),
        voice=status.voice,
        guild_id=None if status.guild_id is None else str(status.guild_id),
    )


async def diagnose(desk: Desk, call: Call, _request: requests.Targeted) -> replies.Diagnosis:
    """Tell why the user may hear nothing, and what to do about it."""
    return replies.Diagnosis(findings=desk.service.diagnose(call.caller))


async def ping(desk: Desk, _call: Call, _request: requests.Request) -> replies.Pong:
    """Tell that the server is there, and its time."""
    return replies.Pong(server_time=desk.clock())


def queued(playback: Playback) -> replies.QueuedSound:
    """A sound that waits, as clients see it."""
    return replies.QueuedSound(
        playback_id=playback.id,
        filename=playback.sound.name,
        title=playback.title,
        user_id=str(playback.user_id),
        duration=playback.duration,
    )


def _playing(desk: Desk, call: Call, playback: Playback, filename: str) -> replies.Playing:
    reply = replies.Playing(
        filename=filename,
        title=playback.title,
        channel=playback.place.channel,
        playback_id=playback.id,
        duration=playback.duration,
    )
    if playback.started_at is None:
        reply.queued = True
        waiting = [item.id for item in desk.service.queue(call.caller)]
        reply.position = waiting.index(playback.id) + 1 if playback.id in waiting else UNSET
    return reply


def _player_state(desk: Desk, call: Call) -> replies.PlayerState:
    status = desk.service.status(call.caller)
    now = status.now_playing
    return replies.PlayerState(
        guild_id=None if status.guild_id is None else str(status.guild_id),
        channel=status.channel,
        state="paused" if now and status.paused else _STATES.get(status.voice.state, "idle"),
        title=now.title if now else None,
        filename=now.sound.name if now else None,
        playback_id=now.id if now else None,
        user_id=str(now.user_id) if now else None,
        position=now.position if now else None,
        duration=now.duration if now else None,
        volume=status.volume,
    )


_STATES: dict[LinkState, replies.PlayerStateName] = {
    LinkState.JOINING: "joining",
    LinkState.PLAYING: "playing",
    LinkState.RECOVERING: "recovering",
}
