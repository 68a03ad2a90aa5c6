"""The voice server: follows the world's voice states, says which bot may connect, and holds the calls."""

import asyncio
import itertools
import secrets
from collections.abc import Callable, Iterator
from functools import partial

from ..connection import AUTHENTICATION_FAILED, SESSION_INVALID, Connection
from ..errors import ProtocolError
from ..findings import Findings, Kind
from ..options import Options, Order
from ..world.events import Change, ChannelChanged, Event, VoiceStateChanged
from ..world.guild import Guild
from ..world.payloads import Json
from ..world.values import Channel, ChannelType, User, VoiceState
from ..world.world import World
from .call import Call
from .connections import ENDING_CODES, Grant, VoiceConnection
from .messages import Identify, Resume
from .reception import Reception

DISCONNECTED, SERVER_NOT_FOUND, CALL_TERMINATED, DAVE_REQUIRED = 4014, 4011, 4022, 4017


class VoiceServer:
    """Follows the world's voice states, and receives RTP.

    Args:
        world: Whose voice states decide.
        options: Delays, faults and encryption.
        findings: Told what clients should not do.
        announce: Sends VOICE_SERVER_UPDATE to a bot.
    """

    def __init__(
        self, world: World, options: Options, findings: Findings, announce: Callable[[Guild, User, Json], None]
    ) -> None:
        self.world = world
        self.options = options
        self.endpoints: tuple[str, ...] = ("",)
        """Names of one and the same server; a change of region goes to the next."""
        self._history: dict[tuple[int, int], list[VoiceConnection]] = {}
        self._findings = findings
        self._announce = announce
        self._grants: dict[int, dict[int, Grant]] = {}
        """By guild and bot."""
        self._calls: dict[int, Call] = {}
        self._regions: dict[int, int] = {}
        self._ssrcs = itertools.count(1000)
        self._timers: set[asyncio.TimerHandle] = set()
        self._reception = Reception(options, findings, lambda voice: self.call(voice.channel), world.touch)
        world.subscribe(self._follow)

    @property
    def udp_port(self) -> int:
        """Where RTP is received."""
        return self._reception.udp.port

    @property
    def lags(self) -> list[float]:
        """How long, in seconds, the latest packets waited for this process; where the kernel stamps packets."""
        return list(self._reception.udp.lags)

    async def open(self) -> None:
        """Begin to receive RTP."""
        await self._reception.udp.open()

    def close(self) -> None:
        """Free the UDP port, and forget every call."""
        self._reception.close()
        for timer in self._timers:
            timer.cancel()
        for call in self._calls.values():
            call.close()
        self._calls.clear()

    def connections(self, guild: Guild, user: User) -> list[VoiceConnection]:
        """All connections of a bot in a guild, oldest first, ended ones included."""
        return self._history.get((guild.id, user.id), [])

    def call(self, channel: Channel) -> Call | None:
        """The call in a voice channel, if a bot is connected there."""
        return self._calls.get(channel.id)

    # Clients

    def admit(self, identify: Identify, connection: Connection) -> VoiceConnection:
        """Let a client in.

        Raises:
            ProtocolError: 4011 if there is no such guild, 4006 if there is no such stay in voice (any more), 4004 for
                a wrong token, 4017 for a client that does not encrypt end to end where that is demanded.
        """
        grant = self._granted(identify)
        if grant.user.id != identify.user_id:
            raise ProtocolError(SESSION_INVALID)
        max_version = identify.max_dave_protocol_version or 0
        encrypts = self.options.dave_version and grant.channel.kind is not ChannelType.STAGE
        if encrypts and self.options.dave_required and max_version < 1:
            raise ProtocolError(DAVE_REQUIRED)
        self._end_stay(grant.guild, grant.user)
        note = partial(self._note, grant.user.name)
        voice = VoiceConnection(grant, next(self._ssrcs), max_version, connection, note)
        self._reception.add(voice)
        self._history.setdefault((voice.guild.id, voice.user_id), []).append(voice)
        self.world.touch()
        return voice

    def resume(self, resume: Resume, connection: Connection) -> VoiceConnection:
        """Let a client go on that has lost its WebSocket.

        Raises:
            ProtocolError: 4006 if that cannot be, 4004 for a wrong token, 4011 if there is no such guild.
        """
        grant = self._granted(resume)
        voice = self._current(grant.guild, grant.user)
        if voice is None or voice.grant is not grant:
            raise ProtocolError(SESSION_INVALID)
        voice.resume(connection, resume.seq_ack)
        self.world.touch()
        return voice

    def describe(self, voice: VoiceConnection, mode: str) -> None:
        """The client has chosen how to encrypt, and is in the call from now on; if it is already, it begins anew."""
        call = self._calls.get(voice.channel.id)
        if call is None:
            call = self._calls[voice.channel.id] = Call(voice.channel, self.options, self._findings)
        again = voice.described
        voice.describe(mode, call.group.version_with(voice.max_version))
        if again:
            call.group.join(voice)
        else:
            call.add_connection(voice)
        self.world.touch()

    def speak(self, voice: VoiceConnection, flags: int) -> None:
        """The client says whether it speaks."""
        self._reception.udp.catch_up()  # what it has sent before
        voice.speaking = flags
        voice.speaking_history.append(flags)
        if flags:
            self._reception.release(voice)
        if call := self._calls.get(voice.channel.id):
            call.speak(voice)
        self.world.touch()

    def lost(self, voice: VoiceConnection) -> None:
        """The client's WebSocket is closed: for good, or for a while if it can resume."""
        if voice.ended or voice.connected:
            return
        if voice.close_code in ENDING_CODES:
            self._end(voice)
        else:
            voice.stream.cut()
            self._later(self.options.voice_resume_window, lambda: self._give_up(voice))
        self.world.touch()

    def move_server(self, channel: Channel) -> None:
        """The channel's region changes: its bots are sent to another voice server, and closed with 4022."""
        self._regions[channel.guild.id] = self._regions.get(channel.guild.id, 0) + 1
        for voice in list(self._bots_in(channel)):
            self._close(voice, CALL_TERMINATED, late=self.options.order is Order.EVENTS_FIRST)
            self._offer(channel.guild, channel.guild.voice_states[voice.user_id])

    # The world

    def _follow(self, event: Event) -> None:
        match event:
            case VoiceStateChanged(guild, state, previous):
                if state.user.bot:
                    self._follow_bot(guild, state, previous)
                elif previous is not state.channel:
                    self._follow_person(state, previous)
            case ChannelChanged(channel, Change.DELETED):
                for voice in list(self._bots_in(channel)):
                    self._close(voice, CALL_TERMINATED)

    def _follow_person(self, state: VoiceState, previous: Channel | None) -> None:
        if previous and (call := self._calls.get(previous.id)):
            call.remove(state.user.id)
        if state.channel and (call := self._calls.get(state.channel.id)):
            call.add_listener(state.user)

    def _follow_bot(self, guild: Guild, state: VoiceState, previous: Channel | None) -> None:
        """End the old stay if the bot left or moved, and offer a new one if it has none."""
        if state.channel is not previous:
            self._grants.get(guild.id, {}).pop(state.user.id, None)
            self._end_stay(guild, state.user)
        current = self._current(guild, state.user)
        if state.channel and not (current and current.connected):
            self._offer(guild, state)

    def _offer(self, guild: Guild, state: VoiceState) -> None:
        """Send VOICE_SERVER_UPDATE; by default in the next turn of the loop, after VOICE_STATE_UPDATE."""
        assert state.channel is not None  # noqa: S101 - only asked for those who are in voice
        token = secrets.token_hex(8)
        grant = Grant(guild, state.channel, state.user, state.session_id, token)
        self._grants.setdefault(guild.id, {})[state.user.id] = grant
        endpoint = self.endpoints[self._regions.get(guild.id, 0) % len(self.endpoints)]
        payload = {"token": token, "guild_id": str(guild.id), "endpoint": endpoint}
        if self.connections(guild, state.user) and self.options.order is Order.CLOSE_FIRST:
            self._later(2 * self.options.order_gap, lambda: self._announce(guild, state.user, payload))
        elif self.options.server_first:
            self._announce(guild, state.user, payload)
        else:
            asyncio.get_running_loop().call_soon(self._announce, guild, state.user, payload)

    def _granted(self, asked: Identify | Resume) -> Grant:
        if asked.server_id not in self.world.guilds:
            raise ProtocolError(SERVER_NOT_FOUND)
        for grant in self._grants.get(asked.server_id, {}).values():
            if grant.session_id == asked.session_id:
                if not secrets.compare_digest(grant.token.encode(), asked.token.encode()):
                    raise ProtocolError(AUTHENTICATION_FAILED)
                return grant
        raise ProtocolError(SESSION_INVALID)

    def _current(self, guild: Guild, user: User) -> VoiceConnection | None:
        """The bot's connection that has not ended; it may have lost its WebSocket."""
        history = self.connections(guild, user)
        return history[-1] if history and not history[-1].ended else None

    def _bots_in(self, channel: Channel) -> Iterator[VoiceConnection]:
        for state in channel.guild.voice_states.values():
            voice = self._current(channel.guild, state.user) if state.channel is channel else None
            if voice:
                yield voice

    def _end_stay(self, guild: Guild, user: User) -> None:
        if voice := self._current(guild, user):
            self._close(voice, DISCONNECTED, late=self.options.order is Order.EVENTS_FIRST)

    def _close(self, voice: VoiceConnection, code: int, *, late: bool = False) -> None:
        self._end(voice)
        if late:
            self._later(self.options.order_gap, lambda: voice.close(code))
        else:
            voice.close(code)

    def _end(self, voice: VoiceConnection) -> None:
        if voice.ended:
            return
        voice.ended = True
        self._reception.remove(voice)
        call = self._calls.get(voice.channel.id)
        if call and call.connections.get(voice.user_id) is voice:
            call.remove(voice.user_id)
            if not call.connections:
                call.close()
                del self._calls[voice.channel.id]
        self.world.touch()

    def _note(self, client: str, kind: Kind, text: str) -> None:
        self._findings.note(kind, client, text)

    def _give_up(self, voice: VoiceConnection) -> None:
        if not voice.connected:
            self._end(voice)

    def _later(self, seconds: float, do: Callable[[], object]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            do()

        timer = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(timer)
