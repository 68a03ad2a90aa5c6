"""What remote clients can ask for: one table, from action to request, handler and reply."""

import bisect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET

from ..errors import ErrorCode
from ..models import Caller
from ..playback import Playback, Status
from ..service import SoundService
from . import protocol
from .listings import Listings

MAX_PAGE = 1000
"""The most sounds of one page of ``list``."""

type Handler = Callable[["Actions", Caller, Any], Awaitable[protocol.Reply]]


@dataclass(frozen=True, slots=True)
class Action:
    """How one action is read, carried out and refused."""

    request: type[protocol.Request]
    handler: Handler
    trouble: ErrorCode
    """The code of failures that have none of their own."""
    trouble_message: str
    """What a client is told of a fault of ours."""
    bad_field: ErrorCode
    """The code of a request whose fields are wrong."""
    bad_field_message: str
    starts_sound: bool = False
    """Whether it waits for a sound to begin; others are not kept waiting by it."""

    def refusal(self, error: msgspec.ValidationError) -> tuple[ErrorCode, str]:
        """Code and message for a request whose fields are wrong."""
        if any(f"`$.{field}`" in str(error) for field in protocol.PLAY_FIELDS):
            return ErrorCode.INVALID_FIELD, str(error)
        return self.bad_field, self.bad_field_message


class Actions:
    """The actions of one soundboard."""

    def __init__(self, service: SoundService, clock: Callable[[], float] = time.time) -> None:
        self._service = service
        self._clock = clock
        self._listings = Listings(service)

    async def list(self, caller: Caller, request: protocol.List) -> protocol.Listing:
        """All sounds the caller sees by name, or a page of them."""
        await self._service.wait_ready()
        sounds = self._service.sounds(caller=caller)
        if request.limit is None and request.cursor is None:
            encoded = await self._listings.whole(sounds)
            return protocol.Listing(sounds=encoded, count=len(sounds))
        start = bisect.bisect_right(sounds, request.cursor or "", key=lambda sound: sound.name)
        limit = MAX_PAGE if request.limit is None else max(1, min(request.limit, MAX_PAGE))
        page = sounds[start : start + limit]
        more = start + limit < len(sounds)
        return protocol.Listing(
            sounds=self._listings.encode(page),
            count=len(page),
            total=len(sounds),
            cursor=page[-1].name if more else UNSET,
        )

    async def play(self, caller: Caller, request: protocol.Play) -> protocol.Playing:
        """Play one sound where the caller is."""
        playback = await self._service.play(
            caller, request.filename, mode=request.mode, retrigger=request.retrigger, volume=request.volume
        )
        return _playing(playback, request.filename)

    async def random(self, caller: Caller, request: protocol.Random) -> protocol.Playing:
        """Play any sound where the caller is."""
        playback = await self._service.random(caller, mode=request.mode, volume=request.volume)
        reply = _playing(playback, playback.sound.name)
        reply.random = True
        return reply

    async def stop(self, caller: Caller, request: protocol.Stop) -> protocol.Stopped:
        """End what plays where the caller is."""
        await self._service.stop(caller, request.playback_id)
        return protocol.Stopped()

    async def status(self, caller: Caller, _request: protocol.Request) -> protocol.StatusReport:
        """Tell what the bot does where the caller is."""
        return _report(self._service.status(caller))

    async def diagnose(self, caller: Caller, _request: protocol.Request) -> protocol.Diagnosis:
        """Tell why the caller may hear nothing."""
        return protocol.Diagnosis(findings=self._service.diagnose(caller))

    async def ping(self, _caller: Caller | None, _request: protocol.Request) -> protocol.Pong:
        """Tell that the server is there."""
        return protocol.Pong(server_time=self._clock())


def _action(
    request: type[protocol.Request],
    handler: Handler,
    trouble: ErrorCode,
    trouble_message: str,
    *,
    bad_field: tuple[ErrorCode, str] | None = None,
    starts_sound: bool = False,
) -> Action:
    code, message = bad_field or (trouble, "A field of the request is of the wrong kind")
    return Action(request, handler, trouble, trouble_message, code, message, starts_sound)


ACTIONS = {
    "list": _action(protocol.List, Actions.list, ErrorCode.LIST_ERROR, "Error retrieving sound list"),
    "play": _action(
        protocol.Play,
        Actions.play,
        ErrorCode.PLAY_ERROR,
        "Error playing sound",
        bad_field=(ErrorCode.MISSING_FILENAME, "Filename required"),
        starts_sound=True,
    ),
    "random": _action(
        protocol.Random,
        Actions.random,
        ErrorCode.RANDOM_ERROR,
        "Error playing random sound",
        starts_sound=True,
    ),
    "stop": _action(protocol.Stop, Actions.stop, ErrorCode.STOP_ERROR, "Error stopping playback"),
    "status": _action(protocol.Request, Actions.status, ErrorCode.STATUS_ERROR, "Error retrieving status"),
    "diagnose": _action(protocol.Request, Actions.diagnose, ErrorCode.ACTION_ERROR, "Error looking for the cause"),
    "ping": _action(protocol.Request, Actions.ping, ErrorCode.ACTION_ERROR, "Error executing the action"),
}
AUTHENTICATE = "authenticate"
UNAUTHENTICATED = frozenset({AUTHENTICATE, "ping"})
"""What may be asked before signing in."""
IMMEDIATE = frozenset({"stop", "status", "diagnose", "ping"})
"""What is answered at once, ahead of answers that still wait for a sound to begin."""


def _playing(playback: Playback, filename: str) -> protocol.Playing:
    return protocol.Playing(
        filename=filename,
        title=playback.sound.title,
        channel=playback.place.channel,
        playback_id=playback.id,
        duration=playback.duration,
        queued=UNSET if playback.started_at else True,
    )


def _report(status: Status) -> protocol.StatusReport:
    now = status.now_playing
    return protocol.StatusReport(
        connected=status.connected,
        playing=status.playing,
        now_playing=None
        if now is None
        else protocol.NowPlaying(
            title=now.sound.title,
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
        else protocol.EncodingProgress(status.encoding.done, status.encoding.total),
        voice=status.voice,
    )
